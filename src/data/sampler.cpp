#include <torchbolt/core/error.h>
#include <torchbolt/data/sampler.h>
#include <torchbolt/state/rng.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <utility>

namespace bolt {
namespace {

template <class T>
void shuffle(std::vector<T>& items, Rng& rng) {
  for (std::size_t k = items.size(); k > 1; --k) {
    std::swap(items[k - 1], items[rng.below(k)]);
  }
}

Rng epoch_rng(uint64_t seed, int64_t epoch) {
  return Rng(seed, static_cast<uint64_t>(epoch));
}

std::vector<int64_t> counted(std::size_t count) {
  std::vector<int64_t> numbers(count);
  std::iota(numbers.begin(), numbers.end(), int64_t{0});
  return numbers;
}

}  // namespace

std::span<const int64_t> RandomSampler::order(int64_t epoch) {
  if (epoch_ != epoch) {
    order_ = counted(static_cast<std::size_t>(size_));
    Rng rng = epoch_rng(seed_, epoch);
    shuffle(order_, rng);
    epoch_ = epoch;
  }
  return order_;
}

std::span<const int64_t> SubsetRandomSampler::order(int64_t epoch) {
  order_ = indices_;
  Rng rng = epoch_rng(seed_, epoch);
  shuffle(order_, rng);
  return order_;
}

WeightedRandomSampler::WeightedRandomSampler(
    std::vector<double> weights, const WeightedRandomSamplerOptions& options)
    : weights_(std::move(weights)),
      num_samples_(
          options.num_samples.value_or(static_cast<int64_t>(weights_.size()))),
      replacement_(options.replacement),
      seed_(options.seed) {
  const auto refuse = [](std::string what, std::string got,
                         std::string expected) {
    throw ConfigError({.where = "WeightedRandomSampler",
                       .what = std::move(what),
                       .got = std::move(got),
                       .expected = std::move(expected)});
  };
  int64_t possible = 0;
  double sum = 0;
  for (std::size_t k = 0; k < weights_.size(); ++k) {
    if (!std::isfinite(weights_[k]) || weights_[k] < 0) {
      refuse("weight " + std::to_string(k) + " can't be one",
             std::to_string(weights_[k]), "a finite number, not negative");
    }
    possible += weights_[k] > 0 ? 1 : 0;
  }
  // Of the largest, so that no sum is infinite.
  const double largest =
      weights_.empty() ? 0 : *std::ranges::max_element(weights_);
  for (double& weight : weights_) {
    if (largest > 0) weight /= largest;
    cumulative_.push_back(sum += weight);
  }
  if (possible == 0) refuse("no sample can be drawn", "no weight above 0", "");
  if (num_samples_ < 0 || (!replacement_ && num_samples_ > possible)) {
    refuse("num_samples doesn't fit", std::to_string(num_samples_),
           replacement_ ? "at least 0"
                        : "at most " + std::to_string(possible) +
                              ", the samples with a weight above 0");
  }
}

std::span<const int64_t> WeightedRandomSampler::order(int64_t epoch) {
  Rng rng = epoch_rng(seed_, epoch);
  const auto wanted = static_cast<std::size_t>(num_samples_);
  order_.clear();
  if (replacement_) {
    for (std::size_t k = 0; k < wanted; ++k) {
      const double at = rng.uniform() * cumulative_.back();
      order_.push_back(std::ranges::upper_bound(cumulative_, at) -
                       cumulative_.begin());
    }
    return order_;
  }
  std::vector<std::pair<double, int64_t>> keys;
  for (std::size_t k = 0; k < weights_.size(); ++k) {
    // Weight 0 comes last, and num_samples ends before it.
    const double key = weights_[k] > 0
                           ? std::log(1 - rng.uniform()) / weights_[k]
                           : -std::numeric_limits<double>::infinity();
    keys.emplace_back(-key, static_cast<int64_t>(k));
  }
  std::ranges::sort(keys);
  for (std::size_t k = 0; k < wanted; ++k) order_.push_back(keys[k].second);
  return order_;
}

DistributedSampler::DistributedSampler(std::shared_ptr<Sampler> whole,
                                       int64_t rank, int64_t world_size)
    : whole_(std::move(whole)), rank_(rank), world_size_(world_size) {
  if (whole_ != nullptr && rank >= 0 && rank < world_size) return;
  throw ConfigError(
      {.where = "DistributedSampler",
       .what = whole_ == nullptr ? "there is no sampler to share"
                                 : "the rank is none of this world",
       .got = whole_ == nullptr ? "null"
                                : std::to_string(rank) + " of " +
                                      std::to_string(world_size)});
}

int64_t DistributedSampler::size() const {
  return (whole_->size() - rank_ + world_size_ - 1) / world_size_;
}

std::span<const int64_t> DistributedSampler::order(int64_t epoch) {
  const std::span<const int64_t> all = whole_->order(epoch);
  order_.clear();
  for (int64_t k = rank_; k < whole_->size(); k += world_size_) {
    order_.push_back(all.empty() ? k : all[static_cast<std::size_t>(k)]);
  }
  return order_;
}

LengthBatchSampler::LengthBatchSampler(std::vector<int64_t> lengths,
                                       const LengthBatchSamplerOptions& options)
    : lengths_(std::move(lengths)),
      shuffle_(options.shuffle),
      seed_(options.seed) {
  const auto refuse = [](std::string what, int64_t got, std::string expected) {
    throw ConfigError({.where = "LengthBatchSampler",
                       .what = std::move(what),
                       .got = std::to_string(got),
                       .expected = std::move(expected)});
  };
  if (options.max_samples < 1) {
    refuse("max_samples is too small", options.max_samples, "at least 1");
  }
  const int64_t most =
      options.max_elements.value_or(std::numeric_limits<int64_t>::max());
  for (std::size_t k = 0; k < lengths_.size(); ++k) {
    if (lengths_[k] >= 0 && lengths_[k] <= most) continue;
    refuse("sample " + std::to_string(k) + " fits no batch", lengths_[k],
           "a length of 0 to " + std::to_string(most));
  }
  // Where batches begin depends on the sorted lengths alone: it is the same in
  // all epochs.
  std::vector<int64_t> sorted = lengths_;
  std::ranges::sort(sorted);
  starts_.push_back(0);
  for (std::size_t k = 0; k < sorted.size(); ++k) {
    const auto samples = static_cast<int64_t>(k - starts_.back()) + 1;
    if (samples > options.max_samples ||
        (sorted[k] > 0 && samples > most / sorted[k])) {
      starts_.push_back(k);
    }
  }
  if (!sorted.empty()) starts_.push_back(sorted.size());
}

void LengthBatchSampler::draw(int64_t epoch) {
  sorted_ = counted(lengths_.size());
  batches_.resize(static_cast<std::size_t>(size()));
  std::iota(batches_.begin(), batches_.end(), std::size_t{0});
  Rng rng = epoch_rng(seed_, epoch);
  if (shuffle_) shuffle(sorted_, rng);
  // By length; those of one length stay as they were drawn.
  std::vector<std::pair<int64_t, std::size_t>> keys;
  for (std::size_t k = 0; k < sorted_.size(); ++k) {
    keys.emplace_back(lengths_[static_cast<std::size_t>(sorted_[k])], k);
  }
  std::ranges::sort(keys);
  const std::vector<int64_t> drawn = sorted_;
  for (std::size_t k = 0; k < keys.size(); ++k) {
    sorted_[k] = drawn[keys[k].second];
  }
  if (shuffle_) shuffle(batches_, rng);
  epoch_ = epoch;
}

std::span<const int64_t> LengthBatchSampler::batch(int64_t epoch,
                                                   int64_t batch) {
  if (!epoch_ || (shuffle_ && epoch_ != epoch)) draw(epoch);
  const std::size_t at = batches_[static_cast<std::size_t>(batch)];
  return std::span(sorted_).subspan(starts_[at], starts_[at + 1] - starts_[at]);
}

}  // namespace bolt
