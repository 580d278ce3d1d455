#pragma once

#include <ATen/core/Tensor.h>
#include <torchbolt/data/batch.h>
#include <torchbolt/state/state.h>
#include <torchbolt/trainer/log_options.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "trainer/hook.h"

namespace bolt {
class Module;
}

namespace bolt::detail {

/// `log("name")`, as errors name a call.
std::string log_call(std::string_view name);

/// A logged number: on the host, or still on its device, where it stays until
/// someone reads it.
struct Scalar {
  double number = 0;
  at::Tensor tensor{};

  double read() const;
  /// A number, or a tensor without dimensions.
  State state() const;
  static Scalar of(const State& state);
};

/// A dictionary of metrics as the loops keep it. Its entries don't move, so
/// that a value can be written again without looking up its name.
class MetricTable {
 public:
  Scalar& slot(const std::string& name) { return values_[name]; }
  void clear() {
    values_.clear();
    ++generation_;
  }
  /// Changes when slots become invalid.
  int64_t generation() const { return generation_; }
  MetricMap read() const;
  State state() const;
  void load_state(const State& state);

 private:
  std::map<std::string, Scalar, std::less<>> values_{};
  int64_t generation_ = 0;
};

/// The three dictionaries that callbacks and users read.
struct MetricTables {
  MetricTable callback{};
  MetricTable logged{};
  MetricTable progress_bar{};

  void clear();
  State state() const;
  void load_state(const State& state);
};

/// All settings of a `log()` call that must be the same each time.
struct LogMeta {
  bool prog_bar = false;
  bool logger = true;
  bool on_step = false;
  bool on_epoch = true;
  Reduce reduce_fx = Reduce::kMean;
  bool sync_dist = false;
  bool rank_zero_only = false;
  bool add_dataloader_idx = true;
  std::optional<int64_t> dataloader_idx{};

  /// The loader index that is part of the name; none where the user keeps it
  /// out, or where there is one loader.
  std::optional<int64_t> name_idx() const {
    return add_dataloader_idx ? dataloader_idx : std::nullopt;
  }

  friend bool operator==(const LogMeta&, const LogMeta&) = default;
};

/// Everything that one loop logs: the values of this step and the reductions of
/// this epoch, by hook and name. A `log()` of a known name neither searches nor
/// allocates.
class LogStore {
 public:
  /// `training`: step values count for callbacks too.
  explicit LogStore(bool training) : training_(training) {}

  /// The batch that values belong to from now on; `dataloader_idx` only with
  /// several evaluation loaders.
  void begin_batch(const AnyBatch* batch,
                   std::optional<int64_t> dataloader_idx) {
    batch_ = batch;
    batch_size_.reset();
    dataloader_idx_ = dataloader_idx;
    cursor_ = 0;
  }
  void end_batch() {
    batch_ = nullptr;
    batch_size_.reset();
  }
  /// Values from now on belong to no single loader.
  void leave_loaders() { dataloader_idx_.reset(); }

  /// Records a value. `meta.dataloader_idx` is filled in here.
  void log(Hook hook, std::string_view name, const LogValue& value,
           LogMeta meta, std::optional<int64_t> batch_size);

  /// Forgets the plain values of a hook (not of metric objects).
  void reset_hook(Hook hook);
  /// Forgets everything, and resets the metric objects that were logged.
  void reset();
  /// The same, and forgets the names too: a run is over, and the metric objects
  /// may go with their module.
  void clear() {
    reset();
    step_map_.clear();
    entries_.clear();
    cursor_ = 0;
  }

  /// Writes the current step (or epoch) values into the tables.
  void update(MetricTables& tables, bool on_step);
  /// The current step (or epoch) values that go to the loggers.
  MetricMap for_loggers(bool on_step);
  /// Those of the current step, in a map that is the same one each time, so
  /// that names that are there already are neither copied nor looked up.
  MetricMap& step_map();

  /// The values of this epoch so far. Metric objects stand in it by the names
  /// that they are registered under; their own state isn't part of it.
  State state(const Module& module) const;
  /// Takes back what `state()` gave. Throws CheckpointError for a metric that
  /// the module hasn't.
  void load_state(const State& state, const Module& module);

 private:
  struct Entry {
    Hook hook{};
    std::string name{};
    LogMeta meta{};
    metrics::Metric* metric = nullptr;
    bool has_reset = false;
    Scalar step{};
    Scalar sum{};       // or min, max
    double weight = 0;  // of a mean
    std::optional<Scalar> epoch{};

    struct Names {
      std::string plain{};
      std::string forked{};
    };
    Names step_names{};
    Names epoch_names{};

    // Where the values of a step go; looked up once per table generation.
    struct Slots {
      Scalar* logged = nullptr;
      Scalar* callback = nullptr;
      Scalar* callback_forked = nullptr;
      Scalar* progress_bar = nullptr;
      int64_t generation = -1;
    };
    Slots slots{};
    // In `step_map_`.
    double* for_loggers = nullptr;
  };

  Entry& find_or_add(Hook hook, std::string_view name, const LogMeta& meta,
                     metrics::Metric* metric);
  bool matches(const Entry& entry, Hook hook, std::string_view name,
               const LogMeta& meta) const;
  double weight_of(Hook hook, std::string_view name, const LogMeta& meta,
                   std::optional<int64_t> batch_size);
  void accumulate(Entry& entry, const LogValue& value, double weight);
  /// Throws ConfigError for what is no single value.
  static Scalar metric_value(const Entry& entry, const at::Tensor& value);
  const Scalar* value_of(Entry& entry, bool on_step);
  const Scalar* logged_value(Entry& entry, bool on_step);
  void write(Entry& entry, const Scalar& value, MetricTables& tables,
             bool on_step);
  bool is_current(const Entry& entry) const {
    return !entry.has_reset && entry.meta.dataloader_idx == dataloader_idx_;
  }

  bool training_;
  std::vector<Entry> entries_{};
  MetricMap step_map_{};
  std::size_t cursor_ = 0;
  const AnyBatch* batch_ = nullptr;
  std::optional<int64_t> batch_size_{};
  std::optional<int64_t> dataloader_idx_{};
  bool warned_batch_size_ = false;
};

}  // namespace bolt::detail
