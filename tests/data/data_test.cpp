#include <gtest/gtest.h>
#include <torch/torch.h>
#include <torchbolt/core/error.h>
#include <torchbolt/data/data.h>

#include <list>
#include <set>

#include "support/errors.h"
#include "support/generator.h"

namespace bolt {
namespace {

using testing::has;
using testing::message_of;

struct Pair {
  torch::Tensor a;
  std::vector<torch::Tensor> b;
  auto tensors() { return std::tie(a, b); }
};

TEST(AnyBatch, HoldsRefersAndRefusesOtherTypes) {
  AnyBatch batch;
  EXPECT_FALSE(batch);
  batch.emplace(torch::ones({3}));
  EXPECT_EQ(batch.as<torch::Tensor>().size(0), 3);
  const std::vector<torch::Tensor> mine{torch::zeros({2})};
  batch.refer(mine);
  EXPECT_EQ(&batch.as<std::vector<torch::Tensor>>(), &mine);
  batch.own();
  EXPECT_NE(&batch.as<std::vector<torch::Tensor>>(), &mine);
  EXPECT_TRUE(has(message_of<DataError>([&] { batch.as<torch::Tensor>(); }),
                  {"vector", "at::Tensor"}));
}

TEST(AnyBatch, LetsGoOfItsTensors) {
  AnyBatch batch;
  auto tensor = torch::ones({3});
  batch.emplace(tensor);
  EXPECT_EQ(tensor.use_count(), 2);
  batch.reset();
  EXPECT_EQ(tensor.use_count(), 1);
}

TEST(AnyBatch, KnowsTheSizeOfAnyStructure) {
  const auto size = [](auto value) {
    AnyBatch batch;
    batch.emplace(std::move(value));
    return batch.size();
  };
  const auto x = torch::zeros({4, 2});
  EXPECT_EQ(size(x).samples, 4);
  EXPECT_EQ(size(torch::zeros({})).samples, 1);
  EXPECT_EQ(size(torch::data::Example<>(x, x)).samples, 4);
  EXPECT_EQ(size(Pair{x, {x, x}}).samples, 4);
  EXPECT_EQ(size(std::make_tuple(7, x)).samples, 4);
  EXPECT_EQ(size(std::map<std::string, torch::Tensor>{{"k", x}}).samples, 4);
  EXPECT_EQ(size(std::optional<torch::Tensor>()).samples, std::nullopt);
  EXPECT_EQ(size(std::variant<int, torch::Tensor>(x)).samples, 4);
  EXPECT_FALSE(size(Pair{x, {x}}).ambiguous);
  EXPECT_TRUE(size(Pair{x, {torch::zeros({5})}}).ambiguous);
  EXPECT_TRUE(size(std::make_tuple(x, std::string("id"))).ambiguous);
}

TensorDataset numbers(int64_t n) {
  return {torch::arange(n, torch::kFloat), torch::arange(n)};
}

std::vector<int64_t> read(BatchSource& loader, int64_t epoch) {
  std::vector<int64_t> seen;
  AnyBatch batch;
  loader.set_epoch(epoch);
  loader.start();
  while (loader.next(batch)) {
    const auto target = batch.as<torch::data::Example<>>().target;
    for (int64_t k = 0; k < target.size(0); ++k) {
      seen.push_back(target[k].item<int64_t>());
    }
  }
  return seen;
}

TEST(DataLoader, GivesEachSampleOnceInOrder) {
  DataLoader loader(numbers(10), {.batch_size = 3});
  EXPECT_EQ(loader.size(), 4);
  EXPECT_EQ(read(loader, 0),
            (std::vector<int64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  DataLoader dropping(numbers(10), {.batch_size = 3, .drop_last = true});
  EXPECT_EQ(dropping.size(), 3);
  EXPECT_EQ(read(dropping, 0).size(), 9u);
}

TEST(DataLoader, TheOrderDependsOnSeedAndEpochAlone) {
  DataLoader a(numbers(50), {.batch_size = 7, .shuffle = true, .seed = 3});
  DataLoader b(numbers(50), {.batch_size = 7, .shuffle = true, .seed = 3});
  const auto second = read(a, 1);
  read(b, 4);
  torch::rand({10});
  EXPECT_EQ(read(b, 1), second);
  EXPECT_NE(read(a, 2), second);
  DataLoader other(numbers(50), {.batch_size = 7, .shuffle = true, .seed = 4});
  EXPECT_NE(read(other, 1), second);
  EXPECT_EQ(std::set<int64_t>(second.begin(), second.end()).size(), 50u);
}

TEST(DataLoader, GoesOnBehindTheBatchesGivenOut) {
  const DataLoaderOptions options{.batch_size = 4, .shuffle = true, .seed = 1};
  for (int64_t stop = 0; stop <= 5; ++stop) {
    DataLoader straight(numbers(20), options);
    const auto whole = read(straight, 2);
    DataLoader first(numbers(20), options);
    AnyBatch batch;
    first.set_epoch(2);
    first.start();
    for (int64_t k = 0; k < stop; ++k) first.next(batch);
    DataLoader second(numbers(20),
                      {.batch_size = 4, .shuffle = true, .seed = 9});
    second.load_state(first.state());
    const auto rest = read(second, 2);
    // A pass that was over begins anew.
    const auto from = stop == 5 ? whole.begin() : whole.begin() + stop * 4;
    EXPECT_EQ(rest, std::vector<int64_t>(from, whole.end())) << stop;
  }
}

struct Noisy {
  std::size_t size() const { return 10; }
  torch::Tensor get(std::size_t index, Rng& rng) const {
    return torch::tensor(static_cast<double>(index) + rng.uniform());
  }
};

TEST(DataLoader, WhatIsRandomDependsOnSeedEpochAndBatchAlone) {
  const auto batches = [](DataLoader<Noisy>& loader, int64_t epoch) {
    loader.set_epoch(epoch);
    std::vector<torch::Tensor> all;
    for (const auto& batch : loader) all.push_back(batch);
    return torch::cat(all);
  };
  const DataLoaderOptions options{.batch_size = 4, .seed = 3};
  DataLoader a(Noisy{}, options), b(Noisy{}, options);
  const auto first = batches(a, 1);
  EXPECT_TRUE(torch::equal(first.floor(), torch::arange(10, torch::kDouble)));
  EXPECT_FALSE(torch::equal(first - first.floor(),
                            (first - first.floor())[0].expand({10})));
  EXPECT_FALSE(torch::equal(batches(a, 2), first));
  EXPECT_TRUE(torch::equal(batches(b, 1), first));

  DataLoader resumed(Noisy{}, options);
  AnyBatch batch;
  b.set_epoch(1);
  b.start();
  b.next(batch);
  resumed.load_state(b.state());
  resumed.start();
  resumed.next(batch);
  EXPECT_TRUE(torch::equal(batch.as<torch::Tensor>(), first.slice(0, 4, 8)));
}

TEST(DataLoader, RefusesTheStateOfOtherData) {
  DataLoader a(numbers(20), {.batch_size = 4});
  DataLoader b(numbers(21), {.batch_size = 4});
  EXPECT_TRUE(has(message_of<CheckpointError>([&] { b.load_state(a.state()); }),
                  {"samples", "20", "21"}));
}

TEST(DataLoader, StacksSamplesAndNamesTheRaggedOne) {
  using Sample = torch::data::Example<>;
  std::vector<Sample> samples{{torch::zeros({2}), torch::tensor(1)},
                              {torch::ones({2}), torch::tensor(0)},
                              {torch::ones({3}), torch::tensor(0)}};
  DataLoader good(std::vector<Sample>(samples.begin(), samples.begin() + 2),
                  {.batch_size = 2});
  for (const auto& batch : good) {
    EXPECT_EQ(batch.data.sizes(), (std::vector<int64_t>{2, 2}));
    EXPECT_EQ(batch.target.sizes(), (std::vector<int64_t>{2}));
  }
  DataLoader ragged(samples, {.batch_size = 3});
  AnyBatch batch;
  ragged.start();
  EXPECT_TRUE(has(message_of<DataError>([&] { ragged.next(batch); }),
                  {"sample.data", "sample 2", "[3]", "[2]"}));
}

TEST(DataLoader, RefusesWrongOptionsAndTakesNoData) {
  EXPECT_THROW(DataLoader(numbers(3), {.batch_size = 0}), ConfigError);
  EXPECT_THROW(DataLoader(numbers(3), {.num_workers = -1}), ConfigError);
  DataLoader empty(std::vector<torch::Tensor>{}, {.batch_size = 2});
  EXPECT_EQ(empty.size(), 0);
  AnyBatch batch;
  empty.start();
  EXPECT_FALSE(empty.next(batch));
  EXPECT_THROW(TensorDataset(torch::zeros({3}), torch::zeros({4})), DataError);
}

TEST(DataLoader, RefusesMoreThreadsThanASystemHas) {
  const std::vector<torch::Tensor> data(3, torch::zeros({1}));
  const auto error = [&](const DataLoaderOptions& options) {
    return message_of<ConfigError>([&] { DataLoader(data, options); });
  };
  EXPECT_TRUE(has(error({.num_workers = 40'000}),
                  {"num_workers", "too large", "40000", "1024"}));
  EXPECT_TRUE(has(error({.num_workers = 1, .prefetch_factor = INT64_MAX}),
                  {"prefetch_factor", "too large"}));
}

TEST(DataLoader, RefusesSizesThatAreNone) {
  struct Owing {
    int64_t size() const { return -3; }
    torch::Tensor get(int64_t) { return torch::zeros({1}); }
  };
  EXPECT_TRUE(has(message_of<DataError>([] { DataLoader(Owing{}, {}); }),
                  {"dataset", "negative", "-3"}));
  struct Backwards : BatchSampler {
    int64_t size() const override { return length; }
    std::span<const int64_t> batch(int64_t, int64_t) override { return {}; }
    int64_t length = -2;
  };
  const std::vector<torch::Tensor> data(3, torch::zeros({1}));
  auto sampler = std::make_shared<Backwards>();
  EXPECT_TRUE(has(message_of<DataError>(
                      [&] { DataLoader(data, {.batch_sampler = sampler}); }),
                  {"batch_sampler", "negative", "-2"}));
  sampler->length = 1;
  DataLoader empty(data, {.batch_sampler = sampler});
  EXPECT_TRUE(has(message_of<DataError>([&] { empty.begin(); }),
                  {"batch_sampler", "no samples", "batch 0"}));
}

TEST(DatasetsModule, ShufflesTheTrainingDataAlone) {
  DatasetsModule<TensorDataset> data({.train = numbers(20), .test = numbers(6)},
                                     {.batch_size = 4, .seed = 1});
  EXPECT_TRUE(data.train_dataloader()[0].shuffled());
  EXPECT_FALSE(data.test_dataloader()[0].shuffled());
  EXPECT_FALSE(data.val_dataloader().defined());
  EXPECT_EQ(data.hooks(),
            (DataHooks{.train_dataloader = true, .test_dataloader = true}));
  EXPECT_EQ(describe(data),
            "{Train dataloader: size=5}\n{Validation dataloader: None}\n"
            "{Test dataloader: size=2}\n{Predict dataloader: None}");
}

int count(Loaders loaders) {
  int batches = 0;
  AnyBatch batch;
  for (int pass = 0; pass < 2; ++pass) {
    loaders[0].start();
    while (loaders[0].next(batch)) ++batches;
  }
  return batches;
}

TEST(Loaders, TakeRangesSizedOrNot) {
  const std::vector<torch::Tensor> vector(3, torch::ones({1}));
  const std::list<torch::Tensor> list(3, torch::ones({1}));
  testing::Generator<torch::Tensor> generator{3, torch::ones({1})};
  EXPECT_EQ(count(vector), 6);
  EXPECT_EQ(count(list), 6);
  EXPECT_EQ(count(generator), 6);
  EXPECT_EQ(Loaders(vector)[0].size(), 3);
  EXPECT_EQ(Loaders(generator)[0].size(), std::nullopt);
  EXPECT_EQ((Loaders{Loaders(vector), Loaders(list)}).count(), 2u);
}

// As in a range-for: begin() comes first.
TEST(Loaders, LetBeginPrepareThePass) {
  struct Prepared {
    auto begin() {
      data = {torch::zeros({2}), torch::ones({2})};
      return data.begin();
    }
    auto end() { return data.end(); }
    std::vector<torch::Tensor> data{};
  } range;
  Loaders loaders(range);
  for (int pass = 0; pass < 2; ++pass) {
    loaders[0].start();
    AnyBatch batch;
    int count = 0;
    while (loaders[0].next(batch)) ++count;
    EXPECT_EQ(count, 2);
  }
}

TEST(Loaders, DontCopyWhatOutlivesThem) {
  const std::vector<torch::Tensor> batches(2, torch::ones({1}));
  Loaders loaders(batches);
  AnyBatch batch;
  loaders[0].start();
  ASSERT_TRUE(loaders[0].next(batch));
  EXPECT_EQ(&batch.as<torch::Tensor>(), batches.data());
}

struct Squares : torch::data::Dataset<Squares> {
  torch::data::Example<> get(std::size_t k) override {
    return {torch::tensor(float(k)), torch::tensor(int64_t(k * k))};
  }
  torch::optional<std::size_t> size() const override { return 10; }
};

TEST(Loaders, TakeTorchsLoadersAgainAndAgain) {
  for (const std::size_t workers : {0, 2}) {
    auto loader =
        torch::data::make_data_loader<torch::data::samplers::SequentialSampler>(
            Squares().map(torch::data::transforms::Stack<>()),
            torch::data::DataLoaderOptions(4).workers(workers));
    EXPECT_EQ(count(loader), 6) << workers;
    // Cut short, then from the start.
    Loaders loaders(loader);
    AnyBatch batch;
    loaders[0].start();
    loaders[0].next(batch);
    loaders[0].start();
    int batches = 0;
    while (loaders[0].next(batch)) ++batches;
    EXPECT_EQ(batches, 3) << workers;
  }
}

TEST(Loaders, DatasetsOfTorchWorkInOurs) {
  DataLoader loader(Squares(), {.batch_size = 5});
  std::vector<int64_t> seen = read(loader, 0);
  EXPECT_EQ(seen.size(), 10u);
  EXPECT_EQ(seen[9], 81);
}

}  // namespace
}  // namespace bolt
