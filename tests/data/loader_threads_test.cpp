#include <gtest/gtest.h>
#include <sys/resource.h>
#include <torch/torch.h>
#include <torchbolt/core/error.h>
#include <torchbolt/data/data.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <set>

#include "support/errors.h"
#include "support/generator.h"
#include "support/threads.h"
#include "support/without_privileges.h"

namespace bolt {
namespace {

using testing::has;
using testing::message_of;

// Sample k is k and a random number, and knows who reads it.
struct Noisy {
  int64_t size() const { return 23; }
  torch::Tensor get(std::size_t index, Rng& rng) const {
    return torch::tensor({static_cast<double>(index), rng.uniform()});
  }
};

DataLoaderOptions shuffled(int64_t workers) {
  return {.batch_size = 4, .shuffle = true, .seed = 5, .num_workers = workers};
}

std::vector<torch::Tensor> pass(BatchSource& loader) {
  std::vector<torch::Tensor> batches;
  AnyBatch batch;
  loader.start();
  while (loader.next(batch)) batches.push_back(batch.as<torch::Tensor>());
  return batches;
}

bool same(const std::vector<torch::Tensor>& a,
          const std::vector<torch::Tensor>& b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), torch::equal);
}

TEST(LoaderThreads, GiveTheSameBatchesHoweverManyThereAre) {
  DataLoader alone(Noisy{}, shuffled(0));
  for (const int64_t workers : {1, 2, 4}) {
    DataLoader loader(Noisy{}, shuffled(workers));
    for (const int64_t epoch : {0, 1, 2, 7, 3}) {
      alone.set_epoch(epoch);
      loader.set_epoch(epoch);
      EXPECT_TRUE(same(pass(alone), pass(loader))) << workers << " " << epoch;
    }
  }
}

TEST(LoaderThreads, GoOnBehindTheBatchesGivenOutWhateverWaits) {
  for (const int64_t workers : {0, 1, 3}) {
    for (int64_t given = 0; given <= 6; ++given) {
      DataLoader whole(Noisy{}, shuffled(0));
      whole.set_epoch(2);
      auto expected = pass(whole);
      DataLoader first(Noisy{}, shuffled(workers));
      AnyBatch batch;
      first.set_epoch(2);
      first.start();
      for (int64_t k = 0; k < given; ++k) ASSERT_TRUE(first.next(batch));
      DataLoader second(Noisy{}, {.batch_size = 4,
                                  .shuffle = true,
                                  .seed = 99,
                                  .num_workers = workers});
      second.load_state(first.state());
      if (given < 6) expected.erase(expected.begin(), expected.begin() + given);
      EXPECT_TRUE(same(pass(second), expected)) << workers << " " << given;
    }
  }
}

// Sample 0 is ready only when sample 7 is: a later batch is there first.
struct Late {
  struct Shared {
    std::mutex mutex{};
    std::condition_variable changed{};
    bool last_is_ready = false;
  };
  int64_t size() const { return 8; }
  torch::Tensor get(std::size_t index) const {
    std::unique_lock lock(shared->mutex);
    if (index == 7) {
      shared->last_is_ready = true;
      shared->changed.notify_all();
    }
    if (index == 0) {
      shared->changed.wait(lock, [&] { return shared->last_is_ready; });
    }
    return torch::tensor(static_cast<int64_t>(index));
  }
  std::shared_ptr<Shared> shared = std::make_shared<Shared>();
};

TEST(LoaderThreads, KeepTheOrderWhenALaterBatchIsReadyFirst) {
  DataLoader loader(Late{}, {.num_workers = 2, .prefetch_factor = 4});
  const auto batches = pass(loader);
  ASSERT_EQ(batches.size(), 8u);
  for (int64_t k = 0; k < 8; ++k) {
    EXPECT_EQ(batches[static_cast<std::size_t>(k)].item<int64_t>(), k);
  }
}

// Counts what is read; some samples can't be.
struct Counting {
  struct Shared {
    std::mutex mutex{};
    std::condition_variable changed{};
    std::vector<int64_t> read{};
    std::set<int64_t> broken{};
  };
  int64_t size() const { return 12; }
  torch::Tensor get(std::size_t index) const {
    const auto k = static_cast<int64_t>(index);
    {
      const std::scoped_lock lock(shared->mutex);
      shared->read.push_back(k);
      shared->changed.notify_all();
    }
    if (shared->broken.contains(k)) throw std::out_of_range("no such file");
    return torch::tensor(k);
  }
  std::size_t wait_for(std::size_t count) const {
    std::unique_lock lock(shared->mutex);
    shared->changed.wait(lock, [&] { return shared->read.size() >= count; });
    return shared->read.size();
  }
  std::shared_ptr<Shared> shared = std::make_shared<Shared>();
};

