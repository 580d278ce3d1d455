#include <gtest/gtest.h>
#include <torch/torch.h>
#include <torchbolt/core/error.h>
#include <torchbolt/data/data.h>

#include <map>
#include <string>
#include <vector>

#include "support/errors.h"
#include "support/generator.h"

namespace bolt {
namespace {

using testing::has;
using testing::message_of;
using Example = torch::data::Example<>;
using Parts = std::vector<std::optional<Example>>;
using Rows = std::vector<std::vector<int64_t>>;
constexpr auto kModes = {CombineMode::kMinSize, CombineMode::kMaxSizeCycle,
                         CombineMode::kMaxSize};

DataLoader<TensorDataset> loader(int64_t batches, int64_t from = 0,
                                 bool shuffle = false) {
  return DataLoader(TensorDataset(torch::zeros({batches}),
                                  torch::arange(from, from + batches)),
                    {.shuffle = shuffle, .seed = 4});
}

int64_t number(const Example& e) { return e.target.item<int64_t>(); }

std::vector<int64_t> row(const Parts& parts) {
  std::vector<int64_t> numbers;
  for (const auto& part : parts) numbers.push_back(part ? number(*part) : -1);
  return numbers;
}

Rows rows(BatchSource& source) {
  Rows all;
  AnyBatch batch;
  source.start();
  while (source.next(batch)) all.push_back(row(batch.as<Parts>()));
  return all;
}

Rows read(CombineMode mode, std::vector<int64_t> sizes) {
  Loaders parts;
  int64_t from = 0;
  for (const int64_t n : sizes) {
    parts.append(loader(n, from));
    from += 10;
  }
  CombinedLoader<Parts> all(parts, {.mode = mode});
  const Rows first = rows(all);
  EXPECT_EQ(rows(all), first) << "another pass";
  return first;
}

TEST(CombinedLoader, EndsAsItsModeSays) {
  EXPECT_EQ(read(CombineMode::kMinSize, {2, 3}), (Rows{{0, 10}, {1, 11}}));
  EXPECT_EQ(read(CombineMode::kMaxSize, {2, 3}),
            (Rows{{0, 10}, {1, 11}, {-1, 12}}));
  EXPECT_EQ(
      read(CombineMode::kMaxSizeCycle, {2, 5, 1}),
      (Rows{{0, 10, 20}, {1, 11, 20}, {0, 12, 20}, {1, 13, 20}, {0, 14, 20}}));
  for (const CombineMode mode : kModes) {
    EXPECT_EQ(read(mode, {2, 2}), (Rows{{0, 10}, {1, 11}}));
    EXPECT_EQ(read(mode, {0}), Rows{});
  }
  EXPECT_EQ(read(CombineMode::kMinSize, {0, 2}), Rows{});
  EXPECT_EQ(read(CombineMode::kMaxSize, {0, 2}), (Rows{{-1, 10}, {-1, 11}}));
  // As in Lightning: a loader that has nothing to begin anew with ends it all.
  EXPECT_EQ(read(CombineMode::kMaxSizeCycle, {0, 2}), Rows{});
}

TEST(CombinedLoader, KnowsItsLength) {
  const std::vector<Example> two(2), five(5);
  testing::Generator<Example> unsized{3, Example{}};
  const auto size = [&](CombineMode mode) {
    return CombinedLoader<Parts>({two, five}, {.mode = mode}).size();
  };
  EXPECT_EQ(size(CombineMode::kMinSize), 2);
  EXPECT_EQ(size(CombineMode::kMaxSize), 5);
  EXPECT_EQ(size(CombineMode::kMaxSizeCycle), 5);
  EXPECT_EQ(CombinedLoader<Parts>({two, unsized}).size(), 2);
  EXPECT_EQ(
      CombinedLoader<Parts>({two, unsized}, {.mode = CombineMode::kMaxSize})
          .size(),
      std::nullopt);
  EXPECT_EQ(
      CombinedLoader<Example>({two, five}, {.mode = CombineMode::kSequential})
          .size(),
      7);
}

TEST(CombinedLoader, ReadsOneAfterAnother) {
  CombinedLoader<Example> all({loader(2), loader(0), loader(3, 10)},
                              {.mode = CombineMode::kSequential});
  std::vector<std::vector<int64_t>> seen;
  for (const auto& batch : all) {
    seen.push_back({number(batch), all.batch_idx(), all.dataloader_idx()});
  }
  EXPECT_EQ(seen,
            (Rows{{0, 0, 0}, {1, 1, 0}, {10, 0, 2}, {11, 1, 2}, {12, 2, 2}}));
}

TEST(CombinedLoader, TakesLoadersOfSeveralTypesAndByName) {
  const std::vector<torch::Tensor> tensors(3, torch::ones({2}));
  using Pair = std::tuple<Example, std::optional<torch::Tensor>>;
  int batches = 0;
  for (const auto& [example, tensor] :
       CombinedLoader<Pair>({loader(2), tensors})) {
    EXPECT_EQ(number(example), batches++);
    EXPECT_TRUE(tensor->equal(tensors[0]));
  }
  EXPECT_EQ(batches, 2);
  // The last ones may be left out where they are optional.
  for (const auto& [example, tensor] : CombinedLoader<Pair>(loader(1))) {
    EXPECT_FALSE(tensor.has_value());
    EXPECT_EQ(number(example), 0);
  }
  using Map = std::map<std::string, torch::Tensor>;
  CombinedLoader<Map> named({{"left", tensors}, {"right", tensors}});
  for (const auto& batch : named) {
    EXPECT_EQ(batch.size(), 2u);
    EXPECT_TRUE(batch.at("right").equal(tensors[0]));
  }
  EXPECT_EQ(tensors[0].use_count(), 3);  // the vector's; nothing is kept
}

TEST(CombinedLoader, LeavesTheCallersBatchesAlone) {
  const std::vector<Example> mine(2,
                                  Example(torch::ones({1}), torch::ones({1})));
  rows(*std::make_unique<CombinedLoader<Parts>>(mine));
  EXPECT_TRUE(mine[1].data.defined());
}

TEST(CombinedLoader, RefusesWhatDoesNotFit) {
  const std::vector<Example> a(2);
  using Mode = CombineMode;
  EXPECT_TRUE(has(message_of<ConfigError>([&] {
                    CombinedLoader<std::vector<Example>>(
                        {a, a}, {.mode = Mode::kMaxSize});
                  }),
                  {"max_size", "std::optional"}));
  EXPECT_TRUE(has(message_of<ConfigError>([&] {
                    CombinedLoader<Parts>({a, a}, {.mode = Mode::kSequential});
                  }),
                  {"loader 0", "sequential"}));
  EXPECT_TRUE(has(
      message_of<ConfigError>([&] { CombinedLoader<Parts> none{Loaders()}; }),
      {"there is no loader"}));
  using Two = std::tuple<Example, Example>;
  EXPECT_TRUE(has(message_of<ConfigError>([&] { CombinedLoader<Two> one(a); }),
                  {"1 loaders", "2"}));
  using Map = std::map<std::string, Example>;
  EXPECT_TRUE(has(message_of<ConfigError>(
                      [&] { CombinedLoader<Map> m({{"x", a}, {"x", a}}); }),
                  {"same name"}));
  EXPECT_THROW((CombinedLoader<Map>({a, a})), ConfigError);
  EXPECT_TRUE(
      has(message_of<ConfigError>([] { parse_combine_mode("longest"); }),
          {"longest", "min_size, max_size_cycle, max_size, sequential"}));
  EXPECT_EQ(to_string(parse_combine_mode("max_size_cycle")), "max_size_cycle");
}

TEST(CombinedLoader, TellsItsLoadersEpochAndOrder) {
  auto a = loader(9, 0, true), b = loader(9);
  CombinedLoader<Parts> both({a, b});
  EXPECT_TRUE(both.shuffled());
  both.set_epoch(1);
  const Rows first = rows(both);
  both.set_epoch(2);
  EXPECT_NE(rows(both), first);
  both.keep_order(true);
  EXPECT_FALSE(both.shuffled());
  EXPECT_EQ(rows(both)[4], (std::vector<int64_t>{4, 4}));
}

// A new loader for every batch, each going on where the one before stopped.
template <class Make>
void expect_whole_by_batches(Make make, const Rows& whole) {
  State state = make().state();
  for (const auto& expected : whole) {
    auto one = make();
    AnyBatch batch;
    one.load_state(state);
    one.set_epoch(3);
    one.start();
    ASSERT_TRUE(one.next(batch));
    EXPECT_EQ(row(batch.as<Parts>()), expected);
    state = one.state();
  }
}

// A pass that is broken off after any batch and taken up by another loader
// gives what the pass as a whole gives; at its end it begins anew.
template <class Make>
void expect_exact_resume(Make make) {
  auto straight = make();
  straight.set_epoch(3);
  const Rows whole = rows(straight);
  for (std::size_t stop = 0; stop <= whole.size(); ++stop) {
    auto first = make();
    AnyBatch batch;
    first.set_epoch(3);
    first.start();
    for (std::size_t k = 0; k < stop; ++k) ASSERT_TRUE(first.next(batch));
    auto second = make();
    second.load_state(first.state());
    second.set_epoch(3);
    Rows rest = rows(second);
    const auto from = stop == whole.size() ? 0 : stop;
    EXPECT_EQ(rest,
              Rows(whole.begin() + static_cast<int64_t>(from), whole.end()))
        << "stopped after " << stop;
    EXPECT_EQ(rows(second), whole) << "the pass after that, " << stop;
  }
  expect_whole_by_batches(make, whole);
}

TEST(CombinedLoader, GoesOnExactly) {
  for (const CombineMode mode : kModes) {
    SCOPED_TRACE(to_string(mode));
    expect_exact_resume([&] {
      return CombinedLoader<Parts>(
          {loader(3, 0, true), loader(7, 10, true), loader(2, 20)},
          {.mode = mode});
    });
    // A range has no state: it is read again.
    static const std::vector<Example> range{
        {torch::zeros({1}), torch::tensor(30)},
        {torch::zeros({1}), torch::tensor(31)}};
    expect_exact_resume([&] {
      return CombinedLoader<Parts>({range, loader(5)}, {.mode = mode});
    });
  }
}

TEST(CombinedLoader, GoesOnExactlyInSequence) {
  const auto make = [] {
    return CombinedLoader<Parts>(
        {CombinedLoader<Parts>(loader(2)), CombinedLoader<Parts>(loader(3, 10)),
         CombinedLoader<Parts>(loader(1, 20))},
        {.mode = CombineMode::kSequential});
  };
  expect_exact_resume(make);
}

TEST(CombinedLoader, RefusesTheStateOfOthers) {
  const auto make = [](int64_t n, CombineMode mode) {
    std::vector<Loaders> parts;
    Loaders all;
    for (int64_t k = 0; k < n; ++k) all.append(loader(2));
    return CombinedLoader<Parts>(all, {.mode = mode});
  };
  const State state = make(2, CombineMode::kMinSize).state();
  EXPECT_EQ(state.at("parts").size(), 2u);
  auto three = make(3, CombineMode::kMinSize);
  EXPECT_TRUE(has(message_of<CheckpointError>([&] { three.load_state(state); }),
                  {"number of loaders", "3", "2"}));
  auto other = make(2, CombineMode::kMaxSize);
  EXPECT_TRUE(has(message_of<CheckpointError>([&] { other.load_state(state); }),
                  {"mode", "max_size", "min_size"}));
}

}  // namespace
}  // namespace bolt
