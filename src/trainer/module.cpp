#include <ATen/ATen.h>
#include <torch/optim/optimizer.h>
#include <torchbolt/core/error.h>
#include <torchbolt/metrics/metric.h>
#include <torchbolt/trainer/module.h>
#include <torchbolt/trainer/trainer.h>

#include <cmath>
#include <functional>
#include <iostream>
#include <optional>
#include <string>
#include <utility>

#include "trainer/core.h"
#include "trainer/modes.h"

namespace bolt {

Module::Module() = default;
Module::~Module() {
  if (trainer_ != nullptr) {
    detail::TrainerAccess::core(*trainer_).forget_module();
  }
}

// -- hooks -------------------------------------------------------------------

void Module::optimizer_zero_grad(int64_t, int64_t,
                                 torch::optim::Optimizer& optimizer) {
  trainer().fabric().zero_grad(optimizer);
}

void Module::backward(const at::Tensor& loss) {
  if (!loss.requires_grad()) {
    throw ConfigError(
        {.where = "training_step",
         .what = "the loss can't be differentiated: it depends on no "
                 "parameter that is trained",
         .got = "a " + std::string(c10::toString(loss.scalar_type())) +
                " tensor without requires_grad",
         .tip = "compute it from the module's output, without detach() or "
                "item(); or return {} to leave the step out"});
  }
  loss.backward();
}

void Module::configure_gradient_clipping(torch::optim::Optimizer& optimizer,
                                         std::optional<double> clip_val,
                                         std::optional<ClipAlgorithm> by) {
  clip_gradients(optimizer, clip_val, by);
}

void Module::optimizer_step(int64_t, int64_t,
                            torch::optim::Optimizer& optimizer,
                            const std::function<at::Tensor()>& closure) {
  optimizer.step(closure);
}

void Module::lr_scheduler_step(LRScheduler& scheduler,
                               std::optional<double> metric) {
  if (metric) {
    scheduler.step(*metric);
  } else {
    scheduler.step();
  }
}

void Module::on_validation_model_zero_grad() { zero_grad(); }

void Module::on_validation_model_eval() { eval(); }
void Module::on_test_model_eval() { eval(); }
void Module::on_predict_model_eval() { eval(); }
void Module::on_validation_model_train() { detail::restore_modes(*this); }
void Module::on_test_model_train() { detail::restore_modes(*this); }

// -- services ----------------------------------------------------------------

void Module::log(std::string_view name, LogValue value,
                 const LogOptions& options) {
  if (trainer_ == nullptr) {
    log_warning("[log] the module is not part of a run; nothing is logged");
    return;
  }
  detail::TrainerCore& core = detail::TrainerAccess::core(*trainer_);
  if (core.options.barebones) {
    core.once.warning("[log] barebones turns logging off");
    return;
  }
  core.log.log(hook_, *this, name, value, options);
}

namespace {

// Calls `send(logger, step)` with the loggers of a module's Trainer.
template <class Send>
void to_loggers(Trainer* trainer, const char* call, const Send& send) {
  if (trainer == nullptr) {
    log_warning(std::string("[") + call +
                "] the module is not part of a run; nothing is logged");
    return;
  }
  detail::TrainerCore& core = detail::TrainerAccess::core(*trainer);
  if (trainer->sanity_checking()) return;
  core.log.to_loggers([&](Logger& logger) {
    send(logger, core.progress.batches_that_stepped);
  });
}

}  // namespace

void Module::log_image(std::string_view name, const at::Tensor& image) {
  to_loggers(trainer_, "log_image", [&](Logger& logger, int64_t step) {
    logger.log_image(name, image, step);
  });
}

void Module::log_figure(std::string_view name, const Figure& figure) {
  to_loggers(trainer_, "log_figure", [&](Logger& logger, int64_t step) {
    logger.log_figure(name, figure, step);
  });
}

void Module::log_text(std::string_view name, std::string_view text) {
  to_loggers(trainer_, "log_text", [&](Logger& logger, int64_t step) {
    logger.log_text(name, text, step);
  });
}

void Module::log_table(std::string_view name, const Table& table) {
  to_loggers(trainer_, "log_table", [&](Logger& logger, int64_t step) {
    logger.log_table(name, table, step);
  });
}

void Module::log_histogram(std::string_view name, const at::Tensor& values,
                           int64_t bins) {
  std::optional<Histogram> histogram;  // made where somebody keeps it
  to_loggers(trainer_, "log_histogram", [&](Logger& logger, int64_t step) {
    if (!histogram) {
      histogram =
          logger.logs_histograms() ? histogram_of(values, bins) : Histogram();
    }
    logger.log_histogram(name, *histogram, step);
  });
}

void Module::print(std::string_view text) const {
  if (trainer_ != nullptr) {
    trainer_->print(text);
  } else {
    std::cout << text << '\n';
  }
}

Module& Module::freeze() {
  for (at::Tensor& parameter : parameters()) parameter.requires_grad_(false);
  eval();
  return *this;
}

Module& Module::unfreeze() {
  for (at::Tensor& parameter : parameters()) parameter.requires_grad_(true);
  train();
  return *this;
}

void Module::register_metric(std::string name, metrics::Metric& metric) {
  for (const auto& [known, other] : metrics_) {
    if (known == name) {
      throw ConfigError({.where = "register_metric",
                         .what = "the name is taken",
                         .got = "\"" + name + "\""});
    }
  }
  metrics_.emplace_back(std::move(name), &metric);
}

Trainer& Module::trainer() const {
  if (trainer_ != nullptr) return *trainer_;
  throw ConfigError({.where = "LightningModule",
                     .what = "no Trainer has run this module, or it is gone",
                     .tip = "ask in a hook, or has_trainer() before"});
}

int64_t Module::current_epoch() const {
  return trainer_ == nullptr ? 0 : trainer_->current_epoch();
}

int64_t Module::global_step() const {
  return trainer_ == nullptr ? 0 : trainer_->global_step();
}

at::Device Module::device() const {
  if (trainer_ != nullptr && trainer_->status() == RunStatus::kRunning) {
    return trainer_->fabric().device();
  }
  const std::vector<at::Tensor> all = parameters();
  return all.empty() ? at::Device(at::kCPU) : all.front().device();
}

at::Tensor Module::clip_gradients(torch::optim::Optimizer& optimizer,
                                  std::optional<double> clip_val,
                                  std::optional<ClipAlgorithm> by) {
  const auto [of_value, of_algorithm] =
      detail::TrainerAccess::core(trainer()).clip_settings(optimizer);
  const auto agree = [](std::string_view name, const auto& mine,
                        const auto& trainers) {
    if (!mine || !trainers || *mine == *trainers) return;
    throw ConfigError(
        {.where = "clip_gradients",
         .what = std::string(name) +
                 " differs from the Trainer's argument, or the optimizer's",
         .tip = "set it in one of the two places"});
  };
  if (clip_val && std::isnan(*clip_val)) {
    throw ConfigError({.where = "clip_gradients",
                       .what = "the value to clip by is no number",
                       .got = "nan"});
  }
  agree("the value", clip_val, of_value);
  agree("the algorithm", by, of_algorithm);
  const std::optional<double> value = clip_val ? clip_val : of_value;
  if (!value || *value <= 0) return {};
  const ClipAlgorithm algorithm =
      by.value_or(of_algorithm.value_or(ClipAlgorithm::kNorm));
  return trainer().fabric().clip_gradients(optimizer, *value, algorithm);
}

}  // namespace bolt
