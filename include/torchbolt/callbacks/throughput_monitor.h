#pragma once

#include <torchbolt/callbacks/throughput.h>
#include <torchbolt/core/clock.h>
#include <torchbolt/export.h>
#include <torchbolt/trainer/callback.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

namespace bolt {

/// Settings of ThroughputMonitor.
struct ThroughputMonitorOptions {
  /// A number of a batch.
  using Count = std::function<int64_t(const AnyBatch& batch)>;

  /// Samples of a batch; default: the first dimension of its first tensor.
  Count batch_size_fn{};
  /// Items of a batch, such as tokens; without it there are no items.
  Count length_fn{};
  /// Floating-point operations of a training batch, backward pass counted in;
  /// see `measure_flops`. Without it there are no operations.
  Count flops_per_batch{};
  /// Operations a second that the device could do; default: what
  /// `available_flops` says of it, on CUDA. Without either there is no "mfu".
  std::optional<double> available_flops{};
  /// Batches that rates are taken over.
  int64_t window_size = 100;
  /// Stands in names: "train/device/samples_per_sec".
  std::string separator = "/";
};

/// Sends how much is done per second to the loggers, as often as
/// `log_every_n_steps` says: names and formulas of Throughput, under the name
/// of the stage ("train", "validate", "test", "predict"). Time that validation
/// takes isn't the training's. It is measured without waiting for the device,
/// which over a window comes to the same.
///
///     .callbacks = {bolt::ThroughputMonitor(
///         {.flops_per_batch = [flops](auto&) { return flops; },
///          .window_size = 20})}
class TORCHBOLT_API ThroughputMonitor final : public Callback {
 public:
  /// Throws ConfigError.
  explicit ThroughputMonitor(ThroughputMonitorOptions options = {});

  /// Throws ConfigError when the Trainer has no logger.
  void setup(Trainer& trainer, Module&, Stage stage) override;
  void on_train_start(Trainer& trainer, Module&) override;
  void on_train_batch_end(Trainer& trainer, Module& module, const StepOutput&,
                          const AnyBatch& batch, const StepContext&) override;
  void on_validation_start(Trainer& trainer, Module&) override;
  void on_validation_batch_end(Trainer& trainer, Module&, const AnyBatch& batch,
                               const StepContext&) override;
  void on_validation_end(Trainer& trainer, Module&) override;
  void on_test_start(Trainer& trainer, Module&) override;
  void on_test_batch_end(Trainer& trainer, Module&, const AnyBatch& batch,
                         const StepContext&) override;
  void on_predict_start(Trainer& trainer, Module&) override;
  void on_predict_batch_end(Trainer& trainer, Module&, const Prediction&,
                            const AnyBatch& batch, const StepContext&) override;
  /// The training's window and time.
  State state() const override;
  void load_state(const State& state) override;

 private:
  struct Watch {
    explicit Watch(ThroughputOptions options) : throughput(options) {}
    Throughput throughput;
    Clock::TimePoint started{};
    // Since `reset`.
    ThroughputCounts counts{};
    // Batches of the pass that runs.
    int64_t of_pass = 0;
  };

  Watch& watch(Stage stage);
  void begin(Stage stage);
  void update(Stage stage, const AnyBatch& batch);
  void evaluated(Trainer& trainer, Stage stage, const AnyBatch& batch);
  MetricMap named(Stage stage);
  std::optional<double> peak_of(const Trainer& trainer) const;

  ThroughputMonitorOptions options_;
  ThroughputOptions throughput_{};
  const Clock* clock_ = &system_clock();
  std::map<Stage, Watch> watches_{};
  int64_t global_step_ = 0;
  State loaded_{};
};

}  // namespace bolt
