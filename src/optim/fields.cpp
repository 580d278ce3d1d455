#include "optim/fields.h"

#include <ATen/ATen.h>
#include <torchbolt/core/number.h>

#include <cmath>

namespace bolt::optim::detail {

// Python allows a tensor as learning rate.
void LoadFields::load(const State& state, double& value) {
  value = state.is_tensor() && state.as_tensor().numel() == 1
              ? state.as_tensor().item<double>()
              : state.as_double();
}

void Check::that(bool right, const char* field, double got,
                 const char* expected) const {
  if (right) return;
  throw ConfigError({.where = std::string(optimizer_),
                     .what = std::string(field) + " is out of range",
                     .got = shortest(got),
                     .expected = expected});
}

void Check::not_negative(const char* field, double value) const {
  that(value >= 0 && std::isfinite(value), field, value, "at least 0");
}

void Check::betas(const std::pair<double, double>& betas) const {
  that(betas.first >= 0 && betas.first < 1, "betas.first", betas.first,
       "at least 0 and below 1");
  that(betas.second >= 0 && betas.second < 1, "betas.second", betas.second,
       "at least 0 and below 1");
}

}  // namespace bolt::optim::detail
