#include <torchbolt/core/error.h>
#include <torchbolt/core/number.h>
#include <torchbolt/optim/per_group.h>

#include <cmath>
#include <string>

namespace bolt::optim {

double PerGroup::at(std::size_t group) const {
  if (single_) return values_.front();
  if (group < values_.size()) return values_[group];
  throw ConfigError({.where = "PerGroup",
                     .what = "a parameter group has no value of its own",
                     .got = std::to_string(values_.size()) + " values",
                     .expected = "one for group " + std::to_string(group),
                     .tip = "give one number for all groups"});
}

std::vector<double> PerGroup::values(std::size_t groups, std::string_view where,
                                     std::string_view field) const {
  for (const double value : values_) {
    if (std::isfinite(value)) continue;
    throw ConfigError({.where = std::string(where),
                       .what = std::string(field) + " has a wrong value",
                       .got = shortest(value),
                       .expected = "a finite number"});
  }
  if (single_) return std::vector<double>(groups, values_.front());
  if (values_.size() == groups) return values_;
  throw ConfigError({.where = std::string(where),
                     .what = std::string(field) +
                             " must have one value for each parameter group",
                     .got = std::to_string(values_.size()) + " values",
                     .expected = std::to_string(groups),
                     .tip = "give one number for all groups"});
}

}  // namespace bolt::optim
