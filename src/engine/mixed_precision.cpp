#include <ATen/ATen.h>
#include <torch/optim/optimizer.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/log.h>
#include <torchbolt/core/number.h>
#include <torchbolt/engine/autocast_scope.h>
#include <torchbolt/engine/mixed_precision.h>
#include <torchbolt/engine/precision.h>
#include <torchbolt/optim/clip.h>

#include <algorithm>
#include <string>
#include <utility>

#include "engine/half_kernels.h"
#include "optim/is_lbfgs.h"

namespace bolt {
namespace {

class Autocast final : public PrecisionContext {
 public:
  Autocast(c10::DeviceType device, c10::ScalarType dtype, bool cache)
      : scope_(device, dtype, cache) {}

 private:
  AutocastScope scope_;
};

class AutocastOff final : public PrecisionContext {
 public:
  explicit AutocastOff(c10::DeviceType device)
      : scope_(AutocastScope::off(device)) {}

 private:
  AutocastScope scope_;
};

}  // namespace

MixedPrecision::MixedPrecision(MixedPrecisionOptions options)
    : options_(options) {
  const bool half = options_.precision == Precision::k16Mixed;
  if (!half && options_.precision != Precision::kBF16Mixed) {
    throw ConfigError(
        {.where = "MixedPrecision",
         .what = "it is for other settings",
         .got = "\"" + std::string(to_string(options_.precision)) + "\"",
         .expected = "16-mixed or bf16-mixed"});
  }
  if (!half && options_.scaler) {
    throw ConfigError({.where = "MixedPrecision",
                       .what = "bf16-mixed uses no loss scaler",
                       .tip = "leave .scaler out"});
  }
  if (half) scaler_.emplace(options_.scaler.value_or(GradScalerOptions{}));
}

void MixedPrecision::setup(const c10::Device& device) {
  device_ = device.type();
  if (options_.precision == Precision::k16Mixed && !computes_in_half(device)) {
    log_warning("[precision] float16 doesn't work on " + device.str() +
                " here; \"bf16-mixed\" is used in place of \"16-mixed\"");
    options_.precision = Precision::kBF16Mixed;
    options_.scaler.reset();
    scaler_.reset();
  }
}

bool MixedPrecision::computes_in_half(const c10::Device& device) const {
  return detail::computes_in(at::kHalf, device);
}

void MixedPrecision::check_optimizer(const torch::optim::Optimizer& optimizer) {
  if (!scaler_) return;
  // Another one may have had its place in memory.
  scaler_->renew(optimizer);
  if (!optim::detail::is_lbfgs(optimizer)) return;
  throw ConfigError({.where = "precision",
                     .what = "LBFGS evaluates the loss several times a step, "
                             "which the loss scaler of 16-mixed can't follow",
                     .tip = "\"bf16-mixed\" or \"32-true\""});
}

std::unique_ptr<PrecisionContext> MixedPrecision::forward_context() {
  return std::make_unique<Autocast>(device_, dtype_of(options_.precision),
                                    options_.cache_enabled);
}

// Gradients have the formats of the forward pass already; what a step computed
// outside of autocast must stay as it is.
std::unique_ptr<PrecisionContext> MixedPrecision::backward_context() {
  return std::make_unique<AutocastOff>(device_);
}

double MixedPrecision::loss_scale() const {
  return scaler_ ? scaler_->get_scale() : 1;
}

at::Tensor MixedPrecision::pre_backward(const at::Tensor& loss) {
  return scaler_ ? scaler_->scale(loss) : loss;
}

bool MixedPrecision::unscale_gradients(torch::optim::Optimizer& optimizer) {
  if (!scaler_) return true;
  if (running(optimizer) != nullptr) {
    throw ConfigError({.where = "precision",
                       .what = "the optimizer evaluates the loss several "
                               "times a step, which the loss scaler of "
                               "16-mixed can't follow",
                       .tip = "\"bf16-mixed\" or \"32-true\""});
  }
  if (!scaler_->unscaled(optimizer)) {
    check_optimizer(optimizer);
    // No backward pass came before, maybe none at all.
    if (optim::gradients(optimizer).empty()) return true;
    scaler_->unscale_(optimizer);
  }
  const bool overflowed = scaler_->found_inf(optimizer);
  overflowed_ = overflowed_ || overflowed;
  return !overflowed;
}

void MixedPrecision::begin_step(torch::optim::Optimizer& optimizer) {
  if (!scaler_ || running(optimizer) != nullptr) return;
  begin(optimizer, /*skip=*/!unscale_gradients(optimizer));
}

void MixedPrecision::begin_step_without_loss(
    torch::optim::Optimizer& optimizer) {
  if (!scaler_ || running(optimizer) != nullptr) return;
  scaler_->renew(optimizer);
  begin(optimizer, /*skip=*/true);
}

void MixedPrecision::begin(torch::optim::Optimizer& optimizer, bool skip) {
  Step step{.optimizer = &optimizer};
  if (skip) {
    for (const auto& group : optimizer.param_groups()) {
      for (const at::Tensor& parameter : group.params()) {
        if (!parameter.grad().defined()) continue;
        step.hidden.emplace_back(parameter, parameter.grad());
      }
    }
    for (auto& [parameter, gradient] : step.hidden) {
      parameter.mutable_grad().reset();
    }
  }
  steps_.push_back(std::move(step));
}

void MixedPrecision::end_step(torch::optim::Optimizer& optimizer) noexcept {
  Step* const step = running(optimizer);
  if (step == nullptr) {
    if (scaler_) scaler_->renew(optimizer);
    return;
  }
  for (auto& [parameter, gradient] : step->hidden) {
    parameter.mutable_grad() = std::move(gradient);
  }
  std::erase_if(steps_,
                [&](const Step& s) { return s.optimizer == &optimizer; });
  scaler_->stepped(optimizer);
}

void MixedPrecision::update() {
  if (!scaler_) return;
  scaler_->update();
  if (std::exchange(overflowed_, false)) warn_of_tiny_scale();
}

// Real overflows end when the scale is small enough.
void MixedPrecision::warn_of_tiny_scale() {
  if (warned_ || scaler_->get_scale() >= 1) return;
  warned_ = true;
  log_warning(
      "[precision] the loss scale fell below 1, and gradients are still "
      "infinite or NaN: no step is made. Look at the loss, or try "
      "\"bf16-mixed\"");
}

void MixedPrecision::on_zero_grad(const torch::optim::Optimizer& optimizer) {
  if (scaler_ && running(optimizer) == nullptr) scaler_->renew(optimizer);
}

State MixedPrecision::state() const {
  return scaler_ ? scaler_->state() : State::map();
}

void MixedPrecision::load_state(const State& state) {
  if (scaler_ && state.size() > 0) scaler_->load_state(state);
}

MixedPrecision::Step* MixedPrecision::running(
    const torch::optim::Optimizer& optimizer) {
  const auto step = std::ranges::find(steps_, &optimizer, &Step::optimizer);
  return step == steps_.end() ? nullptr : &*step;
}

}  // namespace bolt
