#include <ATen/ATen.h>
#include <torch/nn/module.h>
#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/log.h>
#include <torchbolt/core/number.h>
#include <torchbolt/engine/default_dtype_scope.h>
#include <torchbolt/engine/precision.h>
#include <torchbolt/engine/true_precision.h>
#include <torchbolt/optim/optimizer.h>

#include <string>
#include <vector>

#include "engine/half_kernels.h"

namespace bolt {
namespace {

class DefaultDtype final : public PrecisionContext {
 public:
  explicit DefaultDtype(c10::ScalarType dtype) : scope_(dtype) {}

 private:
  DefaultDtypeScope scope_;
};

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

// The eps of each group that has one.
std::vector<double> all_eps(const torch::optim::Optimizer& optimizer) {
  std::vector<double> all;
  if (const auto* ours = dynamic_cast<const optim::Optimizer*>(&optimizer)) {
    const State state = ours->state();
    for (const State& group : state.at("param_groups").items()) {
      const State* eps = group.find("eps");
      if (eps != nullptr && eps->kind() == State::Kind::kDouble) {
        all.push_back(eps->as_double());
      }
    }
    return all;
  }
  for (const auto& group : optimizer.param_groups()) {
    const auto* options = &group.options();
    if (const auto* adam =
            dynamic_cast<const torch::optim::AdamOptions*>(options)) {
      all.push_back(adam->eps());
    } else if (const auto* adamw =
                   dynamic_cast<const torch::optim::AdamWOptions*>(options)) {
      all.push_back(adamw->eps());
    }
  }
  return all;
}

}  // namespace

TruePrecision::TruePrecision(Precision precision)
    : precision_(precision), dtype_(dtype_of(precision)) {
  switch (precision) {
    case Precision::k64True:
    case Precision::k16True:
    case Precision::kBF16True:
      return;
    default:
      throw ConfigError({.where = "TruePrecision",
                         .what = "it is for other settings",
                         .got = "\"" + std::string(to_string(precision)) + "\"",
                         .expected = "64-true, 16-true or bf16-true"});
  }
}

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

void TruePrecision::check_optimizer(const torch::optim::Optimizer& optimizer) {
  if (dtype_ != at::kHalf) return;
  for (const double eps : all_eps(optimizer)) {
    if (static_cast<float>(at::Half(static_cast<float>(eps))) > 0) continue;
    log_warning("[precision] the optimizer's eps=" + shortest(eps) +
                " is zero in float16, so that its steps become infinite; "
                "set eps to 1e-4, or use \"bf16-true\"");
    return;
  }
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

}  // namespace bolt
