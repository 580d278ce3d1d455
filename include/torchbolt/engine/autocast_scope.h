#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>
#include <torchbolt/export.h>

namespace bolt {

/// While it lives, operations on one kind of device choose their number format
/// themselves: matrix products and convolutions run in `dtype`, sums and losses
/// in 32 bits. Python's `torch.autocast`. Of this thread alone; scopes nest,
/// and end in reverse order.
///
///     const bolt::AutocastScope autocast(at::kCPU, at::kBFloat16);
///     auto loss = F::cross_entropy(net->forward(x), y);
class TORCHBOLT_API AutocastScope {
 public:
  /// `cache` keeps converted weights until the outermost scope ends: faster
  /// where a weight is used several times, for the memory of the copies.
  [[nodiscard]] AutocastScope(c10::DeviceType device, c10::ScalarType dtype,
                              bool cache = true);
  /// Turns it off for the scope.
  [[nodiscard]] static AutocastScope off(c10::DeviceType device);
  ~AutocastScope();
  AutocastScope(const AutocastScope&) = delete;
  AutocastScope& operator=(const AutocastScope&) = delete;

 private:
  struct Setting {
    bool enabled;
    c10::ScalarType dtype;
    bool cache;
  };
  AutocastScope(c10::DeviceType device, Setting setting);
  static Setting current(c10::DeviceType device);
  static void set(c10::DeviceType device, const Setting& setting);

  c10::DeviceType device_;
  Setting before_;
};

}  // namespace bolt
