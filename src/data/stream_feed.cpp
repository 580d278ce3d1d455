#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <torchbolt/core/error.h>
#include <torchbolt/data/stream_feed.h>

#include <algorithm>
#include <exception>
#include <string>
#include <utility>

#include "data/loader_checks.h"
#include "data/stream_threads.h"

namespace bolt::detail {

void check_stream(const StreamLoaderOptions& options, bool splits) {
  constexpr const char* kWhere = "StreamLoader";
  check_least(kWhere, "batch_size", options.batch_size, 1);
  check_workers(kWhere, options.num_workers, options.prefetch_factor);
  check_least(kWhere, "epoch_length", options.epoch_length.value_or(0), 0);
  if (options.num_workers <= 1 || splits) return;
  throw ConfigError(
      {.where = "StreamLoader",
       .what = "the source can't be read by several threads",
       .got = "num_workers = " + std::to_string(options.num_workers),
       .expected = "0 or 1",
       .tip = "make it copyable, and give it a start(const "
              "bolt::StreamShard&) that goes to its part"});
}

void rethrow_with_position(const char* what, int64_t index,
                           const StreamShard& shard) {
  try {
    throw;
  } catch (const std::exception& error) {
    const std::string of =
        shard.count > 1 ? " of shard " + std::to_string(shard.index) : "";
    std::throw_with_nested(
        DataError({.where = "StreamLoader",
                   .what = std::string(what) + " " + std::to_string(index) +
                           of + " can't be read: " + error.what()}));
  }
}

StreamFeed::StreamFeed(Readers readers, const StreamLoaderOptions& options)
    : readers_(std::move(readers)),
      options_(options),
      seed_(
          options.seed
              ? *options.seed
              : at::globalContext().defaultGenerator(at::kCPU).current_seed()),
      lanes_(readers_.size()) {}

StreamFeed::~StreamFeed() = default;

int64_t StreamFeed::length() const {
  return std::min(limit_, options_.epoch_length.value_or(limit_));
}

StreamShard StreamFeed::shard(std::size_t reader, int64_t epoch) const {
  Rng of_epoch(~seed_, static_cast<uint64_t>(epoch));
  return {.index = static_cast<int64_t>(reader),
          .count = static_cast<int64_t>(readers_.size()),
          .epoch = epoch,
          .rng = Rng(of_epoch.next(), reader)};
}

void StreamFeed::set_epoch(int64_t epoch) {
  epoch_ = epoch;
  guess_.tell(epoch);
}

// Puts a reader where `from` says that it stood.
void StreamFeed::begin_at(std::size_t reader, const Lane& from, int64_t epoch) {
  StreamReader& source = *readers_[reader];
  source.start(shard(reader, epoch));
  if (!from.source.is_none()) {
    source.load_state(from.source);
    return;
  }
  AnyBatch again;
  for (int64_t k = 0; k < from.given; ++k) {
    try {
      if (!source.read(again)) return;
    } catch (...) {
      // It was passed on when it was new, and counted.
    }
  }
}

void StreamFeed::start() {
  if (!std::exchange(resuming_, false)) {
    position_ = 0;
    turn_ = 0;
    std::ranges::fill(lanes_, Lane());
  }
  const bool begun = std::exchange(ahead_, std::nullopt) == epoch_ &&
                     position_ == 0 && threads_ != nullptr;
  if (begun) return;
  if (options_.num_workers == 0) {
    begin_at(0, lanes_[0], epoch_);
    return;
  }
  if (threads_ == nullptr) {
    threads_ =
        std::make_unique<StreamThreads>(readers_, options_.prefetch_factor);
  }
  threads_->begin([this, lanes = lanes_, epoch = epoch_](
                      std::size_t k) { begin_at(k, lanes[k], epoch); },
                  std::max<int64_t>(0, length() - position_));
}

bool StreamFeed::read(std::size_t reader, AnyBatch& batch) {
  Lane& lane = lanes_[reader];
  if (threads_ != nullptr) return threads_->take(reader, batch, lane.source);
  const bool there = readers_[reader]->read(batch);
  lane.source = readers_[reader]->state();
  return there;
}

bool StreamFeed::next(AnyBatch& batch) {
  if (position_ >= options_.epoch_length.value_or(position_ + 1)) return false;
  for (std::size_t tried = 0; tried < lanes_.size(); ++tried) {
    const std::size_t k = std::exchange(turn_, (turn_ + 1) % lanes_.size());
    Lane& lane = lanes_[k];
    if (lane.ended) continue;
    // Counted before: a batch that can't be read is given out, too.
    ++lane.given;
    ++position_;
    if (read(k, batch)) {
      if (position_ == length()) look_ahead();
      return true;
    }
    --lane.given;
    --position_;
    lane.ended = true;
  }
  look_ahead();
  return false;
}

// The pass is over: the threads go on with the one that comes next.
void StreamFeed::look_ahead() {
  if (threads_ == nullptr || ahead_) return;
  ahead_ = epoch_ + guess_.step();
  threads_->begin(
      [this, epoch = *ahead_](std::size_t k) { begin_at(k, Lane(), epoch); },
      length());
}

void StreamFeed::close() {
  threads_.reset();
  ahead_.reset();
  limit_ = std::numeric_limits<int64_t>::max();
  guess_.forget();
}

State StreamFeed::state() const {
  std::vector<State> lanes;
  for (const Lane& lane : lanes_) {
    lanes.push_back(State::map({{"given", lane.given},
                                {"ended", lane.ended},
                                {"source", lane.source}}));
  }
  return State::map({{"seed", static_cast<int64_t>(seed_)},
                     {"epoch", epoch_},
                     {"position", position_},
                     {"turn", static_cast<int64_t>(turn_)},
                     {"lanes", State::list(std::move(lanes))}});
}

void StreamFeed::load_state(const State& state) {
  const auto& lanes = state.at("lanes").items();
  if (lanes.size() != lanes_.size()) {
    throw CheckpointError(
        {.where = "StreamLoader",
         .what = "the loader is not the one that was saved: num_workers "
                 "differs",
         .got = std::to_string(lanes_.size()),
         .expected = std::to_string(lanes.size())});
  }
  threads_.reset();
  ahead_.reset();
  seed_ = static_cast<uint64_t>(state.at("seed").as_int());
  epoch_ = state.at("epoch").as_int();
  position_ = state.at("position").as_int();
  turn_ = static_cast<std::size_t>(state.at("turn").as_int()) % lanes_.size();
  for (std::size_t k = 0; k < lanes.size(); ++k) {
    lanes_[k] = {.given = lanes[k].at("given").as_int(),
                 .ended = lanes[k].at("ended").as_bool(),
                 .source = lanes[k].at("source")};
  }
  // A pass that was over begins anew.
  resuming_ =
      std::ranges::any_of(lanes_, [](const Lane& l) { return !l.ended; }) &&
      position_ < options_.epoch_length.value_or(position_ + 1);
}

}  // namespace bolt::detail
