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
  done_ = length_ == 0;
  ahead_ = length_ == kUnknownBatches && pull(slots_[front_]);
}

bool Fetcher::begin_loader() {
  while (loader_ < loaders_.count()) {
    if (in_loader_ < limits_[loader_]) {
      if (!loader_started_) {
        if (epoch_) loaders_[loader_].set_epoch(*epoch_);
        loaders_[loader_].set_limit(limits_[loader_]);
        loaders_[loader_].start();
        loader_started_ = true;
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
    ahead_ = pull(slots_[front_]);
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
