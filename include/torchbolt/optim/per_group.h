#pragma once

#include <torchbolt/export.h>

#include <cstddef>
#include <initializer_list>
#include <string_view>
#include <utility>
#include <vector>

namespace bolt::optim {

/// A setting of a schedule: one number for all parameter groups, or one for
/// each; or none yet.
///
///     .max_lr = 0.1
///     .max_lr = {0.1, 0.01}
class TORCHBOLT_API PerGroup {
 public:
  /// Not set.
  PerGroup() = default;
  /// One for all.
  PerGroup(double value) : values_{value}, single_(true) {}
  /// One for each.
  PerGroup(std::initializer_list<double> values) : values_(values) {}
  /// The same.
  PerGroup(std::vector<double> values) : values_(std::move(values)) {}

  /// Whether there is a number.
  bool given() const { return !values_.empty(); }
  /// Whether one number counts for all groups.
  bool single() const { return single_; }
  /// The number of a group. Throws ConfigError when there is none for it.
  double at(std::size_t group) const;
  /// One number for each of `groups` groups. Throws ConfigError, naming the
  /// class and the field, when there are more or fewer, or one isn't finite.
  std::vector<double> values(std::size_t groups, std::string_view where,
                             std::string_view field) const;

 private:
  std::vector<double> values_{};
  bool single_ = false;
};

}  // namespace bolt::optim
