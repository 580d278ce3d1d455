#pragma once

#include <ATen/core/Tensor.h>
#include <torchbolt/export.h>
#include <torchbolt/loggers/file_logger.h>
#include <torchbolt/trainer/logger.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace bolt {

/// Settings of TensorBoardLogger.
struct TensorBoardLoggerOptions {
  /// Folder under which runs are kept; none: the Trainer's default_root_dir. A
  /// leading `~`, and variables of the environment (`$NAME`, `${NAME}`), are
  /// replaced.
  std::optional<std::filesystem::path> save_dir{};
  /// Folder of the experiment in it; empty leaves that level out.
  std::string name = "lightning_logs";
  /// Folder of this run: a number n is "version_n", text is taken as it is;
  /// none: the next free number.
  std::optional<std::variant<int64_t, std::string>> version{};
  /// Shows the tree of the module's submodules on the Graphs page.
  bool log_graph = false;
  /// Where hyper-parameters come without metrics: gives them a metric
  /// "hp_metric" of -1, so that the HParams page shows the run. Log
  /// "hp_metric" yourself to give it a value.
  bool default_hp_metric = true;
  /// Goes before each metric's name, as "prefix-name".
  std::string prefix{};
  /// Folder in that of the version, for the event files; empty: none.
  std::string sub_dir{};
  /// What can't be written ends the run, instead of being said in the log.
  bool strict = false;
};

/// A chart of the Custom Scalars page: lines for all tags that one of the
/// regular expressions `tags` matches, or lines each with a band around it.
struct CustomChart {
  /// Tags of a line and of its band's limits.
  struct Band {
    std::string value{};
    std::string lower{};
    std::string upper{};
  };

  std::string title{};
  std::vector<std::string> tags{};
  /// Instead of `tags`.
  std::vector<Band> bands{};
};

/// Charts under one heading of the Custom Scalars page.
struct ChartCategory {
  std::string title{};
  std::vector<CustomChart> charts{};
  /// Folded up at first.
  bool closed = false;
};

/// More about an embedding.
struct EmbeddingOptions {
  /// A label for each row; none: its number.
  std::vector<std::string> labels{};
  /// A small picture for each row, [rows, channels, height, width], as
  /// `write_png` takes it.
  at::Tensor images{};
};

/// Writes TensorBoard's event files to save_dir/name/version_n: metrics,
/// histograms, pictures, texts, tables, hyper-parameters, curves. The default
/// logger of a Trainer. docs/formats/tensorboard.md describes the files.
///
///     .logger = {bolt::TensorBoardLogger({.save_dir = "logs"})}
///
///     $ tensorboard --logdir logs
///
/// A run that goes on from a checkpoint goes on in its folder, and what was
/// logged after the checkpoint is taken out, so that no step is there twice. A
/// version that is there already, without that, gets one more event file.
class TORCHBOLT_API TensorBoardLogger final : public FileLogger {
 public:
  explicit TensorBoardLogger(TensorBoardLoggerOptions options = {});
  /// A copy is a logger with the same settings that has written nothing.
  TensorBoardLogger(const TensorBoardLogger& other)
      : TensorBoardLogger(other.options_) {}
  TensorBoardLogger& operator=(const TensorBoardLogger&) = delete;

  bool logs_histograms() const override { return true; }
  void log_histogram(std::string_view name, const Histogram& histogram,
                     int64_t step) override;
  void log_image(std::string_view name, const at::Tensor& image,
                 int64_t step) override;
  void log_figure(std::string_view name, const Figure& figure,
                  int64_t step) override;
  void log_text(std::string_view name, std::string_view text,
                int64_t step) override;
  void log_table(std::string_view name, const Table& table,
                 int64_t step) override;
  void log_graph(Module& module) override;

  /// Hyper-parameters, with "hp_metric" (see the settings), and hparams.yaml
  /// where it isn't there yet.
  using FileLogger::log_hyperparams;
  /// The same with metrics to compare runs by, and their first values; log
  /// others under the same names later. The first call of a run counts.
  void log_hyperparams(const State& params, const MetricMap& metrics);

  /// A precision-recall curve of samples that are of a class or not: `labels`
  /// 0 or 1, and `scores` from 0 to 1, of one shape. It has `thresholds`
  /// points. Throws ConfigError for other shapes and fewer than 2 thresholds.
  void log_pr_curve(std::string_view name, const at::Tensor& labels,
                    const at::Tensor& scores, int64_t step,
                    int64_t thresholds = 127);
  /// What the Custom Scalars page shows.
  ///
  ///     logger.log_layout({{.title = "Loss", .charts = {
  ///         {.title = "both", .tags = {"train/loss", "val/loss"}}}}});
  void log_layout(const std::vector<ChartCategory>& categories);
  /// Points for the Projector page: `vectors` is [rows, size]. Throws
  /// ConfigError for another shape, and when labels or pictures are not as many
  /// as rows.
  void log_embedding(std::string_view name, const at::Tensor& vectors,
                     int64_t step, const EmbeddingOptions& options = {});

 private:
  TensorBoardLoggerOptions options_;
};

}  // namespace bolt
