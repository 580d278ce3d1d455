#include "trainer/checks.h"

#include <ATen/ATen.h>
#include <torch/optim/optimizer.h>

#include <cmath>
#include <filesystem>
#include <set>
#include <utility>
#include <vector>

#include "core/attempts.h"
#include "trainer/core.h"

namespace bolt::detail {
namespace {

bool trains(torch::optim::Optimizer& optimizer, const at::Tensor& parameter) {
  for (const auto& group : optimizer.param_groups()) {
    for (const at::Tensor& each : group.params()) {
      if (each.is_same(parameter)) return true;
    }
  }
  return false;
}

}  // namespace

void check_loss(const at::Tensor& loss, const TrainerCore& core,
                int64_t batch_idx) {
  if (loss.numel() != 1) {
    throw ConfigError(
        {.where = "training_step",
         .what = "the loss must be a single value",
         .got = "a tensor of " + std::to_string(loss.numel()) + " elements",
         .expected = "a tensor of one element",
         .tip = "return its mean: loss.mean()"});
  }
  if (!core.options.detect_anomaly) return;
  const double value = loss.item<double>();
  if (std::isfinite(value)) return;
  throw Error({.where = "training_step",
               .what = "the loss is not finite, at epoch " +
                       std::to_string(core.progress.epochs.current.completed) +
                       ", batch " + std::to_string(batch_idx) +
                       ", global step " +
                       std::to_string(core.trainer.global_step()),
               .got = std::to_string(value),
               .expected = "a finite loss",
               .tip = "look at this batch, lower the learning rate, or clip "
                      "gradients"});
}

void check_gradients(torch::optim::Optimizer& optimizer,
                     const TrainerCore& core, int64_t batch_idx) {
  if (!core.options.detect_anomaly) return;
  const at::NoGradGuard no_grad;
  for (const auto& parameter : core.module->named_parameters()) {
    const at::Tensor& gradient = parameter->grad();
    if (!gradient.defined() || !trains(optimizer, *parameter)) continue;
    if (at::isfinite(gradient).all().item<bool>()) continue;
    throw Error(
        {.where = "backward",
         .what = "a gradient is not finite, at epoch " +
                 std::to_string(core.progress.epochs.current.completed) +
                 ", batch " + std::to_string(batch_idx) + ", global step " +
                 std::to_string(core.global_step()),
         .got =
             "NaN or infinity in the gradient of \"" + parameter.key() + "\"",
         .expected = "finite gradients",
         .tip = "look at this batch, lower the learning rate, or clip "
                "gradients"});
  }
}

ConfigError missing_metric(std::string_view who, const std::string& monitor,
                           const MetricMap& metrics) {
  std::vector<std::string> names;
  std::string list;
  for (const auto& [name, value] : metrics) {
    names.push_back(name);
    list += (list.empty() ? "" : ", ") + name;
  }
  const std::string near = did_you_mean(monitor, names);
  return ConfigError(
      {.where = std::string(who),
       .what = "the monitored metric is not there",
       .got = "\"" + monitor + "\"",
       .expected = list.empty() ? "a logged metric (none was logged so far)"
                                : "one of: " + list,
       .tip = near.empty() ? "log it in a step that runs before: log(\"" +
                                 monitor + "\", value)"
                           : "did you mean \"" + near + "\"?"});
}

void keep_order(Loaders& loaders, std::string_view stage, OnceLog& once) {
  for (std::size_t k = 0; k < loaders.count(); ++k) {
    if (!loaders[k].shuffled()) continue;
    loaders[k].keep_order(true);
    if (loaders[k].shuffled()) {
      once.warning(
          "[Trainer] overfit_batches can't turn off the shuffling of "
          "the " +
          std::string(stage) +
          " loader, which gives other samples in each epoch; make it "
          "with torch::data::samplers::SequentialSampler");
      continue;
    }
    once.warning("[Trainer] overfit_batches turns off the shuffling of the " +
                 std::string(stage) + " loader");
  }
}

void close_loaders(const Loaders& loaders, const TrainerOptions& options) {
  Attempts attempts;
  for (std::size_t k = 0; k < loaders.count(); ++k) {
    attempts.make([&] {
      if (!options.overfit_batches.is_zero()) loaders[k].keep_order(false);
      loaders[k].close();
    });
  }
  attempts.rethrow();
}

void check_log_dirs(const std::vector<std::shared_ptr<Logger>>& loggers) {
  std::set<std::filesystem::path> seen;
  for (const auto& logger : loggers) {
    const auto folder = logger->log_dir();
    if (!folder || folder->empty() || seen.insert(*folder).second) continue;
    throw ConfigError({.where = "Trainer",
                       .what = "two loggers write into one folder",
                       .got = folder->string(),
                       .tip = "give them different names or versions"});
  }
}

const CombinedSource* combined_of(const Loaders& loaders) {
  return loaders.count() == 1 ? dynamic_cast<const CombinedSource*>(&loaders[0])
                              : nullptr;
}

void check_mode(DataStage stage, const CombinedSource& combined) {
  const bool sequential = combined.mode() == CombineMode::kSequential;
  const bool single = combined.parts().count() == 1;
  const bool usable = stage == DataStage::kTrain     ? !sequential
                      : stage == DataStage::kPredict ? sequential || single
                                                     : true;
  if (usable) return;
  throw ConfigError({.where = std::string(to_string(stage)) + "_dataloader",
                     .what = "the stage can't run loaders combined in this "
                             "way",
                     .got = std::string(to_string(combined.mode())),
                     .expected = sequential
                                     ? "min_size, max_size_cycle or max_size"
                                     : "sequential"});
}

std::string describe_optimizer(const std::string& name, std::size_t index) {
  return name.empty() ? "optimizer " + std::to_string(index)
                      : "optimizer \"" + name + "\"";
}

void warn_of_difference(const std::filesystem::path& path,
                        const StateDictDifference& difference) {
  const auto warn = [&](const char* what,
                        const std::vector<std::string>& names) {
    if (names.empty()) return;
    std::string list;
    for (const std::string& name : names) {
      list += (list.empty() ? "" : ", ") + name;
    }
    log_warning("[Trainer] " + path.string() + ": " + what +
                " weights: " + list);
  };
  warn("missing", difference.missing);
  warn("unexpected", difference.unexpected);
}

ConfigError not_yet(std::string_view what, std::string_view got) {
  return ConfigError({.where = "Trainer",
                      .what = std::string(what) +
                              " is not there yet; it comes with a later "
                              "version",
                      .got = std::string(got)});
}

}  // namespace bolt::detail
