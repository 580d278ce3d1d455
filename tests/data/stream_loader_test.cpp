#include <gtest/gtest.h>
#include <torch/torch.h>
#include <torchbolt/core/error.h>
#include <torchbolt/data/data.h>

#include <memory>
#include <stdexcept>
#include <vector>

#include "support/errors.h"
#include "support/threads.h"

namespace bolt {
namespace {

using testing::has;
using testing::message_of;
using List = std::vector<int64_t>;

// Counts from 100 * epoch, every thread its own numbers; ends, or doesn't.
struct Numbers {
  void start(const StreamShard& shard) {
    at = 100 * shard.epoch + shard.index;
    end = 100 * shard.epoch + count;
    step = shard.count;
  }
  std::optional<torch::Tensor> next() {
    const int64_t now = std::exchange(at, at + step);
    if (now == broken) throw std::runtime_error("torn page");
    if (count >= 0 && now >= end) return std::nullopt;
    return torch::tensor(now);
  }
  int64_t count = -1;
  int64_t broken = -1;
  int64_t at = 0, end = 0, step = 1;
};

// The same, with a position that can be set.
struct Seekable : Numbers {
  State state() const { return at; }
  void load_state(const State& state) { at = state.as_int(); }
};

// Goes on where it stands, whatever pass that is; can't be copied.
struct Tap {
  std::optional<torch::Tensor> next() { return torch::tensor((*at)++); }
  std::unique_ptr<int64_t> at = std::make_unique<int64_t>(0);
};

List samples(const AnyBatch& batch) {
  const auto values = batch.as<torch::Tensor>();
  return {values.data_ptr<int64_t>(),
          values.data_ptr<int64_t>() + values.numel()};
}

std::vector<List> read(BatchSource& loader, int64_t most = 1000) {
  std::vector<List> batches;
  AnyBatch batch;
  while (most-- > 0 && loader.next(batch)) batches.push_back(samples(batch));
  return batches;
}

std::vector<List> pass(BatchSource& loader, int64_t epoch) {
  loader.set_epoch(epoch);
  loader.start();
  return read(loader);
}

TEST(StreamLoader, GivesBatchesInOrderOnePartForEachThread) {
  for (const int64_t workers : {0, 1}) {
    StreamLoader loader(Numbers{.count = 5},
                        {.batch_size = 2, .num_workers = workers});
    EXPECT_FALSE(loader.size());
    for (const int64_t e : {0, 1, 2, 5}) {
      const int64_t n = 100 * e;
      EXPECT_EQ(pass(loader, e),
                (std::vector<List>{{n, n + 1}, {n + 2, n + 3}, {n + 4}}));
    }
  }
  // Of three threads the first has 0, 3, 6, 9, and so on.
  StreamLoader three(Numbers{.count = 11}, {.batch_size = 2, .num_workers = 3});
  for (int again = 0; again < 20; ++again) {
    EXPECT_EQ(
        pass(three, 0),
        (std::vector<List>{{0, 3}, {1, 4}, {2, 5}, {6, 9}, {7, 10}, {8}}));
  }
  StreamLoader whole(Numbers{.count = 5},
                     {.batch_size = 2, .drop_last = true, .num_workers = 1});
  EXPECT_EQ(pass(whole, 0).size(), 2u);
}

TEST(StreamLoader, AnEndlessOneHasTheLengthThatIsSaid) {
  for (const int64_t workers : {0, 1, 2}) {
    StreamLoader loader(Numbers(), {.num_workers = workers, .epoch_length = 4});
    EXPECT_EQ(loader.size(), 4);
    EXPECT_EQ(pass(loader, 0), (std::vector<List>{{0}, {1}, {2}, {3}}));
    EXPECT_EQ(pass(loader, 1), (std::vector<List>{{100}, {101}, {102}, {103}}));
    loader.set_limit(2);
    loader.set_epoch(2);
    loader.start();
    EXPECT_EQ(read(loader, 2), (std::vector<List>{{200}, {201}}));
    loader.set_epoch(3);
    loader.start();
    EXPECT_EQ(read(loader, 1), (std::vector<List>{{300}}));
  }
}

TEST(StreamLoader, ASourceWithoutAStartGoesOn) {
  for (const int64_t workers : {0, 1}) {
    StreamLoader loader(Tap(), {.batch_size = 2, .num_workers = workers});
    loader.set_limit(3);
    loader.start();
    EXPECT_EQ(read(loader, 3), (std::vector<List>{{0, 1}, {2, 3}, {4, 5}}));
    loader.start();
    EXPECT_EQ(read(loader, 2), (std::vector<List>{{6, 7}, {8, 9}}));
  }
  EXPECT_TRUE(has(message_of<ConfigError>(
                      [] { StreamLoader two(Tap(), {.num_workers = 2}); }),
                  {"StreamLoader", "num_workers = 2", "StreamShard"}));
  EXPECT_TRUE(has(message_of<ConfigError>(
                      [] { StreamLoader none(Numbers(), {.batch_size = 0}); }),
                  {"StreamLoader", "batch_size", "got 0"}));
}

TEST(StreamLoader, WhatTheSourceThrowsArrivesInItsTurnWithTheSamplesNumber) {
  for (const int64_t workers : {0, 1, 2}) {
    StreamLoader loader(Numbers{.count = 8, .broken = 4},
                        {.num_workers = workers});
    AnyBatch batch;
    loader.start();
    for (int64_t k = 0; k < 8; ++k) {
      if (k != 4) {
        ASSERT_TRUE(loader.next(batch));
        EXPECT_EQ(samples(batch), List{k});
        continue;
      }
      try {
        loader.next(batch);
        ADD_FAILURE() << "nothing was thrown";
      } catch (const DataError& error) {
        EXPECT_TRUE(has(error.what(), {workers == 2 ? "sample 2 of shard 0"
                                                    : "sample 4 can't",
                                       "torn page"}));
        EXPECT_THROW(std::rethrow_if_nested(error), std::runtime_error);
      }
    }
    EXPECT_FALSE(loader.next(batch));
  }
}

template <class Source>
void expect_resume(Source source) {
  for (const int64_t workers : {0, 1, 3}) {
    const StreamLoaderOptions options{.batch_size = 2, .num_workers = workers};
    StreamLoader whole(source, options);
    const auto all = pass(whole, 2);
    for (int64_t given = 0; given < static_cast<int64_t>(all.size()); ++given) {
      StreamLoader first(source, options);
      first.set_epoch(2);
      first.start();
      read(first, given);
      StreamLoader second(source, options);
      second.load_state(first.state());
      second.start();
      EXPECT_EQ(read(second), std::vector<List>(all.begin() + given, all.end()))
          << workers << " " << given;
    }
  }
}

TEST(StreamLoader, GoesOnBehindTheBatchesGivenOut) {
  expect_resume(Numbers{.count = 13});
  expect_resume(Seekable{{.count = 13}});
  StreamLoader two(Numbers(), {.num_workers = 2});
  StreamLoader three(Numbers(), {.num_workers = 3});
  EXPECT_TRUE(
      has(message_of<CheckpointError>([&] { three.load_state(two.state()); }),
          {"num_workers"}));
}

// Draws from the random numbers that it is given.
struct Dice {
  void start(const StreamShard& shard) { rng = shard.rng; }
  std::optional<torch::Tensor> next() {
    return torch::tensor(static_cast<int64_t>(rng.next() >> 1));
  }
  Rng rng{0, 0};
};

TEST(StreamLoader, EveryReaderAndEpochHasRandomNumbersOfItsOwn) {
  const auto draw = [](uint64_t seed, int64_t workers, int64_t epoch) {
    StreamLoader loader(
        Dice(), {.num_workers = workers, .epoch_length = 2, .seed = seed});
    List all;
    for (const List& batch : pass(loader, epoch)) all.push_back(batch.at(0));
    return all;
  };
  for (const int64_t workers : {0, 2}) {
    const List first = draw(1, workers, 0);
    EXPECT_EQ(draw(1, workers, 0), first);
    EXPECT_NE(first[0], first[1]);
    EXPECT_NE(draw(1, workers, 1)[0], first[0]);
    EXPECT_NE(draw(2, workers, 0)[0], first[0]);
  }
  // A saved position brings its seed along.
  StreamLoader saved(Dice(), {.epoch_length = 3, .seed = 5});
  StreamLoader other(Dice(), {.epoch_length = 3, .seed = 6});
  other.load_state(saved.state());
  EXPECT_EQ(pass(other, 1), pass(saved, 1));
}

TEST(StreamLoader, APassThatWasOverBeginsAnew) {
  StreamLoader loader(Numbers{.count = 3}, {});
  const auto all = pass(loader, 0);
  StreamLoader other(Numbers{.count = 3}, {});
  other.load_state(loader.state());
  other.start();
  EXPECT_EQ(read(other), all);
}

TEST(StreamLoader, EndsItsThreadsWithWorkInFlight) {
  const auto before = testing::threads_before();
  StreamLoader kept(Numbers(), {.num_workers = 2});
  for (int k = 0; k < 200; ++k) {
    StreamLoader loader(Numbers(), {.batch_size = 4, .num_workers = 2});
    loader.start();
    AnyBatch batch;
    if (k % 3 != 0) ASSERT_TRUE(loader.next(batch));
    kept.start();
    ASSERT_TRUE(kept.next(batch));
    EXPECT_EQ(samples(batch), List{0});
    kept.close();
  }
  EXPECT_EQ(testing::threads_after(before), before);
}

TEST(StreamLoader, IsReadByHand) {
  StreamLoader loader(Numbers{.count = 3}, {.num_workers = 1});
  int64_t sum = 0;
  for (const auto& batch : loader) sum += batch.item<int64_t>();
  EXPECT_EQ(sum, 3);
}

}  // namespace
}  // namespace bolt