TEST(LoaderThreads, WhatTheDatasetThrowsArrivesInItsBatchsTurn) {
  for (const int64_t workers : {0, 1, 2}) {
    Counting data;
    data.shared->broken = {0, 5, 11};
    DataLoader loader(data, {.batch_size = 2, .num_workers = workers});
    for (int again = 0; again < 2; ++again) {
      AnyBatch batch;
      loader.start();
      for (int64_t k = 0; k < 6; ++k) {
        if (k != 0 && k != 2 && k != 5) {
          EXPECT_TRUE(loader.next(batch));
          EXPECT_EQ(batch.as<torch::Tensor>()[0].item<int64_t>(), 2 * k);
          continue;
        }
        const char* sample = k == 0   ? "sample 0 can't"
                             : k == 2 ? "sample 5 can't"
                                      : "sample 11 can't";
        try {
          loader.next(batch);
          ADD_FAILURE() << k;
        } catch (const DataError& error) {
          EXPECT_TRUE(has(error.what(), {sample, "no such file"}));
          EXPECT_THROW(std::rethrow_if_nested(error), std::out_of_range);
        }
      }
      EXPECT_FALSE(loader.next(batch));
    }
  }
}

TEST(LoaderThreads, WorkAheadNoFurtherThanAllowedAndAcrossTheEndOfAPass) {
  Counting data;
  DataLoader loader(data,
                    {.batch_size = 2, .num_workers = 1, .prefetch_factor = 3});
  AnyBatch batch;
  loader.set_epoch(0);
  loader.set_limit(4);
  loader.start();
  // Three batches wait, or are made, beside the one taken.
  EXPECT_EQ(data.wait_for(6), 6u);
  for (int64_t k = 0; k < 4; ++k) EXPECT_TRUE(loader.next(batch));
  // The pass is over: what waits are the first three batches of the next.
  EXPECT_EQ(data.wait_for(14), 14u);
  const auto& read = data.shared->read;
  EXPECT_EQ(std::vector<int64_t>(read.begin() + 8, read.end()),
            (std::vector<int64_t>{0, 1, 2, 3, 4, 5}));
  loader.set_epoch(1);
  loader.start();
  EXPECT_TRUE(loader.next(batch));
  EXPECT_EQ(batch.as<torch::Tensor>()[1].item<int64_t>(), 1);
  EXPECT_EQ(data.wait_for(16), 16u);  // nothing was read again
}

// What waits when a pass begins is that pass's, once it is known how far apart
// they are: what is read next is its fourth batch.
TEST(LoaderThreads, LearnHowFarApartTheEpochsAre) {
  for (const int64_t apart : {0, 1, 2, 5}) {
    Counting data;
    DataLoader loader(data, {.batch_size = 2,
                             .shuffle = true,
                             .seed = 1,
                             .num_workers = 1,
                             .prefetch_factor = 3});
    AnyBatch batch;
    // Of the first pass everything, and three batches of another; then either
    // these serve, or are read for nothing.
    std::size_t read = 18;
    for (int64_t pass = 0; pass < 2; ++pass) {
      loader.set_epoch(pass * apart);
      loader.start();
      while (loader.next(batch)) {
      }
      EXPECT_EQ(data.wait_for(read), read) << apart;
      read += apart == 1 ? 12 : 18;
    }
    read = apart == 1 ? 30 : 36;
    loader.set_epoch(2 * apart);
    loader.start();
    for (int k = 0; k < 4; ++k) ASSERT_TRUE(loader.next(batch));
    data.wait_for(read + 2);
    const std::scoped_lock lock(data.shared->mutex);
    EXPECT_EQ(data.shared->read[read],
              batch.as<torch::Tensor>()[0].item<int64_t>())
        << apart;
    EXPECT_EQ(data.shared->read[read + 1],
              batch.as<torch::Tensor>()[1].item<int64_t>());
  }
}

