#include <torchbolt/callbacks/progress_bar.h>
#include <torchbolt/core/error.h>
#include <torchbolt/trainer/trainer.h>
#include <torchbolt/ui/format.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "callbacks/progress_display.h"

namespace bolt {
namespace {

std::optional<int64_t> known(int64_t batches) {
  return batches == kUnknownBatches ? std::nullopt : std::optional(batches);
}

// The logger's number, as Lightning shows it: 3 for "version_3", of other text
// the last four characters.
std::string version_of(const Logger& logger) {
  std::string version = logger.version();
  if (version.starts_with("version_")) return version.substr(8);
  return version.size() > 4 ? version.substr(version.size() - 4) : version;
}

std::vector<std::string> metrics_of(const Trainer& trainer) {
  std::vector<std::string> items;
  if (const Logger* logger = trainer.logger(); logger != nullptr) {
    const std::string version = version_of(*logger);
    if (!version.empty()) items.push_back("v_num " + version);
  }
  for (const auto& [name, value] : trainer.progress_bar_metrics()) {
    items.push_back(name + " " + ui::format_metric(value));
  }
  return items;
}

// Batches of this epoch; of a fit that only max_steps ends, those that are
// left.
std::optional<int64_t> training_batches(const Trainer& trainer) {
  std::optional<int64_t> total = known(trainer.num_training_batches());
  if (trainer.max_epochs() != -1 || trainer.max_steps() <= 0) return total;
  const int64_t left = (trainer.max_steps() - trainer.global_step()) *
                       trainer.accumulate_grad_batches();
  return std::min(total.value_or(left), left);
}

void check(const char* field, int64_t value) {
  if (value >= 0) return;
  throw ConfigError({.where = "ProgressBar",
                     .what = std::string(field) + " is negative",
                     .got = std::to_string(value),
                     .expected = "at least 0"});
}

}  // namespace

ProgressBar::ProgressBar(ProgressBarOptions options)
    : options_(std::move(options)) {
  check("refresh_rate", options_.refresh_rate);
  check("process_position", options_.process_position);
  check("plain_interval", options_.plain_interval.count());
}

ProgressBar::ProgressBar(const ProgressBar& other)
    : ProgressBar(other.options_) {}

ProgressBar::~ProgressBar() = default;

void ProgressBar::setup(Trainer& trainer, Module&, Stage) {
  if (!trainer.is_global_zero() || options_.refresh_rate == 0) return;
  const Clock* clock = trainer.options().seams.clock;
  display_ = std::make_shared<Display>(
      options_, clock != nullptr ? *clock : system_clock());
  trainer.set_print_target(
      [display = std::weak_ptr(display_)](std::string_view line) {
        if (const auto alive = display.lock()) alive->print(line);
      });
}

void ProgressBar::close(Trainer& trainer) {
  if (display_ == nullptr) return;
  // What still stands there stays to be read: the last epoch, or where a run
  // broke off.
  display_->leave(display_->epoch);
  trainer.set_print_target({});
  display_.reset();
}

void ProgressBar::teardown(Trainer& trainer, Module&, Stage) { close(trainer); }

void ProgressBar::on_exception(Trainer& trainer, Module&, std::exception_ptr) {
  close(trainer);
}

// -- training ----------------------------------------------------------------

void ProgressBar::on_train_epoch_start(Trainer& trainer, Module&) {
  if (display_ == nullptr) return;
  std::string label = "Epoch " + std::to_string(trainer.current_epoch());
  if (trainer.max_epochs() > 0) {
    label += "/" + std::to_string(trainer.max_epochs() - 1);
  }
  display_->epoch.begin(std::move(label), training_batches(trainer));
}

void ProgressBar::on_train_batch_end(Trainer& trainer, Module& module,
                                     const StepOutput&, const AnyBatch&,
                                     const StepContext& step) {
  if (display_ == nullptr) return;
  // The start of an epoch that goes on from a checkpoint isn't called again.
  if (!display_->epoch.has_begun()) on_train_epoch_start(trainer, module);
  display_->epoch.reach(step.batch_idx + 1);
  if (display_->wants_metrics.load(std::memory_order_relaxed)) {
    display_->wants_metrics.store(false, std::memory_order_relaxed);
    display_->epoch.set_metrics(metrics_of(trainer));
  }
}

void ProgressBar::on_train_epoch_end(Trainer& trainer, Module&) {
  if (display_ == nullptr) return;
  display_->epoch.set_metrics(metrics_of(trainer));
  if (options_.leave) {
    display_->leave(display_->epoch);
  } else {
    display_->epoch.pause();
  }
}

// -- evaluation --------------------------------------------------------------

void ProgressBar::begin_evaluation(Trainer& trainer, const char* name,
                                   std::vector<int64_t> batches) {
  if (display_ == nullptr) return;
  display_->epoch.pause();
  evaluation_name_ = name;
  evaluation_batches_ = std::move(batches);
  loader_ = -1;
  if (trainer.function() != Stage::kFit) display_->evaluation.set_metrics({});
}

void ProgressBar::batch_start(const StepContext& step) {
  if (display_ == nullptr || step.dataloader_idx == loader_) return;
  loader_ = step.dataloader_idx;
  std::string label = evaluation_name_;
  if (evaluation_batches_.size() > 1) {
    label += " DataLoader " + std::to_string(loader_);
  }
  const auto k = static_cast<std::size_t>(loader_);
  display_->evaluation.begin(std::move(label),
                             k < evaluation_batches_.size()
                                 ? known(evaluation_batches_[k])
                                 : std::nullopt);
}

void ProgressBar::batch_end(const StepContext& step) {
  if (display_ != nullptr) display_->evaluation.reach(step.batch_idx + 1);
}

void ProgressBar::end_evaluation(Trainer& trainer) {
  if (display_ == nullptr) return;
  if (options_.leave && trainer.function() != Stage::kFit) {
    display_->leave(display_->evaluation);
  }
  display_->evaluation.hide();
  display_->epoch.resume();
}

void ProgressBar::on_validation_start(Trainer& trainer, Module&) {
  const bool sanity = trainer.sanity_checking();
  begin_evaluation(
      trainer, sanity ? "Sanity Checking" : "Validation",
      sanity ? trainer.num_sanity_val_batches() : trainer.num_val_batches());
}
void ProgressBar::on_validation_batch_start(Trainer&, Module&, const AnyBatch&,
                                            const StepContext& step) {
  batch_start(step);
}
void ProgressBar::on_validation_batch_end(Trainer&, Module&, const AnyBatch&,
                                          const StepContext& step) {
  batch_end(step);
}
void ProgressBar::on_validation_end(Trainer& trainer, Module&) {
  end_evaluation(trainer);
}

void ProgressBar::on_test_start(Trainer& trainer, Module&) {
  begin_evaluation(trainer, "Testing", trainer.num_test_batches());
}
void ProgressBar::on_test_batch_start(Trainer&, Module&, const AnyBatch&,
                                      const StepContext& step) {
  batch_start(step);
}
void ProgressBar::on_test_batch_end(Trainer&, Module&, const AnyBatch&,
                                    const StepContext& step) {
  batch_end(step);
}
void ProgressBar::on_test_end(Trainer& trainer, Module&) {
  end_evaluation(trainer);
}

void ProgressBar::on_predict_start(Trainer& trainer, Module&) {
  begin_evaluation(trainer, "Predicting", trainer.num_predict_batches());
}
void ProgressBar::on_predict_batch_start(Trainer&, Module&, const AnyBatch&,
                                         const StepContext& step) {
  batch_start(step);
}
void ProgressBar::on_predict_batch_end(Trainer&, Module&, const Prediction&,
                                       const AnyBatch&,
                                       const StepContext& step) {
  batch_end(step);
}
void ProgressBar::on_predict_end(Trainer& trainer, Module&) {
  end_evaluation(trainer);
}

}  // namespace bolt
