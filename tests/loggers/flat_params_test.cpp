#include "loggers/flat_params.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "loggers/tensorboard/events.h"

namespace bolt::detail {
namespace {

State params() {
  return State::map({{"lr", 0.125},
                     {"layers", State::list({1, 2})},
                     {"fast", true},
                     {"net", State::map({{"name", "size"}})},
                     {"none", State()},
                     {"blocks", State::list({State::map({{"w", 1}}),
                                             State::map({{"w", 2}})})},
                     {"empty", State::list()}});
}

// As Lightning 2.6 does with the same.
TEST(FlatParams, NamesAreLightnings) {
  std::vector<std::string> names;
  for (const auto& [name, value] : flat_params(params())) {
    names.push_back(name);
  }
  EXPECT_EQ(names,
            (std::vector<std::string>{"lr", "layers", "fast", "net/name",
                                      "none", "blocks/0/w", "blocks/1/w"}));
}

TEST(FlatParams, TensorBoardGetsNumbersTruthAndText) {
  const HParams all = flat_hparams(params());
  EXPECT_EQ(all[0].second, HParam(0.125));
  EXPECT_EQ(all[1].second, HParam(std::string("[1, 2]")));
  EXPECT_EQ(all[2].second, HParam(true));
  EXPECT_EQ(all[3].second, HParam(std::string("size")));
  EXPECT_EQ(all[4].second, HParam(std::string("None")));
  EXPECT_EQ(all[6].second, HParam(2.0));
}

}  // namespace
}  // namespace bolt::detail
