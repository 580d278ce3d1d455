#pragma once

#include <torchbolt/core/log.h>
#include <torchbolt/trainer/logger.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "trainer/hook.h"
#include "trainer/log_store.h"

namespace bolt {
class Module;
}

namespace bolt::detail {

/// Where the loops stand when metrics are sent.
struct LogPosition {
  int64_t epoch = 0;
  /// Batches on which an optimizer step was due.
  int64_t step = 0;
};

/// Takes what is logged, keeps the three dictionaries, and sends values to the
/// loggers when the loops say that it is time. The rules of when and under
/// which name are Lightning's.
class LogBook {
 public:
  /// Chooses where `log()` goes: the store of the running loop, or none while
  /// nothing may be logged.
  void use(LogStore* store) { store_ = store; }
  LogStore* store() const { return store_; }

  /// A `log()` call of a hook. Throws ConfigError where it isn't allowed.
  void log(Hook hook, const Module& module, std::string_view name,
           const LogValue& value, const LogOptions& options);

  void on_batch_start(const AnyBatch& batch,
                      std::optional<int64_t> dataloader_idx = {});
  void on_batch_end();
  /// The batches of an epoch (or of a loader) are over: from here on, values of
  /// the epoch count.
  void epoch_end_reached() { first_ = First::kNoBatch; }
  /// The epoch's last hooks have run.
  void on_epoch_end();
  /// Forgets the values, not the dictionaries.
  void reset_results();
  void reset_tables() { tables_.clear(); }

  /// Epoch values of a loader, or of the evaluation as a whole, into the
  /// dictionaries; returns what goes to the loggers.
  MetricMap finish_loader();
  MetricMap step_metrics() { return store_->for_loggers(on_step()); }

  /// Sends metrics at a step of the loops' own, with the epoch; a metric called
  /// "step" takes the step's place.
  void send(MetricMap metrics, LogPosition position);
  /// `send(step_metrics(), position)`, without making a map of them each time.
  void send_step_metrics(LogPosition position);
  /// Sends metrics as they are, at `step`.
  void send_at(const MetricMap& metrics, int64_t step);
  /// `send`, or `send_at` a step, and into the dictionary of what is logged.
  void log_metrics(const MetricMap& metrics, LogPosition position,
                   std::optional<int64_t> step);
  /// `send_at`, and into the callbacks' dictionary.
  void report(const MetricMap& metrics, int64_t step);

  MetricMap callback_metrics() { return live(tables_.callback); }
  MetricMap logged_metrics() { return live(tables_.logged); }
  MetricMap progress_bar_metrics() { return live(tables_.progress_bar); }

  /// A validation inside an epoch gives back this state when it is over.
  struct Bookmark {
    LogStore* store;
    int first;
  };
  Bookmark suspend(LogStore* store);
  void resume(Bookmark bookmark);

  /// The three dictionaries, and where among the hooks of an epoch it stands.
  /// `suspended`: while a validation runs, what `suspend()` gave.
  State state(const std::optional<Bookmark>& suspended) const;
  void load_state(const State& state);
  /// From now on values go to these loggers alone, until `deliver_to_all()`:
  /// what a checkpoint left open was seen by the others.
  void deliver_only_to(std::vector<Logger*> loggers) {
    only_ = std::move(loggers);
  }
  void deliver_to_all() { only_.reset(); }
  /// Calls `send` with each logger that values go to.
  template <class Send>
  void to_loggers(const Send& send) const {
    for (const auto& logger : loggers) {
      const bool left_out =
          only_ && std::ranges::find(*only_, logger.get()) == only_->end();
      if (!left_out) send(*logger);
    }
  }

  std::vector<std::shared_ptr<Logger>> loggers{};

 private:
  enum class First { kNoBatch, kFirstBatch, kLaterBatch };

  void deliver(const MetricMap& metrics, int64_t step);
  bool on_step() const { return first_ != First::kNoBatch; }
  MetricMap live(const MetricTable& table);
  void check_allowed(Hook hook, std::string_view name,
                     const LogOptions& options) const;

  LogStore* store_ = nullptr;
  MetricTables tables_{};
  First first_ = First::kNoBatch;
  Hook last_hook_ = Hook::kNone;
  OnceLog once_{};
  std::optional<std::vector<Logger*>> only_{};
};

}  // namespace bolt::detail
