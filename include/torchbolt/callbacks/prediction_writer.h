#pragma once

#include <torchbolt/callbacks/base_prediction_writer.h>
#include <torchbolt/export.h>

#include <filesystem>
#include <string>
#include <vector>

namespace bolt {

/// How PredictionWriter writes.
enum class PredictionFormat {
  kNpy,  ///< A NumPy file for each tensor.
  kCsv   ///< A table: the sample's index, then a column for each number. Not
         ///< for complex ones.
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
