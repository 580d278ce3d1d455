#pragma once

#include <torchbolt/export.h>
#include <torchbolt/loggers/log_model.h>
#include <torchbolt/trainer/logger.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace bolt {

namespace detail {
class MlflowLiveRun;
}

/// Settings of MLflowLogger.
struct MLflowLoggerOptions {
  /// Name of the experiment, which is made where there is none. None:
  /// MLFLOW_EXPERIMENT_NAME, or "lightning_logs".
  std::optional<std::string> experiment_name{};
  /// Name of the run; none: the server makes one up.
  std::optional<std::string> run_name{};
  /// Address of the server, "http://127.0.0.1:5000". None: MLFLOW_TRACKING_URI;
  /// without that too, the run is kept in its folder until
  /// `torchbolt mlflow sync`.
  std::optional<std::string> tracking_uri{};
  /// Tags of the run.
  std::map<std::string, std::string> tags{};
  /// Folder under which runs are kept until the server has them; none: "mlflow"
  /// in the Trainer's default_root_dir.
  std::optional<std::filesystem::path> save_dir{};
  /// Whether checkpoints are kept as artifacts.
  LogModel log_model{};
  /// Goes before each metric's name, as "prefix-name".
  std::string prefix{};
  /// Where a new experiment keeps its artifacts; none: the server says.
  std::optional<std::string> artifact_location{};
  /// A run of the server with which this one goes on; none: MLFLOW_RUN_ID, or a
  /// new one.
  std::optional<std::string> run_id{};
  /// The run in which this one is nested.
  std::optional<std::string> parent_run_id{};
  /// Folder of this run: a number n is "version_n", text is taken as it is;
  /// none: the next free number. One that is there already is gone on with.
  std::optional<std::variant<int64_t, std::string>> version{};
  /// How long the end of a run waits for the server.
  std::chrono::milliseconds finalize_timeout = std::chrono::seconds(30);
  /// An error of writing to the disk ends the run, instead of being said in the
  /// log. The network never does.
  bool strict = false;
};

/// Logs to an MLflow server: metrics, hyper-parameters as params, tags,
/// checkpoints, images, figures, texts and tables as artifacts, and how the run
/// ended.
///
///     .logger = {bolt::MLflowLogger({.experiment_name = "digits",
///                                    .tracking_uri =
///                                    "http://127.0.0.1:5000"})}
///
/// All goes into a journal in the run's folder first, and from there to the
/// server, on threads of its own: training never waits for the network. While
/// the server is away the journal grows; what it still holds in the end,
/// `torchbolt mlflow sync FOLDER` sends later. docs/formats/mlflow.md describes
/// the journal.
///
/// Who logs is said in the environment alone: MLFLOW_TRACKING_TOKEN, or
/// MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD. These are never
/// written anywhere, nor sent to another server.
class TORCHBOLT_API MLflowLogger final : public Logger {
 public:
  /// Throws ConfigError for a tracking URI that is no server's.
  explicit MLflowLogger(MLflowLoggerOptions options = {});
  /// A copy is a logger with the same settings that has logged nothing.
  MLflowLogger(const MLflowLogger& other);
  MLflowLogger& operator=(const MLflowLogger&) = delete;
  ~MLflowLogger() override;

  /// The experiment's, as its folder is called.
  std::string name() const override;
  std::string version() const override;
  std::optional<std::filesystem::path> save_dir() const override;
  std::optional<std::filesystem::path> log_dir() const override;

  /// The server's name for the run; none until the server has told it. Waits up
  /// to `wait` for that.
  std::optional<std::string> run_id(std::chrono::milliseconds wait = {}) const;
  /// The run's page; none as long as `run_id` is.
  std::optional<std::string> run_url() const;
  /// Sets a tag of the run.
  void log_tag(std::string_view key, std::string_view value);
  /// Keeps a copy of a file, under `folder` (such as "plots") among the run's
  /// artifacts. Throws Error when it can't be read.
  void log_artifact(const std::filesystem::path& file,
                    const std::string& folder = {});

  void set_default_root(const std::filesystem::path& root) override;
  /// Makes the folder. Throws Error naming it when that can't be done.
  void start() override;
  void log_metrics(const MetricMap& metrics, int64_t step) override;
  void log_image(std::string_view name, const at::Tensor& image,
                 int64_t step) override;
  void log_figure(std::string_view name, const Figure& figure,
                  int64_t step) override;
  void log_text(std::string_view name, std::string_view text,
                int64_t step) override;
  void log_table(std::string_view name, const Table& table,
                 int64_t step) override;
  void log_hyperparams(const State& params) override;
  void after_save_checkpoint(const CheckpointCallback& callback) override;
  /// The run, and how much of its journal there is.
  State state() const override;
  /// What the server has got already can't be taken back: points that come
  /// again unchanged are not sent twice.
  bool resume(const State& state) override;
  void flush() override;
  void finalize(LoggerStatus status) override;

 private:
  MLflowLoggerOptions options_;
  std::unique_ptr<detail::MlflowLiveRun> run_;
};

}  // namespace bolt
