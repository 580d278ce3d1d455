#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>
#include <torchbolt/engine/options.h>
#include <torchbolt/engine/precision_context.h>
#include <torchbolt/engine/precision_plugin.h>
#include <torchbolt/export.h>

#include <memory>
#include <string_view>

namespace bolt {

/// "64-true", "16-true" and "bf16-true": parameters, buffers and inputs are
/// converted, and tensors made in a step without a type get that type.
class TORCHBOLT_API TruePrecision : public PrecisionPlugin {
 public:
  /// Throws ConfigError for another setting than those three.
  explicit TruePrecision(Precision precision);

  /// "DoublePrecision" or "HalfPrecision".
  std::string_view name() const override;
  Precision precision() const override { return precision_; }
  /// The format of parameters and inputs.
  c10::ScalarType dtype() const { return dtype_; }

  /// Throws ConfigError where the device lacks the format.
  void setup(const c10::Device& device) override;
  void convert_module(torch::nn::Module& module) override;
  /// Warns of an Adam whose eps is zero in float16.
  void check_optimizer(const torch::optim::Optimizer& optimizer) override;
  at::Tensor convert_input(const at::Tensor& input) const override;
  std::unique_ptr<PrecisionContext> init_context() override;
  std::unique_ptr<PrecisionContext> forward_context() override;

 private:
  Precision precision_;
  c10::ScalarType dtype_;
};

}  // namespace bolt
