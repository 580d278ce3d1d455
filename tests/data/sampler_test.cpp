#include <gtest/gtest.h>
#include <torchbolt/core/error.h>
#include <torchbolt/data/data.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "support/errors.h"

namespace bolt {
namespace {

using testing::has;
using testing::message_of;

std::vector<int64_t> list(std::span<const int64_t> order) {
  return {order.begin(), order.end()};
}

TEST(Samplers, ASubsetComesWholeAndInANewOrderEachEpoch) {
  SubsetRandomSampler sampler({4, 8, 15, 16, 23, 42}, 3);
  const auto first = list(sampler.order(0));
  EXPECT_NE(list(sampler.order(1)), first);
  EXPECT_EQ(list(sampler.order(0)), first);
  EXPECT_EQ(std::set<int64_t>(first.begin(), first.end()),
            (std::set<int64_t>{4, 8, 15, 16, 23, 42}));
}

TEST(Samplers, WeightsAreProportions) {
  WeightedRandomSampler sampler({1, 0, 3, 4},
                                {.num_samples = 40'000, .seed = 1});
  std::vector<double> counts(4);
  for (const int64_t k : sampler.order(0)) {
    counts[static_cast<std::size_t>(k)] += 1.0 / 40'000;
  }
  EXPECT_NEAR(counts[0], 1.0 / 8, 0.01);
  EXPECT_EQ(counts[1], 0);
  EXPECT_NEAR(counts[2], 3.0 / 8, 0.01);
  EXPECT_NEAR(counts[3], 4.0 / 8, 0.01);
}

TEST(Samplers, WithoutReplacementTheHeavyComeFirst) {
  WeightedRandomSampler sampler({1, 0, 1, 18},
                                {.num_samples = 3, .replacement = false});
  int first = 0;
  for (int64_t epoch = 0; epoch < 2'000; ++epoch) {
    const auto order = list(sampler.order(epoch));
    EXPECT_EQ(std::set<int64_t>(order.begin(), order.end()),
              (std::set<int64_t>{0, 2, 3}));
    first += order.front() == 3 ? 1 : 0;
  }
  EXPECT_NEAR(first / 2'000.0, 0.9, 0.03);
}

TEST(Samplers, WrongWeightsAreNamed) {
  const auto error = [](std::vector<double> weights,
                        WeightedRandomSamplerOptions options = {}) {
    return message_of<ConfigError>(
        [&] { WeightedRandomSampler(std::move(weights), options); });
  };
  EXPECT_TRUE(has(error({1, -1}), {"weight 1", "-1"}));
  EXPECT_TRUE(has(error({0, 0}), {"no sample"}));
  EXPECT_TRUE(has(error({1, 0}, {.num_samples = 2, .replacement = false}),
                  {"num_samples", "at most 1"}));
}

TEST(Samplers, SharesOfAWorldAreWholeAndNothingIsRepeated) {
  for (const int64_t world : {1, 2, 3, 7}) {
    std::vector<int64_t> all;
    for (int64_t rank = 0; rank < world; ++rank) {
      DistributedSampler share(std::make_shared<RandomSampler>(10, 5), rank,
                               world);
      const auto order = list(share.order(2));
      EXPECT_EQ(static_cast<int64_t>(order.size()), share.size());
      all.insert(all.end(), order.begin(), order.end());
    }
    std::ranges::sort(all);
    std::vector<int64_t> expected(10);
    std::iota(expected.begin(), expected.end(), 0);
    EXPECT_EQ(all, expected) << world;
  }
  EXPECT_TRUE(has(message_of<ConfigError>([] {
                    DistributedSampler(std::make_shared<SequentialSampler>(4),
                                       2, 2);
                  }),
                  {"2 of 2"}));
}

std::vector<int64_t> lengths() { return {5, 1, 9, 3, 3, 8, 1, 2, 9, 4, 4, 7}; }

TEST(Samplers, BatchesByLengthHoldTheirLimitsAndAllSamples) {
  LengthBatchSampler sampler(lengths(),
                             {.max_samples = 3, .max_elements = 16, .seed = 2});
  std::set<std::vector<int64_t>> seen;
  for (int64_t epoch = 0; epoch < 4; ++epoch) {
    std::vector<int64_t> all;
    std::vector<int64_t> order;
    for (int64_t k = 0; k < sampler.size(); ++k) {
      const auto batch = list(sampler.batch(epoch, k));
      int64_t longest = 0;
      for (const int64_t sample : batch) {
        longest =
            std::max(longest, lengths()[static_cast<std::size_t>(sample)]);
        order.push_back(sample);
      }
      EXPECT_LE(batch.size(), 3u);
      EXPECT_LE(longest * static_cast<int64_t>(batch.size()), 16);
      all.insert(all.end(), batch.begin(), batch.end());
    }
    std::ranges::sort(all);
    EXPECT_EQ(all.size(), 12u);
    EXPECT_EQ(std::set<int64_t>(all.begin(), all.end()).size(), 12u);
    seen.insert(order);
  }
  EXPECT_EQ(seen.size(), 4u);
  EXPECT_TRUE(has(message_of<ConfigError>([] {
                    LengthBatchSampler({1, 20}, {.max_elements = 16});
                  }),
                  {"sample 1", "20"}));
}

struct Fixed : Sampler {
  explicit Fixed(std::vector<int64_t> indices) : indices(std::move(indices)) {}
  int64_t size() const override { return 3; }
  std::span<const int64_t> order(int64_t) override { return indices; }
  std::vector<int64_t> indices;
};

TEST(Samplers, WhatASamplerGivesIsChecked) {
  const std::vector<int64_t> data{1, 2, 3};
  const auto error = [&](std::vector<int64_t> order, int64_t workers) {
    DataLoader loader(data, {.num_workers = workers,
                             .sampler = std::make_shared<Fixed>(order)});
    return message_of<DataError>([&] {
      for (const auto& batch : loader) (void)batch;
    });
  };
  for (const int64_t workers : {0, 2}) {
    EXPECT_TRUE(has(error({0, 1, 3}, workers), {"isn't there", "3", "0 to 2"}));
    EXPECT_TRUE(has(error({0, -1, 2}, workers), {"-1"}));
    EXPECT_TRUE(has(error({0, 1}, workers), {"length", "2", "3"}));
    DataLoader longer(data,
                      {.num_workers = workers,
                       .sampler = std::make_shared<SequentialSampler>(1000)});
    EXPECT_TRUE(has(message_of<DataError>([&] {
                      for (const auto& batch : longer) (void)batch;
                    }),
                    {"isn't there", "999", "0 to 2"}));
  }
}

TEST(Samplers, HugeWeightsAreWeights) {
  WeightedRandomSampler sampler({1e308, 1e308, 1e308}, {.num_samples = 500});
  for (const int64_t k : sampler.order(0)) EXPECT_LT(k, 3);
}

TEST(Samplers, CopiesOfALoaderShareOneWithoutHarm) {
  std::vector<int64_t> data(50);
  std::iota(data.begin(), data.end(), 0);
  const auto sampler = std::make_shared<SubsetRandomSampler>(data, uint64_t{1});
  DataLoader a(data, {.batch_size = 5, .sampler = sampler});
  const auto b = a.cursor();
  AnyBatch batch;
  std::vector<int64_t> read;
  a.set_epoch(0);
  a.start();
  b->set_epoch(1);
  b->start();
  while (a.next(batch)) {
    const auto& values = batch.as<torch::Tensor>();
    for (int64_t k = 0; k < values.size(0); ++k) {
      read.push_back(values[k].item<int64_t>());
    }
    b->next(batch);
  }
  std::ranges::sort(read);
  EXPECT_EQ(read, data);
}

TEST(Samplers, ALoaderReadsWhatTheySay) {
  std::vector<int64_t> data(12);
  std::iota(data.begin(), data.end(), 0);
  const auto by_length = std::make_shared<LengthBatchSampler>(
      lengths(), LengthBatchSamplerOptions{.max_samples = 5, .shuffle = false});
  DataLoader batches(data, {.num_workers = 1, .batch_sampler = by_length});
  EXPECT_EQ(batches.size(), 3);
  EXPECT_FALSE(batches.shuffled());
  std::vector<int64_t> read;
  for (const auto& batch : batches) {
    for (int64_t k = 0; k < batch.size(0); ++k) {
      read.push_back(lengths()[static_cast<std::size_t>(
          batch[k].template item<int64_t>())]);
    }
  }
  EXPECT_EQ(read, (std::vector<int64_t>{1, 1, 2, 3, 3, 4, 4, 5, 7, 8, 9, 9}));

  const auto subset = std::make_shared<SubsetRandomSampler>(
      std::vector<int64_t>{7, 9, 11}, uint64_t{1});
  DataLoader part(data, {.batch_size = 2, .sampler = subset});
  EXPECT_EQ(part.size(), 2);
  EXPECT_TRUE(part.shuffled());
  EXPECT_TRUE(has(message_of<ConfigError>([&] {
                    DataLoader(data, {.shuffle = true, .sampler = subset});
                  }),
                  {"sampler", "shuffle"}));
}

}  // namespace
}  // namespace bolt
