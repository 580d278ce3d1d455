#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <torchbolt/core/error.h>
#include <torchbolt/data/data_loader.h>

#include <string>

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

}  // namespace

BatchPlan::BatchPlan(int64_t samples, const DataLoaderOptions& options)
    : samples_(samples),
      batch_size_(options.batch_size),
      drop_last_(options.drop_last),
      shuffle_(options.shuffle),
      seed_(options.seed ? *options.seed : default_seed()) {
  if (batch_size_ < 1) {
    throw ConfigError({.where = "DataLoader",
                       .what = "batch_size is too small",
                       .got = std::to_string(batch_size_),
                       .expected = "at least 1"});
  }
  if (options.num_workers != 0) {
    throw ConfigError({.where = "DataLoader",
                       .what = "num_workers: threads that load ahead are not "
                               "there yet",
                       .got = std::to_string(options.num_workers),
                       .expected = "0"});
  }
  if (shuffle_) {
    sampler_ = std::make_unique<RandomSampler>(samples_, seed_);
  } else {
    sampler_ = std::make_unique<SequentialSampler>(samples_);
  }
}

int64_t BatchPlan::batches() const {
  return drop_last_ ? samples_ / batch_size_
                    : (samples_ + batch_size_ - 1) / batch_size_;
}

void BatchPlan::start() {
  position_ = std::exchange(resume_at_, std::nullopt).value_or(0);
  order_ = sampler_->order(epoch_);
}

std::optional<BatchPlan::Slice> BatchPlan::next() {
  if (position_ >= batches()) return std::nullopt;
  const int64_t batch = position_++;
  const int64_t first = batch * batch_size_;
  const int64_t count = std::min(batch_size_, samples_ - first);
  Slice slice{.first = first,
              .count = count,
              .rng = batch_rng(seed_, epoch_, batch)};
  if (!order_.empty()) {
    slice.indices = order_.subspan(static_cast<std::size_t>(first),
                                   static_cast<std::size_t>(count));
  }
  return slice;
}

void BatchPlan::keep_order() {
  shuffle_ = false;
  sampler_ = std::make_unique<SequentialSampler>(samples_);
  order_ = {};
}

State BatchPlan::state() const {
  return State::map({{"seed", static_cast<int64_t>(seed_)},
                     {"epoch", epoch_},
                     {"position", position_},
                     {"samples", samples_},
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
  same("batch_size", batch_size_);
  same("shuffle", shuffle_);
  same("drop_last", drop_last_);
  const int64_t position = state.at("position").as_int();
  if (position < 0 || position > batches()) {
    throw CheckpointError({.where = "DataLoader",
                           .what = "the saved position is out of range",
                           .got = std::to_string(position),
                           .expected = "0 to " + std::to_string(batches())});
  }
  seed_ = static_cast<uint64_t>(state.at("seed").as_int());
  epoch_ = state.at("epoch").as_int();
  if (shuffle_) sampler_ = std::make_unique<RandomSampler>(samples_, seed_);
  // A pass that was over begins anew.
  resume_at_ = position < batches() ? position : 0;
  position_ = *resume_at_;
}

}  // namespace bolt::detail
