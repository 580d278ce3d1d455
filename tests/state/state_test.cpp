#include <gtest/gtest.h>
#include <torch/torch.h>
#include <torchbolt/core/error.h>
#include <torchbolt/state/rng.h>
#include <torchbolt/state/state.h>

#include <cmath>

#include "support/errors.h"

namespace bolt {
namespace {

using testing::has;
using testing::message_of;

State tree() {
  return State::map({{"none", State()},
                     {"flag", true},
                     {"count", 3},
                     {"lr", 1e-3},
                     {"name", "adam"},
                     {"w", torch::arange(6).reshape({2, 3})},
                     {"list", State::list({1, "two", 3.0})},
                     {"betas", State::tuple({0.9, 0.999})},
                     {int64_t{0}, State::map({{"step", 7}})}});
}

TEST(State, KeepsKindsValuesAndOrder) {
  const State s = tree();
  EXPECT_TRUE(s.at("none").is_none());
  EXPECT_TRUE(s.at("flag").as_bool());
  EXPECT_EQ(s.at("count").as_int(), 3);
  EXPECT_EQ(s.at("count").as_double(), 3.0);
  EXPECT_EQ(s.at("name").as_string(), "adam");
  EXPECT_TRUE(s.at("betas").is_tuple());
  EXPECT_EQ(s.at(State::Key(int64_t{0})).at("step").as_int(), 7);
  EXPECT_EQ(std::get<std::string>(s.entries()[3].first), "lr");
}

TEST(State, CopiesAreTheirOwn) {
  State a = tree();
  State b = a;
  b["count"] = 4;
  b["list"].push_back(5);
  EXPECT_EQ(a.at("count").as_int(), 3);
  EXPECT_EQ(a.at("list").size(), 3u);
  EXPECT_FALSE(a == b);
}

TEST(State, EqualityIsBitwise) {
  EXPECT_EQ(tree(), tree());
  EXPECT_EQ(State(std::nan("")), State(std::nan("")));
  EXPECT_FALSE(State(0.0) == State(-0.0));
  EXPECT_FALSE(State(1) == State(1.0));
  EXPECT_FALSE(State(torch::zeros({2})) == State(torch::zeros({1, 2})));
  EXPECT_FALSE(State(torch::zeros({2})) ==
               State(torch::zeros({2}, torch::kInt)));
}

TEST(State, CloneSharesStorageWhereTheOriginalDid) {
  const auto base = torch::arange(6, torch::kFloat);
  State s = State::map({{"all", base}, {"part", base.narrow(0, 2, 3)}});
  const State copy = s.clone();
  base.fill_(-1);
  EXPECT_EQ(copy.at("part").as_tensor()[0].item<float>(), 2);
  copy.at("all").as_tensor().fill_(9);
  EXPECT_EQ(copy.at("part").as_tensor()[0].item<float>(), 9);
}

TEST(State, LargeMapsFindAndEraseTheirKeys) {
  State s = State::map();
  for (int64_t k = 0; k < 1000; ++k) s[k] = k * k;
  EXPECT_EQ(s.at(State::Key(int64_t{31})).as_int(), 961);
  EXPECT_TRUE(s.erase(State::Key(int64_t{500})));
  EXPECT_EQ(s.find(State::Key(int64_t{500})), nullptr);
  EXPECT_EQ(s.at(State::Key(int64_t{999})).as_int(), 998001);
  EXPECT_EQ(s.size(), 999u);
}

TEST(State, ErrorsNameKindsAndKeys) {
  const State s = tree();
  EXPECT_TRUE(has(message_of<CheckpointError>([&] { s.at("lr").as_int(); }),
                  {"double", "int"}));
  EXPECT_TRUE(has(message_of<CheckpointError>([&] { s.at("cuont"); }),
                  {"\"cuont\"", "did you mean \"count\""}));
  EXPECT_TRUE(has(message_of<CheckpointError>([&] { s.at("lr").items(); }),
                  {"double", "list or tuple"}));
}

TEST(Rng, DefaultGeneratorsGoOnWhereTheyWere) {
  torch::manual_seed(7);
  const State at = rng_state();
  const auto first = torch::rand({4});
  load_rng_state(at);
  EXPECT_TRUE(torch::equal(torch::rand({4}), first));
}

TEST(Rng, IsolationPutsThemBack) {
  torch::manual_seed(7);
  const auto expected = torch::rand({4});
  torch::manual_seed(7);
  {
    const IsolateRng isolate;
    torch::rand({100});
  }
  EXPECT_TRUE(torch::equal(torch::rand({4}), expected));
}

TEST(Rng, StreamsAreRepeatableAndDiffer) {
  Rng a(1, 2);
  Rng b(1, 2);
  Rng other(1, 3);
  const uint64_t first = a.next();
  EXPECT_EQ(first, b.next());
  EXPECT_NE(first, other.next());
  // The numbers are part of the contract: orders must be the same everywhere.
  EXPECT_EQ(Rng(0, 0).next(), 14452970972176770249ULL);
}

TEST(Rng, BelowIsInRangeAndReachesAll) {
  Rng rng(5);
  std::array<int, 6> seen{};
  for (int k = 0; k < 6000; ++k) ++seen.at(rng.below(6));
  for (const int n : seen) EXPECT_NEAR(n, 1000, 150);
}

TEST(Rng, SeedEverythingRefusesWhatIsNoSeed) {
  EXPECT_TRUE(has(message_of<ConfigError>([] { seed_everything(-1); }),
                  {"-1", "0 to 4294967295"}));
  EXPECT_EQ(seed_everything(4294967295), 4294967295u);
}

}  // namespace
}  // namespace bolt
