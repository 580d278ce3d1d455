#include <gtest/gtest.h>
#include <torch/torch.h>
#include <torchbolt/core/error.h>
#include <torchbolt/data/data.h>

#include <algorithm>
#include <string>
#include <vector>

#include "support/errors.h"

namespace bolt {
namespace {

using testing::has;
using testing::message_of;
using Example = torch::data::Example<>;
using Numbers = std::vector<int64_t>;

TensorDataset numbers(int64_t n, int64_t from = 0) {
  return {torch::arange(from, from + n, torch::kFloat).unsqueeze(1),
          torch::arange(from, from + n)};
}

Numbers values(const torch::Tensor& t) {
  const auto flat = t.to(torch::kLong).contiguous();
  return {flat.const_data_ptr<int64_t>(),
          flat.const_data_ptr<int64_t>() + flat.numel()};
}

// All targets that a loader over the dataset gives.
template <class D>
Numbers read(D dataset, DataLoaderOptions options = {.batch_size = 3}) {
  DataLoader<D> loader(std::move(dataset), options);
  Numbers seen;
  for (const auto& batch : loader) {
    for (const int64_t v : values(batch.target)) seen.push_back(v);
  }
  return seen;
}

// Counts what is asked of it.
struct Counting {
  struct Calls {
    int batches = 0;
    int ranges = 0;
  };
  TensorDataset data = numbers(20);
  std::shared_ptr<Calls> calls = std::make_shared<Calls>();
  int64_t size() const { return data.size(); }
  Example get_batch(std::span<const int64_t> indices) const {
    ++calls->batches;
    return data.get_batch(indices);
  }
  Example get_range(int64_t first, int64_t count) const {
    ++calls->ranges;
    return data.get_range(first, count);
  }
};

struct Squares : torch::data::Dataset<Squares> {
  Example get(std::size_t k) override {
    return {torch::tensor({float(k)}), torch::tensor(int64_t(k * k))};
  }
  torch::optional<std::size_t> size() const override { return 6; }
};

TEST(Views, SubsetShowsTheseSamplesInThisOrder) {
  EXPECT_EQ(read(subset(numbers(10), {7, 0, 7, 3})), (Numbers{7, 0, 7, 3}));
  EXPECT_EQ(read(subset(numbers(10), 4, 9)), (Numbers{4, 5, 6, 7, 8}));
  EXPECT_EQ(read(subset(numbers(10), Numbers{})), Numbers{});
  EXPECT_EQ(read(subset(numbers(10), 10, 10)), Numbers{});
  EXPECT_EQ(subset(numbers(10), {1, 2}).size(), 2);
}

TEST(Views, NameTheSampleThatIsNotThere) {
  EXPECT_TRUE(has(message_of<DataError>([] { subset(numbers(5), {1, 5}); }),
                  {"index 5", "5 samples"}));
  EXPECT_TRUE(has(message_of<DataError>([] { subset(numbers(5), {-1}); }),
                  {"index -1", "5 samples"}));
  EXPECT_TRUE(has(message_of<DataError>([] { subset(numbers(5), 2, 6); }),
                  {"2", "6", "5"}));
  EXPECT_THROW(subset(numbers(5), 3, 2), DataError);
  EXPECT_THROW(shard(numbers(5), 2, 2), ConfigError);
  EXPECT_THROW(shard(numbers(5), 0, 0), ConfigError);
  Rng rng(0);
  const Numbers wrong{9};
  EXPECT_TRUE(has(message_of<DataError>([&] {
                    concat(numbers(2), numbers(3)).get_batch(wrong, rng);
                  }),
                  {"index 9", "5 samples"}));
}

TEST(Views, ABatchOfAViewIsOneBatchBehindIt) {
  Counting data;
  const auto deep = shard(shuffled(subset(data, 4, 20), 1), 1, 2);
  EXPECT_EQ(read(deep, {.batch_size = 4, .shuffle = true, .seed = 1}).size(),
            8u);
  EXPECT_EQ(data.calls->batches, 2);
  EXPECT_EQ(data.calls->ranges, 0);
}

TEST(Views, ContiguousSubsetsAreNotCopied) {
  Counting data;
  EXPECT_EQ(read(subset(subset(data, 5, 20), 1, 7), {.batch_size = 3}),
            (Numbers{6, 7, 8, 9, 10, 11}));
  EXPECT_EQ(data.calls->ranges, 2);
  EXPECT_EQ(data.calls->batches, 0);
  const auto view = subset(data, 5, 9);
  EXPECT_EQ(view.get_range(1, 2).data.data_ptr<float>(),
            data.data.data().data_ptr<float>() + 6);
}

TEST(Views, SplitsHaveNoSampleInCommon) {
  const auto parts = random_split(numbers(11), {0.5, 0.25, 0.25}, 3);
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_EQ(parts[0].size(), 6);
  EXPECT_EQ(parts[1].size(), 3);
  EXPECT_EQ(parts[2].size(), 2);
  Numbers all;
  for (const auto& part : parts) {
    for (const int64_t v : read(part)) all.push_back(v);
  }
  EXPECT_FALSE(std::ranges::is_sorted(all));
  std::ranges::sort(all);
  EXPECT_EQ(all, (Numbers{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}));
  const auto again = random_split(numbers(11), {6, 5}, 3);
  EXPECT_EQ(read(again[0]), read(parts[0]));
  EXPECT_NE(read(random_split(numbers(11), {6, 5}, 4)[0]), read(parts[0]));
}

TEST(Views, RefuseSplitsThatDontAddUp) {
  EXPECT_TRUE(has(
      message_of<ConfigError>([] { random_split(numbers(10), {0.8, 0.1}, 0); }),
      {"0.9", "1"}));
  EXPECT_TRUE(
      has(message_of<ConfigError>([] { random_split(numbers(10), {8, 3}, 0); }),
          {"11", "10"}));
  EXPECT_THROW(random_split(numbers(10), {11, -1}, 0), ConfigError);
  EXPECT_THROW(random_split(numbers(10), {0.5, 5}, 0), ConfigError);
  EXPECT_THROW(random_split(numbers(10), {}, 0), ConfigError);
}

TEST(Views, ShardsShareOutAllSamples) {
  EXPECT_EQ(read(shard(numbers(8), 0, 3)), (Numbers{0, 3, 6}));
  EXPECT_EQ(read(shard(numbers(8), 1, 3)), (Numbers{1, 4, 7}));
  EXPECT_EQ(read(shard(numbers(8), 2, 3)), (Numbers{2, 5}));
  EXPECT_EQ(shard(numbers(2), 2, 3).size(), 0);
}

TEST(Views, ShuffledIsOneOrderForASeed) {
  const auto a = read(shuffled(numbers(30), 5));
  EXPECT_EQ(read(shuffled(numbers(30), 5)), a);
  EXPECT_NE(read(shuffled(numbers(30), 6)), a);
  EXPECT_TRUE(std::ranges::is_permutation(a, read(numbers(30))));
}

TEST(Views, MapChangesSamplesAndBatches) {
  const auto cubes = bolt::map(Squares(), [](Example e) {
    e.target = e.target + 100;
    return e;
  });
  EXPECT_EQ(read(subset(cubes, 2, 5)), (Numbers{104, 109, 116}));
  const auto negative = map_batch(
      numbers(4), [](Example e) { return Example(e.data, -e.target); });
  EXPECT_EQ(read(negative), (Numbers{0, -1, -2, -3}));
  EXPECT_EQ(read(negative, {.batch_size = 4, .shuffle = true}).size(), 4u);
}

TEST(Views, MapBatchIsCalledOnceForABatch) {
  int calls = 0;
  Counting data;
  const auto view = map_batch(subset(data, {5, 1, 9}), [&](Example e) {
    ++calls;
    return e;
  });
  EXPECT_EQ(read(view), (Numbers{5, 1, 9}));
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(data.calls->batches, 1);
}

TEST(Views, PassTheGeneratorOn) {
  const auto noisy = [](const auto& data, int64_t epoch) {
    DataLoader loader(data, {.batch_size = 2, .seed = 7});
    loader.set_epoch(epoch);
    std::vector<torch::Tensor> all;
    for (const auto& batch : loader) all.push_back(batch.data);
    return torch::cat(all);
  };
  const auto draw = [](Example e, Rng& rng) {
    return Example(e.data + rng.uniform(), e.target);
  };
  const auto samples = subset(bolt::map(Squares(), draw), 0, 6);
  const auto batches = concat(map_batch(numbers(6), draw));
  for (const auto& first : {noisy(samples, 1), noisy(batches, 1)}) {
    EXPECT_GT((first - first.floor()).sum().item<double>(), 0);
  }
  EXPECT_TRUE(torch::equal(noisy(samples, 1), noisy(samples, 1)));
  EXPECT_FALSE(torch::equal(noisy(samples, 1), noisy(samples, 2)));
  EXPECT_TRUE(torch::equal(noisy(batches, 1), noisy(batches, 1)));
  EXPECT_FALSE(torch::equal(noisy(batches, 1), noisy(batches, 2)));
}

TEST(Views, ConcatReadsAcrossItsDatasets) {
  const auto all = concat(numbers(3), numbers(0), numbers(4, 10));
  EXPECT_EQ(all.size(), 7);
  EXPECT_EQ(read(all, {.batch_size = 2}), (Numbers{0, 1, 2, 10, 11, 12, 13}));
  EXPECT_EQ(read(subset(all, {6, 0, 3, 2}), {.batch_size = 4}),
            (Numbers{13, 0, 10, 2}));
  EXPECT_EQ(read(concat(Squares(), Squares()), {.batch_size = 5}),
            (Numbers{0, 1, 4, 9, 16, 25, 0, 1, 4, 9, 16, 25}));
}

TEST(Views, ABatchOfConcatIsOneBatchOfEachDataset) {
  Counting a, b;
  const auto view = shuffled(concat(a, b), 2);
  EXPECT_EQ(read(view, {.batch_size = 40}).size(), 40u);
  EXPECT_EQ(a.calls->batches + a.calls->ranges, 1);
  EXPECT_EQ(b.calls->batches + b.calls->ranges, 1);
}

struct Named {
  int64_t size() const { return 2; }
  std::vector<std::string> get_batch(std::span<const int64_t> indices) const {
    return std::vector<std::string>(indices.size(), "x");
  }
};

TEST(Views, ConcatRefusesToJoinWhatIsNoTensor) {
  Rng rng(0);
  const auto all = concat(Named(), Named());
  EXPECT_EQ(all.get_batch(Numbers{0, 1}, rng).size(), 2u);
  EXPECT_TRUE(
      has(message_of<DataError>([&] { all.get_batch(Numbers{0, 2}, rng); }),
          {"can't be joined"}));
}

TEST(Views, ShareADatasetThatIsShared) {
  auto data = std::make_shared<Counting>();
  const auto view = subset(data, 0, 3);
  EXPECT_EQ(&view.dataset(), data.get());
  EXPECT_EQ(read(concat(data, data), {.batch_size = 40}).size(), 40u);
}

}  // namespace
}  // namespace bolt
