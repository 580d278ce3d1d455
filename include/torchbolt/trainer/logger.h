#pragma once

#include <torchbolt/core/plugin_handle.h>
#include <torchbolt/export.h>
#include <torchbolt/state/state.h>
#include <torchbolt/trainer/figure.h>
#include <torchbolt/trainer/histogram.h>
#include <torchbolt/trainer/log_options.h>

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace bolt {

class CheckpointCallback;
class Module;
class Table;

/// How a run ended, as loggers are told.
enum class LoggerStatus { kSuccess, kFailed, kFinished };

/// Where metrics and settings go. Derive from it to write to a new place.
/// Called by one thread, and of several processes of one job by rank 0 alone
/// (see `process_rank`); where others call the library's own loggers
/// themselves, nothing happens.
///
/// Call sequence of a run: `start` → `log_hyperparams` (where there are any) →
/// `log_graph` → (`log_metrics` → `save`)* → `finalize`. The same again at each
/// entry point of the Trainer. Pictures and the like come at any moment between
/// `start` and `finalize`.
///
/// Calls take no time that training would miss: a logger keeps what it gets and
/// writes it on a thread of its own; `flush` waits for that. What can't be
/// written is said in the log, and doesn't end the run.
class TORCHBOLT_API Logger {
 public:
  virtual ~Logger() = default;

  /// Name of the experiment.
  virtual std::string name() const = 0;
  /// This run of it: "version_3", "a1b2c3".
  virtual std::string version() const = 0;
  /// Folder under which it writes; none for those that write no files.
  virtual std::optional<std::filesystem::path> save_dir() const { return {}; }
  /// Folder of this run.
  virtual std::optional<std::filesystem::path> log_dir() const {
    return save_dir();
  }

  /// Folder for those that were given none; called before `start`.
  virtual void set_default_root(const std::filesystem::path& root) {
    (void)root;
  }
  /// Creates the run (folder, connection). Called before the setup hooks.
  virtual void start() {}
  /// Metrics at one point of the x axis. "epoch" is among them where the
  /// Trainer adds it.
  virtual void log_metrics(const MetricMap& metrics, int64_t step) = 0;
  /// Whether `log_histogram` keeps what it gets; who makes histograms asks.
  virtual bool logs_histograms() const { return false; }
  /// How values are spread at one point of the x axis. Who overrides it,
  /// overrides `logs_histograms` with it. This, and what follows to
  /// `log_table`, says once that nothing is kept, unless a logger overrides it.
  virtual void log_histogram(std::string_view name, const Histogram& histogram,
                             int64_t step);
  /// A picture, [height, width] or [channels, height, width], or several of one
  /// size, [n, channels, height, width], on any device; types and values as
  /// `write_png` takes them. The tensor may be changed once this returns.
  virtual void log_image(std::string_view name, const at::Tensor& image,
                         int64_t step);
  /// A picture that is a file already.
  virtual void log_figure(std::string_view name, const Figure& figure,
                          int64_t step);
  /// Text, which may be Markdown.
  virtual void log_text(std::string_view name, std::string_view text,
                        int64_t step);
  virtual void log_table(std::string_view name, const Table& table,
                         int64_t step);
  /// Hyper-parameters: a map.
  virtual void log_hyperparams(const State& params) { (void)params; }
  virtual void log_graph(Module& module) { (void)module; }
  /// Where in its run it stands, for a checkpoint; none: it can't go back
  /// there. What was logged before is written when it returns.
  virtual State state() const { return {}; }
  /// Goes on, from `start` on, in the run and at the place that `state()` of
  /// the same kind of logger told of: what was logged behind it is taken out,
  /// at the latest before the next metrics. Returns false, and does nothing,
  /// when that run isn't there or its settings are others; the logger then
  /// begins a run as always.
  virtual bool resume(const State& state) {
    (void)state;
    return false;
  }
  /// A callback has written a checkpoint; with an asynchronous CheckpointIO it
  /// may be on its way still, and is there at `finalize`.
  virtual void after_save_checkpoint(const CheckpointCallback& callback) {
    (void)callback;
  }
  /// Asks for what is buffered to be written soon; waits for nothing.
  virtual void save() {}
  /// Waits until all that was logged before is written: to its file, or, where
  /// the network comes behind that, to the file from which it is sent.
  virtual void flush() { save(); }
  /// The run is over: writes what is left.
  virtual void finalize(LoggerStatus status) { (void)status; }

 protected:
  /// Says, once for each kind ("images") and logger, that it isn't kept.
  void say_not_kept(const std::string& kind, std::string_view name);

 private:
  std::set<std::string> said_{};
};

/// A logger for a Trainer: by value, or as `shared_ptr`.
using LoggerHandle = PluginHandle<Logger>;

/// The Trainer's `logger` argument: one, several, `true` (the default one) or
/// `false` (none).
class TORCHBOLT_API LoggerOption {
 public:
  /// Not said: the default logger.
  LoggerOption() = default;
  template <std::same_as<bool> B>
  LoggerOption(B on) : on_(on) {}
  template <class L>
    requires std::convertible_to<L, LoggerHandle>
  LoggerOption(L logger) : on_(true), loggers_{std::move(logger)} {}
  LoggerOption(std::initializer_list<LoggerHandle> loggers)
      : on_(loggers.size() > 0), loggers_(loggers) {}
  LoggerOption(std::vector<LoggerHandle> loggers)
      : on_(!loggers.empty()), loggers_(std::move(loggers)) {}

  /// What was said; none when nothing was.
  std::optional<bool> on() const { return on_; }
  const std::vector<LoggerHandle>& loggers() const { return loggers_; }

 private:
  std::optional<bool> on_{};
  std::vector<LoggerHandle> loggers_{};
};

}  // namespace bolt
