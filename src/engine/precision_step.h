#pragma once

#include <torchbolt/engine/precision_plugin.h>

namespace bolt::detail {

/// The step of an optimizer, whose end the plug-in hears of however it ends.
class PrecisionStep {
 public:
  /// `plugin` may be null.
  PrecisionStep(PrecisionPlugin* plugin, torch::optim::Optimizer& optimizer)
      : plugin_(plugin), optimizer_(optimizer) {}
  ~PrecisionStep() {
    if (plugin_ != nullptr) plugin_->end_step(optimizer_);
  }
  PrecisionStep(const PrecisionStep&) = delete;
  PrecisionStep& operator=(const PrecisionStep&) = delete;

 private:
  PrecisionPlugin* plugin_;
  torch::optim::Optimizer& optimizer_;
};

}  // namespace bolt::detail
