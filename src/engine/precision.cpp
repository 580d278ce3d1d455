#include <ATen/ATen.h>
#include <torch/nn/module.h>
#include <torchbolt/core/error.h>
#include <torchbolt/engine/autocast.h>
#include <torchbolt/engine/mixed_precision.h>
#include <torchbolt/engine/precision.h>

#include <string>

#include "engine/half_kernels.h"

namespace bolt {
namespace {

class DefaultDtype final : public PrecisionContext {
 public:
  explicit DefaultDtype(c10::ScalarType dtype) : scope_(dtype) {}

 private:
  DefaultDtypeScope scope_;
};

c10::ScalarType dtype_of(Precision precision) {
  switch (precision) {
    case Precision::k64True:
      return at::kDouble;
    case Precision::k16True:
      return at::kHalf;
    case Precision::kBF16True:
      return at::kBFloat16;
    default:
      throw ConfigError({.where = "TruePrecision",
                         .what = "it is for other settings",
                         .got = "\"" + std::string(to_string(precision)) + "\"",
                         .expected = "64-true, 16-true or bf16-true"});
  }
}

// The tensor keeps its identity: optimizers made before still have it.
void convert(at::Tensor& tensor, c10::ScalarType dtype) {
  if (!tensor.defined() || !tensor.is_floating_point() ||
      tensor.scalar_type() == dtype) {
    return;
  }
  const at::Tensor gradient = tensor.grad();
  tensor.mutable_grad().reset();
  tensor.set_data(tensor.detach().to(dtype));
  if (gradient.defined()) tensor.mutable_grad() = gradient.to(dtype);
}

}  // namespace

TruePrecision::TruePrecision(Precision precision)
    : precision_(precision), dtype_(dtype_of(precision)) {}

std::string_view TruePrecision::name() const {
  return precision_ == Precision::k64True ? "DoublePrecision" : "HalfPrecision";
}

void TruePrecision::setup(const c10::Device& device) {
  if (detail::computes_in(dtype_, device)) return;
  throw ConfigError({.where = "precision",
                     .what = "the device can't compute in this format",
                     .got = "\"" + std::string(to_string(precision_)) +
                            "\" on " + device.str(),
                     .tip = "\"32-true\", or \"bf16-mixed\""});
}

void TruePrecision::convert_module(torch::nn::Module& module) {
  const at::NoGradGuard no_grad;
  for (at::Tensor& parameter : module.parameters()) convert(parameter, dtype_);
  for (at::Tensor& buffer : module.buffers()) convert(buffer, dtype_);
}

at::Tensor TruePrecision::convert_input(const at::Tensor& input) const {
  return input.is_floating_point() ? input.to(dtype_) : input;
}

std::unique_ptr<PrecisionContext> TruePrecision::init_context() {
  return std::make_unique<DefaultDtype>(dtype_);
}

std::unique_ptr<PrecisionContext> TruePrecision::forward_context() {
  return std::make_unique<DefaultDtype>(dtype_);
}

std::shared_ptr<PrecisionPlugin> make_precision(Precision precision) {
  switch (precision) {
    case Precision::k32True:
      return nullptr;
    case Precision::k16Mixed:
    case Precision::kBF16Mixed:
      return std::make_shared<MixedPrecision>(
          MixedPrecisionOptions{.precision = precision});
    default:
      return std::make_shared<TruePrecision>(precision);
  }
}

}  // namespace bolt
