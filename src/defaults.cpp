#include <torchbolt/callbacks/model_checkpoint.h>
#include <torchbolt/callbacks/model_summary.h>
#include <torchbolt/callbacks/progress_bar.h>
#include <torchbolt/callbacks/timer.h>
#include <torchbolt/core/log.h>
#include <torchbolt/core/number.h>
#include <torchbolt/core/terminal.h>
#include <torchbolt/loggers/tensorboard_logger.h>
#include <torchbolt/trainer/checkpoint_callback.h>
#include <torchbolt/trainer/defaults.h>
#include <torchbolt/ui/format.h>
#include <torchbolt/ui/table.h>
#include <unistd.h>

#include <algorithm>
#include <set>

namespace bolt::detail {
namespace {

bool is_checkpoint(const Callback& callback) {
  return dynamic_cast<const CheckpointCallback*>(&callback) != nullptr;
}

bool is_model_summary(const Callback& callback) {
  return dynamic_cast<const ModelSummary*>(&callback) != nullptr;
}

}  // namespace

bool is_progress_bar(const Callback& callback) {
  return dynamic_cast<const ProgressBar*>(&callback) != nullptr;
}

bool is_timer(const Callback& callback) {
  return dynamic_cast<const Timer*>(&callback) != nullptr;
}

std::vector<std::shared_ptr<Callback>> default_callbacks(
    const TrainerOptions& options,
    const std::vector<std::shared_ptr<Callback>>& of_user) {
  const auto has = [&](bool (*is)(const Callback&)) {
    return std::ranges::any_of(of_user, [&](const auto& c) { return is(*c); });
  };
  std::vector<std::shared_ptr<Callback>> made;
  if (options.max_time && has(is_timer)) {
    log_info("[Trainer] max_time is left aside: there is a Timer already");
  } else if (options.max_time) {
    made.push_back(
        std::make_shared<Timer>(TimerOptions{.duration = options.max_time}));
  }
  if (options.enable_progress_bar.value_or(true) && !has(is_progress_bar)) {
    made.push_back(std::make_shared<ProgressBar>());
  }
  if (options.enable_model_summary.value_or(true) && !has(is_model_summary)) {
    made.push_back(std::make_shared<ModelSummary>());
  }
  if (options.enable_checkpointing.value_or(true) && !has(is_checkpoint)) {
    made.push_back(std::make_shared<ModelCheckpoint>());
  }
  return made;
}

std::shared_ptr<Logger> default_logger() {
  return std::make_shared<TensorBoardLogger>();
}

std::string results_table(Stage stage, const std::vector<MetricMap>& results) {
  std::set<std::string> names;
  for (const MetricMap& result : results) {
    for (const auto& [name, value] : result) names.insert(name);
  }
  if (names.empty()) return "";
  std::vector<std::string> header{std::string(to_string(stage)) + " metric"};
  for (std::size_t k = 0; k < results.size(); ++k) {
    header.push_back(results.size() == 1 ? "value"
                                         : "DataLoader " + std::to_string(k));
  }
  std::vector<std::vector<std::string>> rows;
  for (const std::string& name : names) {
    std::vector<std::string> row{name};
    for (const MetricMap& result : results) {
      const auto found = result.find(name);
      row.push_back(found == result.end() ? ""
                                          : ui::format_result(found->second));
    }
    rows.push_back(std::move(row));
  }
  const bool terminal = is_terminal(STDOUT_FILENO);
  return ui::draw_table(header, rows,
                        {.width = terminal ? terminal_width(STDOUT_FILENO) : 0,
                         .unicode = allows_unicode()});
}

}  // namespace bolt::detail
