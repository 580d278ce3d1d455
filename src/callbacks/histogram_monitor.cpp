#include <ATen/ATen.h>
#include <torch/optim/optimizer.h>
#include <torchbolt/callbacks/histogram_monitor.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/log.h>
#include <torchbolt/data/batch.h>
#include <torchbolt/trainer/trainer.h>

#include <algorithm>
#include <cmath>
#include <typeinfo>
#include <utility>

#include "callbacks/need_logger.h"
#include "optim/parameter_set.h"

namespace bolt {
namespace {

constexpr const char* kHistogram = "HistogramMonitor";

void need_positive(int64_t value, const char* name) {
  if (value >= 1) return;
  throw ConfigError({.where = kHistogram,
                     .what = std::string(name) + " is too small",
                     .got = std::to_string(value),
                     .expected = "at least 1"});
}

bool keeps_histograms(const Trainer& trainer) {
  return std::ranges::any_of(trainer.loggers(), [](const auto& logger) {
    return logger->logs_histograms();
  });
}

}  // namespace

HistogramMonitor::HistogramMonitor(HistogramMonitorOptions options)
    : options_(std::move(options)) {
  need_positive(options_.every_n_steps, "every_n_steps");
  need_positive(options_.bins, "bins");
  if (options_.weights || options_.gradients) return;
  throw ConfigError({.where = kHistogram,
                     .what = "neither weights nor gradients are to be shown",
                     .expected = "one of them"});
}

void HistogramMonitor::setup(Trainer& trainer, Module&, Stage stage) {
  if (stage != Stage::kFit) return;
  need_logger(trainer, kHistogram);
  if (!keeps_histograms(trainer) && !options_.scalars) {
    log_warning(
        "[HistogramMonitor] no logger of the Trainer keeps histograms, "
        "so that there is nothing to do; .scalars = true logs means, norms and "
        "the like as metrics");
    return;
  }
  for (const auto& logger : trainer.loggers()) {
    if (logger->logs_histograms()) continue;
    const Logger& of = *logger;
    log_info("[HistogramMonitor] " + type_name(typeid(of)) +
             " keeps no histograms" +
             (options_.scalars ? "; it gets the scalars" : ""));
  }
}

void HistogramMonitor::on_fit_start(Trainer& trainer, Module&) {
  const std::size_t optimizers = trainer.optimizers().size();
  if (std::exchange(restarting_, false) && shown_.size() == optimizers) return;
  shown_.assign(optimizers, trainer.global_step() / options_.every_n_steps);
}

// Optimizers that take turns may never meet the n-th step itself, and LBFGS
// comes here several times in one.
bool HistogramMonitor::is_due(Trainer& trainer,
                              const torch::optim::Optimizer& optimizer) {
  const auto& optimizers = trainer.optimizers();
  const auto found = std::ranges::find_if(
      optimizers, [&](const auto& own) { return own.get() == &optimizer; });
  if (found == optimizers.end()) return false;
  const auto k = static_cast<std::size_t>(found - optimizers.begin());
  if (k >= shown_.size()) shown_.resize(k + 1);  // a state of fewer came
  const int64_t due = (trainer.global_step() + 1) / options_.every_n_steps;
  return due > std::exchange(shown_[k], due);
}

void HistogramMonitor::on_before_optimizer_step(
    Trainer& trainer, Module& module, torch::optim::Optimizer& optimizer) {
  if (!is_due(trainer, optimizer)) return;
  if (!keeps_histograms(trainer) && !options_.scalars) return;
  const auto own = optim::detail::parameters_of(optimizer);
  for (const auto& item : module.named_parameters()) {
    const at::Tensor& p = item.value();
    if (!own.contains(p.unsafeGetTensorImpl())) continue;
    if (options_.filter && !options_.filter(item.key())) continue;
    if (options_.weights) send(trainer, "weights/" + item.key(), p);
    if (options_.gradients && p.grad().defined()) {
      send(trainer, "gradients/" + item.key(), p.grad());
    }
  }
}

void HistogramMonitor::send(Trainer& trainer, const std::string& name,
                            const at::Tensor& values) {
  const Histogram histogram = histogram_of(values, options_.bins);
  const int64_t step = trainer.progress().batches_that_stepped;
  for (const auto& logger : trainer.loggers()) {
    if (!logger->logs_histograms()) continue;  // setup() has said so
    logger->log_histogram(name, histogram, step);
  }
  if (options_.scalars) send_scalars(trainer, name, histogram);
}

void HistogramMonitor::send_scalars(Trainer& trainer, const std::string& name,
                                    const Histogram& histogram) {
  MetricMap metrics;
  if (histogram.non_finite > 0) {
    metrics[name + "/non_finite"] = static_cast<double>(histogram.non_finite);
  }
  if (histogram.count > 0) {
    const auto count = static_cast<double>(histogram.count);
    const double mean = histogram.sum / count;
    const double square = histogram.sum_of_squares / count - mean * mean;
    metrics[name + "/min"] = histogram.min;
    metrics[name + "/max"] = histogram.max;
    metrics[name + "/mean"] = mean;
    metrics[name + "/std"] = std::sqrt(std::max(square, 0.0));
    metrics[name + "/norm"] = std::sqrt(histogram.sum_of_squares);
  }
  trainer.report(metrics);
}

State HistogramMonitor::state() const {
  return State::map({{"shown", State::list({shown_.begin(), shown_.end()})}});
}

void HistogramMonitor::load_state(const State& state) {
  shown_.clear();
  for (const State& times : state.at("shown").items()) {
    shown_.push_back(times.as_int());
  }
  restarting_ = true;
}

}  // namespace bolt
