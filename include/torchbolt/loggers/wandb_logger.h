#pragma once

#include <torchbolt/export.h>
#include <torchbolt/loggers/log_model.h>
#include <torchbolt/trainer/logger.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bolt {

/// Settings of WandbLogger. What is empty comes from the environment variable
/// of W&B that is named with it.
struct WandbLoggerOptions {
  /// Name of the run, as shown (WANDB_NAME); else the server makes one up.
  std::string name{};
  /// Folder under which "wandb" is kept (WANDB_DIR); none: the Trainer's
  /// default_root_dir.
  std::optional<std::filesystem::path> save_dir{};
  /// Id of the run (WANDB_RUN_ID); else a new one. A run of that id that is
  /// there already is gone on with.
  std::string id{};
  /// Records only; nothing is uploaded. (WANDB_MODE: online, offline, disabled)
  bool offline = false;
  /// Default "lightning_logs" (WANDB_PROJECT).
  std::string project{};
  /// User or team (WANDB_ENTITY); else the key's default.
  std::string entity{};
  /// Whether checkpoints become artifacts.
  LogModel log_model{};
  /// Name of that artifact; default "model-<id>".
  std::string checkpoint_name{};
  /// Goes before each metric's name, as "prefix-name".
  std::string prefix{};
  std::string group{};     ///< WANDB_RUN_GROUP
  std::string job_type{};  ///< WANDB_JOB_TYPE
  std::string notes{};     ///< WANDB_NOTES
  /// WANDB_TAGS, with commas between them.
  std::vector<std::string> tags{};
  /// W&B's command-line tool, which uploads: a name in PATH, or a path.
  std::string command = "wandb";
  /// How long the end of the run waits for the upload; what is left then can be
  /// sent later.
  std::chrono::nanoseconds finish_timeout = std::chrono::seconds(30);
  /// What can't be written ends the run, instead of being said in the log.
  bool strict = false;
};

/// Records a run for Weights & Biases, and has W&B's own tool upload it.
///
///     .logger = {bolt::WandbLogger({.project = "mnist"})}
///
/// The run is written, as W&B's Python package would, to
/// save_dir/wandb/run-TIME-ID/run-ID.wandb (offline: offline-run-…),
/// which needs nothing but this library, and survives when the process is
/// killed. While it trains, `wandb beta sync --live` sends that file, when the
/// tool is installed (pip install wandb) and WANDB_API_KEY, or ~/.netrc, has a
/// key; otherwise a message says with which command to send it later. Nothing
/// waits for the network but the end of the run, for `finish_timeout` at most.
///
/// Metrics have "trainer/global_step" as their x axis; hyper-parameters become
/// the run's config; pictures, histograms, texts and tables are kept.
/// docs/formats/wandb.md describes the files, docs/guide/logging.md the rest.
class TORCHBOLT_API WandbLogger final : public Logger {
 public:
  /// Throws ConfigError for an environment variable that can't be read, and for
  /// an id that isn't one.
  explicit WandbLogger(WandbLoggerOptions options = {});
  /// A copy is a logger with the same settings that has written nothing.
  WandbLogger(const WandbLogger& other);
  WandbLogger& operator=(const WandbLogger&) = delete;
  /// Calls finish().
  ~WandbLogger() override;

  /// The project.
  std::string name() const override;
  /// The run's id.
  std::string version() const override;
  std::optional<std::filesystem::path> save_dir() const override;
  /// Where the run's checkpoints go, as in Lightning: save_dir/project/id.
  std::optional<std::filesystem::path> log_dir() const override;
  /// The file that W&B's tool sends, in the run's folder; empty before the
  /// start.
  std::filesystem::path log_path() const;

  void set_default_root(const std::filesystem::path& root) override;
  /// Makes the folder, and begins to upload. Throws Error when the folder can't
  /// be made; ConfigError when WANDB_RESUME forbids what would happen.
  void start() override;
  void log_metrics(const MetricMap& metrics, int64_t step) override;
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
  void log_hyperparams(const State& params) override;
  /// What the program printed, for the run's page; line ends included.
  void log_output(std::string_view text, bool error = false);
  /// The run, and how far it is.
  State state() const override;
  /// Goes on in the file of before, or, when that was uploaded, which can't be
  /// taken back, in a new one of the same run.
  bool resume(const State& state) override;
  void after_save_checkpoint(const CheckpointCallback& callback) override;
  void save() override;
  void flush() override;
  /// The file is written; the run itself ends with finish(), so that a test
  /// after the fit belongs to it.
  void finalize(LoggerStatus status) override;
  /// Ends the run, and waits for the upload. What is logged afterwards goes on
  /// in a new file of the same run.
  void finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bolt
