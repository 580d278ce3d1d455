#pragma once

#include <torchbolt/export.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace bolt::optim {

/// A factor as a function of the epoch: one function for all parameter groups,
/// or one for each. Functions aren't saved.
///
///     .lr_lambda = [](int64_t epoch) { return std::pow(0.95, epoch); }
///     .lr_lambda = {warm, cold}
class TORCHBOLT_API LRLambda {
 public:
  using Function = std::function<double(int64_t)>;

  /// None: an error where it is used.
  LRLambda() = default;
  template <class F>
    requires(!std::same_as<std::remove_cvref_t<F>, LRLambda> &&
             std::is_invocable_r_v<double, F&, int64_t>)
  LRLambda(F&& function)
      : functions_{Function(std::forward<F>(function))}, single_(true) {}
  LRLambda(std::initializer_list<Function> functions) : functions_(functions) {}
  LRLambda(std::vector<Function> functions)
      : functions_(std::move(functions)) {}

  /// Throws ConfigError, naming the class, when there is no function, an empty
  /// one, or not one for each of `groups` groups.
  void check(std::size_t groups, std::string_view where) const;
  /// The factor of a group.
  double operator()(std::size_t group, int64_t epoch) const;

 private:
  std::vector<Function> functions_{};
  bool single_ = false;
};

}  // namespace bolt::optim
