#pragma once

#include <torchbolt/export.h>
#include <torchbolt/trainer/callback.h>

#include <memory>

namespace bolt {

/// Shows how far the run has come: in a terminal a bar for the epoch and one
/// for an evaluation beneath it, elsewhere a line now and then and one at each
/// epoch's end. Values logged with `prog_bar` stand behind it. Drawn by a
/// thread of its own on the standard error; a step pays two atomic operations.
/// The Trainer adds one unless `enable_progress_bar` is false.
class TORCHBOLT_API ProgressBar final : public Callback {
 public:
  ProgressBar();
  /// A copy is a bar that shows nothing yet.
  ProgressBar(const ProgressBar&) : ProgressBar() {}
  ProgressBar& operator=(const ProgressBar&) = delete;
  ~ProgressBar() override;

  void setup(Trainer& trainer, Module&, Stage) override;
  void teardown(Trainer& trainer, Module&, Stage) override;
  void on_exception(Trainer& trainer, Module&, std::exception_ptr) override;

  void on_train_epoch_start(Trainer& trainer, Module&) override;
  void on_train_batch_end(Trainer& trainer, Module&, const StepOutput&,
                          const AnyBatch&, const StepContext& step) override;
  void on_train_epoch_end(Trainer& trainer, Module&) override;

  void on_validation_start(Trainer& trainer, Module&) override;
  void on_validation_batch_end(Trainer&, Module&, const AnyBatch&,
                               const StepContext&) override;
  void on_validation_end(Trainer& trainer, Module&) override;
  void on_test_start(Trainer& trainer, Module&) override;
  void on_test_batch_end(Trainer&, Module&, const AnyBatch&,
                         const StepContext&) override;
  void on_test_end(Trainer& trainer, Module&) override;
  void on_predict_start(Trainer& trainer, Module&) override;
  void on_predict_batch_end(Trainer&, Module&, const Prediction&,
                            const AnyBatch&, const StepContext&) override;
  void on_predict_end(Trainer& trainer, Module&) override;
  /// So that metrics logged at the end of an epoch are shown too.
  bool monitors() const override { return true; }

 private:
  struct Display;

  void close(Trainer& trainer);
  void begin_evaluation(const Trainer& trainer, const char* label,
                        const std::vector<int64_t>& batches);
  void end_evaluation();

  std::unique_ptr<Display> display_{};
};

}  // namespace bolt
