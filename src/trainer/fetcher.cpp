#include "trainer/fetcher.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "trainer/checks.h"

namespace bolt::detail {

namespace {

// Batches of a pass over combined loaders: limits count for each of them.
int64_t combined_length(const CombinedSource& combined,
                        const std::vector<int64_t>& limits) {
  std::vector<std::optional<int64_t>> sizes;
  for (std::size_t k = 0; k < limits.size(); ++k) {
    const int64_t size = combined.parts()[k].size().value_or(kUnknownBatches);
    const int64_t batches = std::min(size, limits[k]);
    sizes.push_back(batches == kUnknownBatches ? std::nullopt
                                               : std::optional(batches));
  }
  return combined_size(combined.mode(), sizes).value_or(kUnknownBatches);
}

}  // namespace

Fetcher::Fetcher(Loaders loaders, std::vector<int64_t> limits)
    : loaders_(std::move(loaders)), limits_(std::move(limits)) {
  if (const CombinedSource* combined = combined_of(loaders_)) {
    limits_ = {combined_length(*combined, limits_)};
  }
  for (std::size_t k = 0; k < loaders_.count(); ++k) {
    const int64_t size = loaders_[k].size().value_or(kUnknownBatches);
    const int64_t batches = std::min(size, limits_[k]);
    length_ = batches == kUnknownBatches || length_ == kUnknownBatches
                  ? kUnknownBatches
                  : length_ + batches;
  }
}

void Fetcher::start(std::optional<int64_t> epoch) {
  epoch_ = epoch;
  for (Fetched& slot : slots_) slot.batch.reset();
  loader_ = 0;
  loader_started_ = false;
  in_loader_ = 0;
  fetched_ = 0;
  skip_ = 0;
  ended_.reset();
  ahead_ = false;
  if (resume_) resume();
  done_ = fetched_ >= length_ || ended_.has_value();
  if (length_ == kUnknownBatches && !done_) fetch_ahead();
}

void Fetcher::resume() {
  const Resume from = *std::exchange(resume_, std::nullopt);
  if (!from.pass_is_over) in_loader_ = fetched_ = from.batches;
  if (!from.pass_is_over && !from.done) {
    if (from.loader.is_none() || from.again) skip_ = from.batches;
    if (!from.again) return;
  }
  if (!from.loader.is_none()) {
    // The first start() after load_state() would go on in the old pass.
    loaders_[0].set_limit(limits_[0]);
    loaders_[0].start();
  }
  if (!from.pass_is_over && from.done) ended_ = from.loader;
}

State Fetcher::state(bool before) const {
  State loader = ahead_ ? before_ahead_ : loaders_[0].state();
  if (ended_) loader = *ended_;
  return State::map({{"batches", given() - (before ? 1 : 0)},
                     {"loader", std::move(loader)},
                     {"done", done_ && !before},
                     {"again", before}});
}

void Fetcher::load_state(const State& state, bool pass_is_over) {
  resume_ =
      Resume{.loader = state.at("loader"),
             .batches = std::max<int64_t>(0, state.at("batches").as_int()),
             .done = state.at("done").as_bool(),
             .again = state.at("again").as_bool(),
             .pass_is_over = pass_is_over};
  if (!resume_->loader.is_none()) loaders_[0].load_state(resume_->loader);
}

void Fetcher::fetch_ahead() {
  if (tracks_) before_ahead_ = loaders_[0].state();
  ahead_ = pull(slots_[front_]);
}

bool Fetcher::begin_loader() {
  while (loader_ < loaders_.count()) {
    if (in_loader_ < limits_[loader_]) {
      if (!loader_started_) {
        if (epoch_) loaders_[loader_].set_epoch(*epoch_);
        loaders_[loader_].set_limit(limits_[loader_]);
        loaders_[loader_].start();
        loader_started_ = true;
        AnyBatch again;
        while (skip_ > 0 && loaders_[loader_].next(again)) --skip_;
        skip_ = 0;
      }
      return true;
    }
    ++loader_;
    loader_started_ = false;
    in_loader_ = 0;
  }
  return false;
}

bool Fetcher::pull(Fetched& into) {
  while (begin_loader()) {
    if (loaders_[loader_].next(into.batch)) {
      into.batch_idx = in_loader_++;
      into.dataloader_idx = static_cast<int64_t>(loader_);
      return true;
    }
    in_loader_ = limits_[loader_];  // shorter than it said, or than the limit
    if (in_loader_ == kUnknownBatches) {
      ++loader_;
      loader_started_ = false;
      in_loader_ = 0;
    }
  }
  return false;
}

Fetcher::Fetched* Fetcher::next() {
  if (length_ == kUnknownBatches) {
    if (!ahead_) return nullptr;
    Fetched& now = slots_[front_];
    front_ = 1 - front_;
    slots_[front_].batch.reset();
    fetch_ahead();
    done_ = !ahead_;
    return &now;
  }
  if (done_) return nullptr;
  // The batch before is let go of before the next one is made.
  slots_[0].batch.reset();
  if (!pull(slots_[0])) {
    done_ = true;
    return nullptr;
  }
  done_ = ++fetched_ >= length_;
  return &slots_[0];
}

}  // namespace bolt::detail
