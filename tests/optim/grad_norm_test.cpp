#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "support/pair.h"

namespace bolt {
namespace {

using testing::Pair;

TEST(GradNorm, GivesEachLayersAndTheTotalUnderLightningsNames) {
  Pair model;
  EXPECT_TRUE(grad_norm(model, 2).empty());
  ((model.a * 3).sum() + (model.b * 4).sum()).backward();
  const auto names = [&](double p) {
    std::map<std::string, double> all;
    for (const auto& [name, value] : grad_norm(model, p)) {
      all[name] = value.item<double>();
    }
    return all;
  };
  EXPECT_EQ(names(2),
            (std::map<std::string, double>{{"grad_2.0_norm/a", 3},
                                           {"grad_2.0_norm/b", 4},
                                           {"grad_2.0_norm_total", 5}}));
  EXPECT_EQ(names(INFINITY).at("grad_inf_norm_total"), 4);
  EXPECT_EQ(names(1).at("grad_1.0_norm_total"), 7);
  EXPECT_EQ(names(0.5).count("grad_0.5_norm/a"), 1u);
  EXPECT_THROW(grad_norm(model, 0), ConfigError);
  EXPECT_THROW(grad_norm(model, NAN), ConfigError);
}

}  // namespace
}  // namespace bolt
