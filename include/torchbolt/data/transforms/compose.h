#pragma once

#include <torchbolt/data/transforms/transform.h>
#include <torchbolt/export.h>

#include <type_traits>
#include <utility>
#include <vector>

namespace bolt::transforms {

/// Transforms, one after the other. Those of torchbolt that stand next to each
/// other become one pass: where each pixel comes from (crops, flips) and what
/// becomes of its value (normalising) are worked out first, then every pixel is
/// read once and written once. A callable in between is a pass of its own, and
/// so is all behind a second crop with padding.
///
///     using namespace bolt::transforms;
///     Compose augment{Normalize({.mean = {0.286}, .std = {0.353}}),
///                     RandomCrop({.height = 28, .width = 28, .padding = 4}),
///                     RandomHorizontalFlip(),
///                     [](const at::Tensor& x) { return x.flatten(1); }};
class TORCHBOLT_API Compose : public Transform {
 public:
  template <class... T>
    requires(sizeof...(T) > 0 && (std::is_convertible_v<T, Transform> && ...) &&
             !(sizeof...(T) == 1 &&
               (std::is_same_v<std::remove_cvref_t<T>, Compose> && ...)))
  Compose(T&&... in_order)
      : Transform(
            std::vector<Transform>{Transform(std::forward<T>(in_order))...}) {}
  /// As many as there are; none changes nothing.
  explicit Compose(const std::vector<Transform>& in_order)
      : Transform(in_order) {}
};

}  // namespace bolt::transforms
