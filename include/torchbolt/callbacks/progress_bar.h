#pragma once

#include <torchbolt/export.h>
#include <torchbolt/trainer/callback.h>
#include <torchbolt/ui/style.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace bolt {

/// Settings of ProgressBar; the names are those of Lightning's TQDMProgressBar
/// and RichProgressBar.
struct ProgressBarOptions {
  /// The count moves on with every so many batches; 0: nothing is shown.
  /// However it is set, at most ten frames a second are drawn.
  int64_t refresh_rate = 1;
  /// Lines kept free above the bar, for bars of other programs.
  int64_t process_position = 0;
  /// Each finished epoch, and each finished test or prediction, leaves a line.
  /// Without it only the last epoch does.
  bool leave = true;
  /// Colours, and what stands between metrics.
  ui::Theme theme{};
  /// std::cout, std::cerr and std::clog go above the bar while it is shown in
  /// a terminal.
  bool redirect_output = true;
  /// Where there is no terminal: time between two lines.
  std::chrono::nanoseconds plain_interval = std::chrono::seconds(10);
};

/// Shows how far the run has come: in a terminal a bar for the epoch and one
/// for an evaluation beneath it, elsewhere a line now and then and one at each
/// epoch's end. Values logged with `prog_bar` stand behind it. Drawn by a
/// thread of its own on the standard error; a step pays two atomic operations.
/// The Trainer adds one unless `enable_progress_bar` is false.
/// docs/display.md shows it.
///
///     .callbacks = {bolt::ProgressBar({.leave = false})}
class TORCHBOLT_API ProgressBar final : public Callback {
 public:
  /// Throws ConfigError.
  explicit ProgressBar(ProgressBarOptions options = {});
  /// A copy is a bar that shows nothing yet.
  ProgressBar(const ProgressBar& other);
  ProgressBar& operator=(const ProgressBar&) = delete;
  ~ProgressBar() override;

  const ProgressBarOptions& options() const { return options_; }

  void setup(Trainer& trainer, Module&, Stage) override;
  void teardown(Trainer& trainer, Module&, Stage) override;
  void on_exception(Trainer& trainer, Module&, std::exception_ptr) override;

  void on_train_epoch_start(Trainer& trainer, Module&) override;
  void on_train_batch_end(Trainer& trainer, Module&, const StepOutput&,
                          const AnyBatch&, const StepContext& step) override;
  void on_train_epoch_end(Trainer& trainer, Module&) override;

  void on_validation_start(Trainer& trainer, Module&) override;
  void on_validation_batch_start(Trainer&, Module&, const AnyBatch&,
                                 const StepContext& step) override;
  void on_validation_batch_end(Trainer&, Module&, const AnyBatch&,
                               const StepContext&) override;
  void on_validation_end(Trainer& trainer, Module&) override;
  void on_test_start(Trainer& trainer, Module&) override;
  void on_test_batch_start(Trainer&, Module&, const AnyBatch&,
                           const StepContext& step) override;
  void on_test_batch_end(Trainer&, Module&, const AnyBatch&,
                         const StepContext&) override;
  void on_test_end(Trainer& trainer, Module&) override;
  void on_predict_start(Trainer& trainer, Module&) override;
  void on_predict_batch_start(Trainer&, Module&, const AnyBatch&,
                              const StepContext& step) override;
  void on_predict_batch_end(Trainer&, Module&, const Prediction&,
                            const AnyBatch&, const StepContext&) override;
  void on_predict_end(Trainer& trainer, Module&) override;
  /// So that metrics logged at the end of an epoch are shown too.
  bool monitors() const override { return true; }

 private:
  class Display;

  void close(Trainer& trainer);
  void begin_evaluation(Trainer& trainer, const char* name,
                        std::vector<int64_t> batches);
  void batch_start(const StepContext& step);
  void batch_end(const StepContext& step);
  void end_evaluation(Trainer& trainer);

  ProgressBarOptions options_;
  std::string evaluation_name_{};
  std::vector<int64_t> evaluation_batches_{};
  // The loader that the evaluation's bar stands for.
  int64_t loader_ = 0;
  std::shared_ptr<Display> display_{};
};

}  // namespace bolt
