#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <torchbolt/core/error.h>
#include <torchbolt/data/batch_plan.h>

#include <algorithm>
#include <string>

#include "data/loader_checks.h"

namespace bolt::detail {
namespace {

uint64_t default_seed() {
  return at::globalContext().defaultGenerator(at::kCPU).current_seed();
}

// A stream for each batch, none of them that of an epoch's order.
Rng batch_rng(uint64_t seed, int64_t epoch, int64_t batch) {
  Rng of_epoch(~seed, static_cast<uint64_t>(epoch));
  return Rng(of_epoch.next(), static_cast<uint64_t>(batch));
}

int64_t checked_size(const char* of, int64_t size) {
  if (size >= 0) return size;
  throw DataError(
      {.where = "DataLoader",
       .what = std::string("the size of the ") + of + " is negative",
       .got = std::to_string(size),
       .expected = "0 or more"});
}

void check(const DataLoaderOptions& options) {
  check_least("DataLoader", "batch_size", options.batch_size, 1);
  check_workers("DataLoader", options.num_workers, options.prefetch_factor);
  const auto contradict = [](const char* one, const char* other) {
    throw ConfigError(
        {.where = "DataLoader",
         .what = std::string(one) + " and " + other + " contradict",
         .tip = std::string("leave ") + other + " out"});
  };
  if (options.sampler != nullptr && options.shuffle) {
    contradict("sampler", "shuffle");
  }
  if (options.batch_sampler == nullptr) return;
  if (options.sampler != nullptr) contradict("batch_sampler", "sampler");
  if (options.shuffle) contradict("batch_sampler", "shuffle");
  if (options.drop_last) contradict("batch_sampler", "drop_last");
  if (options.batch_size != 1) contradict("batch_sampler", "batch_size");
}

}  // namespace

BatchPlan::BatchPlan(int64_t samples, const DataLoaderOptions& options)
    : data_size_(checked_size("dataset", samples)),
      samples_(options.sampler != nullptr
                   ? checked_size("sampler", options.sampler->size())
                   : samples),
      batch_size_(options.batch_size),
      drop_last_(options.drop_last),
      shuffle_(options.shuffle),
      seed_(options.seed ? *options.seed : default_seed()),
      sampler_(options.sampler),
      batch_sampler_(options.batch_sampler) {
  check(options);
  if (batch_sampler_ != nullptr) {
    checked_size("batch_sampler", batch_sampler_->size());
  }
  if (shuffle_) sampler_ = std::make_shared<RandomSampler>(samples_, seed_);
}

BatchPlan::BatchPlan(const BatchPlan& other)
    : data_size_(other.data_size_),
      samples_(other.samples_),
      batch_size_(other.batch_size_),
      drop_last_(other.drop_last_),
      shuffle_(other.shuffle_),
      in_order_(other.in_order_),
      seed_(other.seed_),
      sampler_(other.sampler_),
      batch_sampler_(other.batch_sampler_),
      sampler_mutex_(other.sampler_mutex_) {
  if (shuffle_) sampler_ = std::make_shared<RandomSampler>(samples_, seed_);
}

BatchPlan& BatchPlan::operator=(const BatchPlan& other) {
  if (this == &other) return *this;
  std::destroy_at(this);
  return *std::construct_at(this, other);
}

int64_t BatchPlan::size() const {
  if (batch_sampler_ != nullptr) return batch_sampler_->size();
  const bool rest = !drop_last_ && samples_ % batch_size_ != 0;
  return samples_ / batch_size_ + (rest ? 1 : 0);
}

void BatchPlan::check_order(std::span<const int64_t> order,
                            int64_t most) const {
  const auto refuse = [](std::string what, std::string got,
                         std::string expected) {
    throw DataError({.where = "DataLoader",
                     .what = std::move(what),
                     .got = std::move(got),
                     .expected = std::move(expected)});
  };
  const auto check_index = [&](int64_t index) {
    if (index >= 0 && index < data_size_) return;
    refuse("the sampler asks for a sample that isn't there",
           std::to_string(index), "0 to " + std::to_string(data_size_ - 1));
  };
  if (most > 0 && order.empty()) return check_index(most - 1);  // as they are
  if (most >= 0 && static_cast<int64_t>(order.size()) != most) {
    refuse("the sampler's order has not the length that it announced",
           std::to_string(order.size()), std::to_string(most));
  }
  std::ranges::for_each(order, check_index);
}

void BatchPlan::draw(int64_t epoch) {
  // In order: a sampler's own samples, as they come in its first epoch.
  const int64_t of = in_order_ ? 0 : epoch;
  if (epoch_ == of) return;
  order_.clear();
  if (sampler_ != nullptr && !(shuffle_ && in_order_)) {
    const std::scoped_lock lock(*sampler_mutex_);
    const auto drawn = sampler_->order(of);
    order_.assign(drawn.begin(), drawn.end());
    check_order(order_, samples_);
  }
  epoch_ = of;
}

BatchSlice BatchPlan::at(int64_t epoch, int64_t batch) {
  BatchSlice slice{.rng = batch_rng(seed_, epoch, batch)};
  if (batch_sampler_ != nullptr) {
    const std::scoped_lock lock(*sampler_mutex_);
    const auto drawn = batch_sampler_->batch(in_order_ ? 0 : epoch, batch);
    order_.assign(drawn.begin(), drawn.end());
    if (order_.empty()) {
      throw DataError({.where = "DataLoader",
                       .what = "the batch_sampler gives a batch of no samples",
                       .got = "batch " + std::to_string(batch) + " of epoch " +
                              std::to_string(epoch),
                       .expected = "at least one index"});
    }
    check_order(order_, -1);
    slice.indices = order_;
    slice.count = static_cast<int64_t>(order_.size());
    return slice;
  }
  slice.first = batch * batch_size_;
  slice.count = std::min(batch_size_, samples_ - slice.first);
  draw(epoch);
  if (!order_.empty()) {
    slice.indices =
        std::span(order_).subspan(static_cast<std::size_t>(slice.first),
                                  static_cast<std::size_t>(slice.count));
  }
  return slice;
}

bool BatchPlan::shuffles() const {
  if (in_order_) return false;
  if (batch_sampler_ != nullptr) return batch_sampler_->shuffles();
  return sampler_ != nullptr && sampler_->shuffles();
}

void BatchPlan::keep_order(bool keep) {
  in_order_ = keep;
  epoch_.reset();
}

State BatchPlan::state() const {
  return State::map({{"seed", static_cast<int64_t>(seed_)},
                     {"samples", samples_},
                     {"batches", size()},
                     {"batch_size", batch_size_},
                     {"shuffle", shuffle_},
                     {"drop_last", drop_last_}});
}

void BatchPlan::load_state(const State& state) {
  const auto same = [&](const char* key, const State& now) {
    if (state.at(key) == now) return;
    throw CheckpointError(
        {.where = "DataLoader",
         .what = std::string("the loader is not the one that was saved: ") +
                 key + " differs",
         .got = now.to_string(),
         .expected = state.at(key).to_string()});
  };
  same("samples", samples_);
  same("batches", size());
  same("batch_size", batch_size_);
  same("shuffle", shuffle_);
  same("drop_last", drop_last_);
  seed_ = static_cast<uint64_t>(state.at("seed").as_int());
  if (shuffle_) sampler_ = std::make_shared<RandomSampler>(samples_, seed_);
  epoch_.reset();
}

}  // namespace bolt::detail
