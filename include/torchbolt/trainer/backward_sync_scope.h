#pragma once

#include <torchbolt/export.h>

namespace bolt {

namespace detail {
class ManualOptimization;
}

/// While it lives, backward passes leave the gradients of this process alone
/// instead of averaging them over all: for the passes of an accumulation but
/// the last. On one device there is nothing to exchange, and it does nothing.
/// `Module::no_backward_sync` makes it. Scopes nest, and end in reverse order.
///
///     {
///       const auto local = no_backward_sync(!last);
///       manual_backward(loss / 4);
///     }
class TORCHBOLT_API BackwardSyncScope {
 public:
  /// `enabled = false` makes a scope that does nothing.
  [[nodiscard]] BackwardSyncScope(detail::ManualOptimization& loop,
                                  bool enabled);
  /// Exchanges again, if it was so before.
  ~BackwardSyncScope();
  BackwardSyncScope(const BackwardSyncScope&) = delete;
  BackwardSyncScope& operator=(const BackwardSyncScope&) = delete;

 private:
  bool& blocked_;
  bool before_;
};

}  // namespace bolt
