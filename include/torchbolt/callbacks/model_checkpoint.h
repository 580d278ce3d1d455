#pragma once

#include <torchbolt/core/mode.h>
#include <torchbolt/export.h>
#include <torchbolt/trainer/checkpoint_callback.h>
#include <torchbolt/trainer/log_options.h>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace bolt {

/// Whether ModelCheckpoint keeps a file "last.ckpt": `false`, `true`, or as a
/// symbolic link to the file that was written last.
///
///     .save_last = true
///     .save_last = bolt::SaveLast::link()
class TORCHBOLT_API SaveLast {
 public:
  SaveLast() = default;
  template <std::same_as<bool> B>
  SaveLast(B on) : on_(on) {}
  static SaveLast link() {
    SaveLast save(true);
    save.link_ = true;
    return save;
  }

  bool on() const { return on_; }
  bool is_link() const { return link_; }

 private:
  bool on_ = false;
  bool link_ = false;
};

/// Settings of ModelCheckpoint.
struct ModelCheckpointOptions {
  /// Folder of the files. Default: "checkpoints" in the first logger's folder,
  /// or in `default_root_dir` without one.
  std::optional<std::filesystem::path> dirpath{};
  /// Name of a file without its extension: text with `{name}` or
  /// `{name:format}`, for which the value of a logged metric stands, or "epoch"
  /// or "step". Formats are fmt's (Python's, but for "," and "_") and ".1%":
  /// "{val_loss:.2f}", "{epoch:02d}", "{acc:.1%}". A "/" in it, also in a
  /// metric's name, makes a folder. A metric that isn't there is 0. Default
  /// "{epoch}-{step}".
  std::optional<std::string> filename{};
  /// The metric that says which files are the best; none: the newest is.
  std::optional<std::string> monitor{};
  /// Says in the log what is written, and why.
  bool verbose = false;
  SaveLast save_last{};
  /// How many of the best files are kept; -1: all, 0: none. Without `monitor`
  /// -1, 0, or 1.
  int64_t save_top_k = 1;
  /// Writes one when a run ends with an exception, too.
  bool save_on_exception = false;
  /// Weights alone: training can't go on from the file.
  bool save_weights_only = false;
  /// Whether less is better, or more.
  Mode mode = Mode::kMin;
  /// Writes "name=" before each value of a file's name.
  bool auto_insert_metric_name = true;
  /// When files are written; at most one of the three. 0 turns one off.
  /// Default: `every_n_epochs = 1`.
  std::optional<int64_t> every_n_train_steps{};
  std::optional<std::chrono::nanoseconds> train_time_interval{};
  std::optional<int64_t> every_n_epochs{};
  /// Writes each epoch's file at the end of the training epoch (true) or of
  /// each validation (false). Default: true, unless validation runs at other
  /// times than once per epoch.
  std::optional<bool> save_on_train_epoch_end{};
  /// A name that is taken becomes "name-v1", "name-v2", …; else the file is
  /// replaced.
  bool enable_version_counter = true;

  /// The parts that names are made of.
  std::string join_char = "-";
  std::string equals_char = "=";
  std::string name_last = "last";
  std::string file_extension = ".ckpt";
  int64_t starting_version = 1;
};

/// Writes checkpoints during a fit and keeps the best of them. Several with
/// different monitors or triggers may stand beside each other.
///
///     bolt::Trainer trainer({.callbacks = {bolt::ModelCheckpoint(
///         {.monitor = "val/loss", .save_last = true, .save_top_k = 3})}});
///     trainer.fit(model, data);
///     trainer.callback<bolt::ModelCheckpoint>().best_model_path();
///
/// Files are written when the hook in which they are due is over, module's part
/// included, so that a run goes on from each as if it had not ended; see
/// docs/guide/checkpoints.md.
class TORCHBOLT_API ModelCheckpoint : public CheckpointCallback {
 public:
  /// Throws ConfigError.
  explicit ModelCheckpoint(ModelCheckpointOptions options = {});
  ~ModelCheckpoint() override;
  ModelCheckpoint(const ModelCheckpoint& other);
  ModelCheckpoint& operator=(const ModelCheckpoint& other);