TEST(LoaderThreads, AreCalledByNumber) {
  struct Named {
    int64_t size() const { return 40; }
    torch::Tensor get(std::size_t index) const {
      char name[16] = {};
      ::pthread_getname_np(::pthread_self(), name, sizeof name);
      const std::scoped_lock lock(*mutex);
      names->insert(name);
      met->notify_all();
      return torch::tensor(static_cast<int64_t>(index));
    }
    std::shared_ptr<std::mutex> mutex = std::make_shared<std::mutex>();
    std::shared_ptr<std::set<std::string>> names =
        std::make_shared<std::set<std::string>>();
    std::shared_ptr<std::condition_variable> met =
        std::make_shared<std::condition_variable>();
  } data;
  DataLoader loader(data, {.num_workers = 2, .prefetch_factor = 1});
  AnyBatch batch;
  // A thread may be late for the few batches of a pass.
  const auto both_came = [&] {
    const std::scoped_lock lock(*data.mutex);
    return data.names->size() == 2;
  };
  while (!both_came()) {
    loader.start();
    while (loader.next(batch)) {
    }
  }
  EXPECT_EQ(*data.names, (std::set<std::string>{"bolt-load-0", "bolt-load-1"}));
}

std::size_t entries(const char* folder) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    count += entry.path().empty() ? 0 : 1;
  }
  return count;
}

TEST(LoaderThreads, StartAndEndAThousandTimesWithoutALeak) {
  const auto threads = testing::threads_before();
  const std::size_t files = entries("/proc/self/fd");
  DataLoader kept(Noisy{}, shuffled(2));
  for (int k = 0; k < 500; ++k) {
    DataLoader loader(Noisy{}, shuffled(2));
    AnyBatch batch;
    loader.start();
    if (k % 3 != 0) loader.next(batch);  // and gone, with work in flight
    kept.start();
    kept.next(batch);
    kept.close();
  }
  EXPECT_EQ(testing::threads_after(threads), threads);
  EXPECT_EQ(entries("/proc/self/fd"), files);
}

TEST(LoaderThreads, TakeEmptyAndRaggedData) {
  const std::vector<torch::Tensor> none;
  DataLoader empty(none, {.num_workers = 2});
  EXPECT_TRUE(pass(empty).empty());
  const std::vector<torch::Tensor> ragged{torch::zeros({2}), torch::zeros({3})};
  DataLoader loader(ragged, {.batch_size = 2, .num_workers = 2});
  EXPECT_TRUE(has(message_of<DataError>([&] { pass(loader); }), {"sample 1"}));
}

TEST(LoaderThreads, AnotherPassOfAnEpochHasAnOrderOfItsOwnAndIsResumed) {
  for (const int64_t workers : {0, 2}) {
    DataLoader loader(Noisy{}, shuffled(workers));
    loader.set_epoch(3);
    const auto first = pass(loader);
    AnyBatch batch;
    loader.restart();
    ASSERT_TRUE(loader.next(batch));
    EXPECT_FALSE(torch::equal(batch.as<torch::Tensor>(), first[0]));
    DataLoader resumed(Noisy{}, shuffled(workers));
    resumed.load_state(loader.state());
    resumed.start();
    AnyBatch after;
    ASSERT_TRUE(loader.next(batch));
    ASSERT_TRUE(resumed.next(after));
    EXPECT_TRUE(
        torch::equal(batch.as<torch::Tensor>(), after.as<torch::Tensor>()));
    loader.set_epoch(3);
    EXPECT_TRUE(same(pass(loader), first)) << workers;
  }
}

TEST(LoaderThreads, ReadByHandWithALimitFromARunBefore) {
  DataLoader loader(Noisy{}, shuffled(2));
  loader.set_limit(2);
  AnyBatch batch;
  loader.start();
  while (loader.next(batch)) {
  }
  int64_t count = 0;
  for (const auto& each : loader) count += each.size(0);
  EXPECT_EQ(count, 23);
}

TEST(LoaderThreads, ThatTheSystemRefusesAreAnError) {
  if (!testing::WithoutPrivileges().holds()) {
    GTEST_SKIP() << "the limit doesn't hold for a root that stays root";
  }
  const auto start = [] {
    if (::getuid() == 0 && ::setuid(testing::kNobody) != 0) std::_Exit(2);
    const rlimit none{.rlim_cur = 1, .rlim_max = 1};
    ::setrlimit(RLIMIT_NPROC, &none);
    DataLoader loader(Noisy{}, shuffled(2));
    std::fputs(message_of<ConfigError>([&] { loader.start(); }).c_str(),
               stderr);
    std::_Exit(0);
  };
  EXPECT_EXIT(start(), ::testing::ExitedWithCode(0),
              "num_workers.*gives no thread.*ulimit");
}

}  // namespace
}  // namespace bolt
