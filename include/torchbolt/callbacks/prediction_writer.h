#pragma once

#include <torchbolt/export.h>
#include <torchbolt/trainer/callback.h>

#include <cstdint>
#include <filesystem>
#include <string>
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

/// How PredictionWriter writes.
enum class PredictionFormat {
  kNpy,  ///< A NumPy file for each tensor.
  kCsv   ///< A table: the sample's index, then a column for each number.
};

/// Settings of PredictionWriter.
struct PredictionWriterOptions {
  /// Folder; made when it isn't there. A relative one is under the Trainer's
  /// `log_dir()`.
  std::filesystem::path dirpath = "predictions";
  WriteInterval write_interval = WriteInterval::kEpoch;
  PredictionFormat format = PredictionFormat::kNpy;
  /// Files' names begin so.
  std::string filename = "predictions";
};

/// Writes predictions to files: each whole or not at all.
///
///     .callbacks = {bolt::PredictionWriter({.dirpath = "out"})}
///
/// With an epoch's interval, "predictions.npy" holds those of all batches, one
/// below the other; of several loaders, "predictions_loader0.npy", …. With a
/// batch's, "predictions_loader0_batch12.npy". Where `predict_step` gives
/// several tensors, each has its name or number: "predictions.logits.npy". A
/// type that NumPy doesn't have (bfloat16) is written as float32.
class TORCHBOLT_API PredictionWriter final : public BasePredictionWriter {
 public:
  /// Throws ConfigError.
  explicit PredictionWriter(PredictionWriterOptions options = {});

  /// Files of the last run, in the order in which they were written.
  const std::vector<std::filesystem::path>& files() const { return files_; }

  void on_predict_start(Trainer&, Module&) override { files_.clear(); }
  void write_on_batch_end(Trainer& trainer, Module&,
                          const Prediction& prediction,
                          const Indices& batch_indices, const AnyBatch&,
                          const StepContext& step) override;
  void write_on_epoch_end(
      Trainer& trainer, Module&,
      const std::vector<std::vector<Prediction>>& predictions,
      const std::vector<std::vector<Indices>>& batch_indices) override;

 private:
  void write(const Trainer& trainer, const std::string& name,
             const std::vector<Prediction>& batches,
             const std::vector<Indices>& indices);

  PredictionWriterOptions options_;
  std::vector<std::filesystem::path> files_{};
};

}  // namespace bolt