  /// Files that are kept, with their scores, in the order of their writing.
  using Scores = std::vector<std::pair<std::filesystem::path, double>>;

  std::filesystem::path best_model_path() const override;
  std::optional<double> best_model_score() const;
  /// Of the file written last.
  std::optional<double> current_score() const;
  const Scores& best_k_models() const;
  /// The worst of those that are kept, once there are `save_top_k`.
  const std::filesystem::path& kth_best_model_path() const;
  std::optional<double> kth_value() const;
  const std::filesystem::path& last_model_path() const;
  /// Where files go; empty before the first run when it wasn't given.
  const std::filesystem::path& dirpath() const { return dirpath_; }
  const ModelCheckpointOptions& options() const { return options_; }

  /// The path that a file would get for these metrics, "epoch" and "step" among
  /// them. Throws ConfigError for a format that doesn't fit its value.
  std::filesystem::path format_checkpoint_name(
      const MetricMap& metrics, std::optional<int64_t> version = {}) const;
  /// Writes the files that are kept, with their scores, as YAML. Default path:
  /// best_k_models.yaml in `dirpath()`.
  void to_yaml(std::filesystem::path path = {}) const;

  std::vector<KeptCheckpoint> kept_checkpoints() const override;
  int64_t most_kept() const override { return options_.save_top_k; }
  State settings() const override;
  bool saves_on_exception() const override {
    return options_.save_on_exception;
  }
  std::vector<std::filesystem::path> last_model_candidates(
      const Trainer& trainer) const override;
  std::vector<std::filesystem::path> other_model_candidates(
      const Trainer& trainer) const override;
  void forget_missing_files(const Trainer& trainer) override;
  void setup(Trainer& trainer, Module& module, Stage stage) override;
  void on_train_start(Trainer& trainer, Module& module) override;
  void on_train_batch_end(Trainer& trainer, Module& module, const StepOutput&,
                          const AnyBatch&, const StepContext&) override;
  void on_train_epoch_end(Trainer& trainer, Module& module) override;
  void on_validation_end(Trainer& trainer, Module& module) override;
  void on_train_end(Trainer& trainer, Module& module) override;
  void on_exception(Trainer& trainer, Module& module,
                    std::exception_ptr error) override;
  void teardown(Trainer& trainer, Module& module, Stage stage) override;
  /// Lightning's keys, and behind them what it forgets.
  State state() const override;
  void load_state(const State& state) override;
  std::string state_key() const override;
  bool monitors() const override { return true; }

 private:
  bool skips(const Trainer& trainer) const;
  bool saves_on_train_epoch_end(const Trainer& trainer) const;
  bool waits_for_validation(const Trainer& trainer,
                            const MetricMap& metrics) const;
  void save_of_epoch(Trainer& trainer);
  void save_best(Trainer& trainer, const MetricMap& metrics);
  void save_newest(Trainer& trainer, const MetricMap& metrics);
  void save_scored(Trainer& trainer, const MetricMap& metrics, double score);
  bool links_last() const;
  void save_last(Trainer& trainer, const MetricMap& metrics);
  void save(Trainer& trainer, const std::filesystem::path& path,
            const std::filesystem::path& old);
  /// `own` may be replaced.
  std::filesystem::path free_path(const Trainer& trainer,
                                  const std::string& name,
                                  const std::filesystem::path& own) const;
  bool removes(const Trainer& trainer, const std::filesystem::path& old,
               const std::filesystem::path& now) const;
  std::filesystem::path folder(const Trainer& trainer) const;
  std::vector<std::filesystem::path> files_of(const Trainer& trainer,
                                              const std::string& prefix) const;

  ModelCheckpointOptions options_;
  std::filesystem::path dirpath_{};
  bool deferred_ = false;
  bool training_ = false;
  // When it saves, and what it has saved.
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace bolt
