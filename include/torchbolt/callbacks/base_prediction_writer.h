#pragma once

#include <torchbolt/export.h>
#include <torchbolt/trainer/callback.h>

#include <cstdint>
#include <string_view>
#include <vector>

namespace bolt {

/// When predictions are written.
enum class WriteInterval { kBatch, kEpoch, kBatchAndEpoch };

/// "batch", "epoch" or "batch_and_epoch". Throws ConfigError.
TORCHBOLT_API WriteInterval parse_write_interval(std::string_view text);

/// Base of callbacks that write predictions where they are to go. Override the
/// function, or both, of the interval. `trainer.predict(model, data,
/// {.return_predictions = false})` then keeps none in memory, unless the
/// interval has an epoch's.
///
///     struct Print : bolt::BasePredictionWriter {
///       using BasePredictionWriter::BasePredictionWriter;
///       void write_on_batch_end(bolt::Trainer&, bolt::Module& module,
///                               const bolt::Prediction& prediction,
///                               const std::vector<int64_t>& batch_indices,
///                               const bolt::AnyBatch&,
///                               const bolt::StepContext&) override {
///         module.print(std::to_string(batch_indices.front()) + ": " +
///                      prediction.to_string());
///       }
///     };
class TORCHBOLT_API BasePredictionWriter : public Callback {
 public:
  /// Which of the samples that the loader gave a batch holds, counted from 0;
  /// the dataset's own indices where the loader doesn't shuffle.
  using Indices = std::vector<int64_t>;

  explicit BasePredictionWriter(WriteInterval interval = WriteInterval::kBatch)
      : interval_(interval) {}

  WriteInterval interval() const { return interval_; }

  /// Throws ConfigError unless it is overridden.
  virtual void write_on_batch_end(Trainer& trainer, Module& module,
                                  const Prediction& prediction,
                                  const Indices& batch_indices,
                                  const AnyBatch& batch,
                                  const StepContext& step);
  /// `predictions` and `batch_indices`: for each loader, for each batch; the
  /// tensors are on the CPU. Throws ConfigError unless it is overridden.
  virtual void write_on_epoch_end(
      Trainer& trainer, Module& module,
      const std::vector<std::vector<Prediction>>& predictions,
      const std::vector<std::vector<Indices>>& batch_indices);

  void on_predict_epoch_start(Trainer& trainer, Module&) override;
  void on_predict_batch_end(Trainer& trainer, Module& module,
                            const Prediction& prediction, const AnyBatch& batch,
                            const StepContext& step) override;
  void on_predict_epoch_end(Trainer& trainer, Module& module) override;

 private:
  WriteInterval interval_;
  // Samples seen of the loader that runs.
  int64_t seen_ = 0;
  std::vector<std::vector<Prediction>> predictions_{};
  std::vector<std::vector<Indices>> indices_{};
};

}  // namespace bolt
