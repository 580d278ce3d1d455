#pragma once

#include <torchbolt/export.h>
#include <torchbolt/trainer/callback.h>
#include <torchbolt/trainer/logger.h>
#include <torchbolt/trainer/options.h>

#include <memory>
#include <string>
#include <vector>

namespace bolt::detail {

// What the Trainer takes from the plug-ins, which it may not include: declared
// here, defined in src/defaults.cpp.

/// Callbacks that the arguments ask for, in Lightning's order: a Timer for
/// `max_time`, the progress bar, the model summary, checkpoints; each unless
/// the user's list has one.
TORCHBOLT_API std::vector<std::shared_ptr<Callback>> default_callbacks(
    const TrainerOptions& options,
    const std::vector<std::shared_ptr<Callback>>& of_user);
/// The logger of `logger = true`.
TORCHBOLT_API std::shared_ptr<Logger> default_logger();
/// The table that is printed after an evaluation; empty without metrics.
TORCHBOLT_API std::string results_table(Stage stage,
                                        const std::vector<MetricMap>& results);
TORCHBOLT_API bool is_progress_bar(const Callback& callback);
TORCHBOLT_API bool is_timer(const Callback& callback);

}  // namespace bolt::detail
