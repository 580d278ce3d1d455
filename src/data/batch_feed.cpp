#include <torchbolt/core/error.h>
#include <torchbolt/data/batch_feed.h>

#include <algorithm>
#include <string>
#include <utility>

#include "data/loader_threads.h"

namespace bolt::detail {

BatchFeed::BatchFeed(int64_t samples, const DataLoaderOptions& options,
                     bool random, Load load)
    : plan_(samples, options),
      num_workers_(options.num_workers),
      prefetch_factor_(options.prefetch_factor),
      random_(random),
      load_(std::move(load)) {}

BatchFeed::~BatchFeed() = default;

void BatchFeed::follow(const BatchFeed& other) {
  plan_ = other.plan_;
  epoch_ = other.epoch_;
  pass_ = other.pass_;
  resume_at_ = other.resume_at_;
  position_ = resume_at_.value_or(0);
}

void BatchFeed::keep_order(bool keep) {
  if (threads_ != nullptr) threads_->stop();
  plan_.keep_order(keep);
}

void BatchFeed::set_epoch(int64_t epoch) {
  epoch_ = epoch;
  guess_.tell(epoch);
}

void BatchFeed::start() {
  if (!resume_at_) pass_ = 0;
  begin();
}

void BatchFeed::restart() {
  ++pass_;
  resume_at_.reset();
  begin();
}

void BatchFeed::begin() {
  position_ = std::exchange(resume_at_, std::nullopt).value_or(0);
  const int64_t length = std::min(size(), limit_);
  if (num_workers_ == 0 || position_ >= length) return;
  if (threads_ == nullptr) {
    threads_ = std::make_unique<LoaderThreads>(plan_, load_, num_workers_,
                                               num_workers_ * prefetch_factor_);
  }
  // Where all epochs are alike, what was loaded for one serves any.
  const bool alike = !random_ && !plan_.shuffles();
  threads_->steer({.epoch = alike ? 0 : pass_key(),
                   .batch = position_,
                   .length = length,
                   .epoch_step = alike ? 0 : guess_.step()});
}

bool BatchFeed::next(AnyBatch& batch) {
  if (position_ >= size()) return false;
  const int64_t at = position_++;
  if (threads_ != nullptr) {
    if (at < limit_) {
      threads_->take(batch);
      return true;
    }
    // Beyond the limit that it was told, a pass goes on without the threads.
    threads_->stop();
  }
  BatchSlice slice = plan_.at(pass_key(), at);
  load_(slice, batch);
  return true;
}

void BatchFeed::close() {
  threads_.reset();
  limit_ = std::numeric_limits<int64_t>::max();
  guess_.forget();
}

State BatchFeed::state() const {
  State state = plan_.state();
  state["epoch"] = epoch_;
  state["pass"] = pass_;
  state["position"] = position_;
  return state;
}

void BatchFeed::load_state(const State& state) {
  const int64_t position = state.at("position").as_int();
  if (position < 0 || position > size()) {
    throw CheckpointError({.where = "DataLoader",
                           .what = "the saved position is out of range",
                           .got = std::to_string(position),
                           .expected = "0 to " + std::to_string(size())});
  }
  if (threads_ != nullptr) threads_->stop();
  plan_.load_state(state);
  epoch_ = state.at("epoch").as_int();
  pass_ = state.at("pass").as_int();
  // A pass that was over begins anew.
  resume_at_ = position < size() ? position : 0;
  position_ = *resume_at_;
}

}  // namespace bolt::detail
