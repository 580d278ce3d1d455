#pragma once

#include <ATen/core/Tensor.h>
#include <torchbolt/checkpoint/state_dict.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/log.h>
#include <torchbolt/data/combined_loader.h>
#include <torchbolt/data/loader.h>
#include <torchbolt/trainer/log_options.h>
#include <torchbolt/trainer/options.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace torch::optim {
class Optimizer;
}

namespace bolt::detail {

class TrainerCore;
enum class DataStage;

/// Throws Error naming the step when the loss is not a scalar, or, under
/// `detect_anomaly`, not finite.
void check_loss(const at::Tensor& loss, const TrainerCore& core,
                int64_t batch_idx);

/// Under `detect_anomaly`: throws Error naming the first of the optimizer's
/// parameters whose gradient is not finite, and the step.
void check_gradients(torch::optim::Optimizer& optimizer,
                     const TrainerCore& core, int64_t batch_idx);

/// The error of who watches a metric that isn't there: names those that are.
ConfigError missing_metric(std::string_view who, const std::string& monitor,
                           const MetricMap& metrics);

/// `overfit_batches`: loaders give up shuffling, with a warning.
void keep_order(Loaders& loaders, std::string_view stage, OnceLog& once);

/// The run is over: they shuffle again, and their threads end.
void close_loaders(const Loaders& loaders, const TrainerOptions& options);

/// Throws ConfigError when two loggers have one folder.
void check_log_dirs(const std::vector<std::shared_ptr<Logger>>& loggers);
/// The one loader that is a combination of several, or null.
const CombinedSource* combined_of(const Loaders& loaders);

/// Throws ConfigError when the stage can't run loaders combined in this way.
void check_mode(DataStage stage, const CombinedSource& combined);

/// `optimizer "name"`, or `optimizer 2` without one.
std::string describe_optimizer(const std::string& name, std::size_t index);

/// Names, in warnings, the weights that a checkpoint and its module don't
/// share.
void warn_of_difference(const std::filesystem::path& path,
                        const StateDictDifference& difference);

/// An argument or feature that is known, and not there yet.
ConfigError not_yet(std::string_view what, std::string_view got);

}  // namespace bolt::detail
