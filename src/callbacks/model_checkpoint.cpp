#include <torchbolt/callbacks/model_checkpoint.h>
#include <torchbolt/checkpoint/checkpoint_file.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/files.h>
#include <torchbolt/core/log.h>
#include <torchbolt/core/number.h>
#include <torchbolt/trainer/monitor.h>
#include <torchbolt/trainer/trainer.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <iterator>
#include <numeric>
#include <system_error>
#include <utility>

#include "callbacks/checkpoint_files.h"
#include "callbacks/checkpoint_names.h"
#include "callbacks/checkpoint_records.h"
#include "callbacks/checkpoint_triggers.h"

namespace bolt {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse_option(std::string what, std::string got,
                                std::string expected, std::string tip = {}) {
  throw ConfigError({.where = "ModelCheckpoint",
                     .what = std::move(what),
                     .got = std::move(got),
                     .expected = std::move(expected),
                     .tip = std::move(tip)});
}

// None where it isn't one of ours, or can't be read.
std::optional<int64_t> step_of_file(const fs::path& path) {
  try {
    return read_checkpoint(path, {.outline = true}).at("global_step").as_int();
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

int64_t all_batches(const std::vector<int64_t>& batches) {
  return std::accumulate(
      batches.begin(), batches.end(), int64_t{0}, [](int64_t a, int64_t b) {
        return b > kUnknownBatches - a ? kUnknownBatches : a + b;
      });
}

// Logged metrics, with where the run stands.
MetricMap candidates(const Trainer& trainer) {
  MetricMap metrics = trainer.callback_metrics();
  const auto whole = [&](const char* name, int64_t otherwise) {
    const auto found = metrics.find(name);
    metrics[name] = found != metrics.end() ? std::trunc(found->second)
                                           : static_cast<double>(otherwise);
  };
  whole("epoch", trainer.current_epoch());
  whole("step", trainer.global_step());
  return metrics;
}

std::string place(const MetricMap& metrics) {
  return "epoch " + shortest(metrics.at("epoch")) + ", global step " +
         shortest(metrics.at("step")) + ": ";
}

}  // namespace

struct ModelCheckpoint::Parts {
  detail::CheckpointTriggers triggers;
  detail::CheckpointRecords records;
  // Those that go as soon as the link has left them.
  std::vector<fs::path> leaving{};
};

ModelCheckpoint::ModelCheckpoint(ModelCheckpointOptions options)
    : options_(std::move(options)),
      parts_(std::make_unique<Parts>(detail::CheckpointTriggers(options_),
                                     detail::CheckpointRecords(options_))) {
  const ModelCheckpointOptions& o = options_;
  if (o.save_top_k < -1) {
    refuse_option("save_top_k is too small", std::to_string(o.save_top_k),
                  "at least -1");
  }
  if (!o.monitor && o.save_top_k > 1) {
    refuse_option(
        "save_top_k without a monitor keeps all files, the newest, or none",
        std::to_string(o.save_top_k), "-1, 0 or 1",
        "set .monitor to a logged metric");
  }
  if (o.monitor && o.monitor->empty()) {
    refuse_option("monitor is empty", "\"\"", "the name of a logged metric");
  }
  if (o.name_last.empty()) {
    refuse_option("name_last is empty", "\"\"", "a name");
  }
  // What is wrong with a pattern is said now.
  detail::CheckpointNames(options_).check();
  if (o.dirpath) dirpath_ = detail::absolute_folder(*o.dirpath);
}

ModelCheckpoint::~ModelCheckpoint() = default;

ModelCheckpoint::ModelCheckpoint(const ModelCheckpoint& other)
    : CheckpointCallback(other),
      options_(other.options_),
      dirpath_(other.dirpath_),
      deferred_(other.deferred_),
      training_(other.training_),
      parts_(std::make_unique<Parts>(*other.parts_)) {}

ModelCheckpoint& ModelCheckpoint::operator=(const ModelCheckpoint& other) {
  CheckpointCallback::operator=(other);
  options_ = other.options_;
  dirpath_ = other.dirpath_;
  deferred_ = other.deferred_;
  training_ = other.training_;
  *parts_ = *other.parts_;
  return *this;
}

// -- when --------------------------------------------------------------------

void ModelCheckpoint::setup(Trainer& trainer, Module&, Stage stage) {
  training_ = false;
  if (dirpath_.empty()) dirpath_ = folder(trainer);
  // Now, and not when the first epoch is over.
  const bool saves = options_.save_top_k != 0 || options_.save_last.on() ||
                     options_.save_on_exception;
  if (saves) trainer.check_checkpoint_folder(dirpath_);
  std::error_code error;
  if (stage == Stage::kFit && trainer.is_global_zero() &&
      options_.save_top_k != 0 && fs::is_directory(dirpath_, error) &&
      !fs::is_empty(dirpath_, error)) {
    log_warning("[ModelCheckpoint] the folder " + dirpath_.string() +
                " is not empty");
  }
}

fs::path ModelCheckpoint::folder(const Trainer& trainer) const {
  const Logger* logger = trainer.logger();
  const fs::path root = trainer.default_root_dir();
  if (logger == nullptr) return detail::absolute_folder(root / "checkpoints");
  return detail::absolute_folder(logger->save_dir().value_or(root) /
                                 logger->name() / logger->version() /
                                 "checkpoints");
}

bool ModelCheckpoint::skips(const Trainer& trainer) const {
  return trainer.fast_dev_run() || trainer.function() != Stage::kFit ||
         trainer.sanity_checking() ||
         parts_->records.last_step_saved() == trainer.global_step();
}

bool ModelCheckpoint::saves_on_train_epoch_end(const Trainer& trainer) const {
  if (options_.save_on_train_epoch_end) {
    return *options_.save_on_train_epoch_end;
  }
  const TrainerOptions& o = trainer.options();
  if (o.val_check_interval->is_time()) return false;
  if (o.check_val_every_n_epoch != 1) return false;
  return all_batches(trainer.num_val_batches()) == 0 ||
         o.val_check_interval->is_one();
}

void ModelCheckpoint::on_train_start(Trainer& trainer, Module&) {
  parts_->triggers.start(trainer.clock());
  training_ = true;
}

// Its value would be missing, or that of the validation before.
bool ModelCheckpoint::waits_for_validation(const Trainer& trainer,
                                           const MetricMap& metrics) const {
  if (!options_.monitor) return false;
  if (!metrics.contains(*options_.monitor)) return true;
  if (!trainer.module().automatic_optimization ||
      saves_on_train_epoch_end(trainer) || !trainer.is_last_batch() ||
      !trainer.enable_validation() ||
      all_batches(trainer.num_val_batches()) == 0) {
    return false;
  }
  const auto every = trainer.options().check_val_every_n_epoch;
  return !every || (trainer.current_epoch() + 1) % *every == 0;
}

void ModelCheckpoint::on_train_batch_end(Trainer& trainer, Module& module,
                                         const StepOutput&, const AnyBatch&,
                                         const StepContext&) {
  const bool step_is_due = parts_->triggers.step_is_due(trainer.global_step());
  if (!module.automatic_optimization) {
    if (!step_is_due || skips(trainer)) return;
  } else if (!(parts_->triggers.time_is_due(trainer.clock()) || step_is_due)) {
    return;
  }
  const MetricMap metrics = candidates(trainer);
  if (waits_for_validation(trainer, metrics)) {
    deferred_ = true;
    return;
  }
  if (skips(trainer)) return;
  save_best(trainer, metrics);
  save_last(trainer, metrics);
}

void ModelCheckpoint::on_train_epoch_end(Trainer& trainer, Module&) {
  if (!skips(trainer) && saves_on_train_epoch_end(trainer))
    save_of_epoch(trainer);
}

void ModelCheckpoint::on_validation_end(Trainer& trainer, Module&) {
  if (skips(trainer) || saves_on_train_epoch_end(trainer)) return;
  if (!std::exchange(deferred_, false)) {
    save_of_epoch(trainer);
    return;
  }
  const MetricMap metrics = candidates(trainer);
  save_best(trainer, metrics);
  save_last(trainer, metrics);
}

void ModelCheckpoint::save_of_epoch(Trainer& trainer) {
  const MetricMap metrics = candidates(trainer);
  if (parts_->triggers.epoch_is_due(trainer.current_epoch())) {
    save_best(trainer, metrics);
  }
  // The last one goes with another, or points to it.
  if (parts_->records.last_step_saved() == trainer.global_step() ||
      (options_.save_last.is_link() && !parts_->records.last_saved().empty())) {
    save_last(trainer, metrics);
  }
}

void ModelCheckpoint::on_train_end(Trainer& trainer, Module&) {
  if (parts_->records.last_saved().empty() && !trainer.fast_dev_run()) {
    save_last(trainer, candidates(trainer));
  }
}

void ModelCheckpoint::on_exception(Trainer& trainer, Module&,
                                   std::exception_ptr) {
  if (!options_.save_on_exception || !std::exchange(training_, false) ||
      trainer.fast_dev_run() ||
      parts_->records.last_step_saved() == trainer.global_step()) {
    return;
  }
  const MetricMap metrics = candidates(trainer);
  const fs::path path = format_checkpoint_name(metrics);
  save(trainer, path, {});
  save_last(trainer, metrics);
  log_info("[ModelCheckpoint] the run ends with an exception; it is saved in " +
           path.string());
}

// Without it an exception before the next setup would be taken for this run's.
void ModelCheckpoint::teardown(Trainer&, Module&, Stage) { training_ = false; }

// -- what --------------------------------------------------------------------

void ModelCheckpoint::save_best(Trainer& trainer, const MetricMap& metrics) {
  if (options_.save_top_k == 0) return;
  if (!options_.monitor) {
    save_newest(trainer, metrics);
    return;
  }
  const auto found = metrics.find(*options_.monitor);
  if (found == metrics.end()) {
    // Before the first validation it may still come.
    monitored_metric(trainer, "ModelCheckpoint", *options_.monitor,
                     trainer.progress().validation.counts.total.ready > 0,
                     true);
    return;
  }
  const double score = found->second;
  const detail::CheckpointRecords& records = parts_->records;
  const bool fits =
      records.has_room() || trainer.fabric().all(records.beats_worst(score));
  if (fits) {
    save_scored(trainer, metrics, score);
  } else if (options_.verbose) {
    log_info("[ModelCheckpoint] " + place(metrics) + *options_.monitor +
             " is not among the best " + std::to_string(options_.save_top_k));
  }
}

void ModelCheckpoint::save_newest(Trainer& trainer, const MetricMap& metrics) {
  const fs::path path =
      free_path(trainer, detail::CheckpointNames(options_).file(metrics),
                parts_->records.best());
  // Noted before the file is written: it is part of the state.
  save(trainer, path, parts_->records.add_newest(path));
}

void ModelCheckpoint::save_scored(Trainer& trainer, const MetricMap& metrics,
                                  double score) {
  detail::CheckpointRecords& records = parts_->records;
  const fs::path dropped = records.make_room();
  const fs::path path = free_path(
      trainer, detail::CheckpointNames(options_).file(metrics), dropped);
  records.add(path, score, trainer.global_step());
  if (options_.verbose) {
    log_info("[ModelCheckpoint] " + place(metrics) + *options_.monitor +
             " reached " + brief(*records.current_score()) + " (best " +
             brief(*records.best_score()) + "), saving " + path.string());
  }
  save(trainer, path, dropped);
}

bool ModelCheckpoint::links_last() const {
  return options_.save_last.is_link() && options_.save_top_k != 0;
}

void ModelCheckpoint::save_last(Trainer& trainer, const MetricMap& metrics) {
  if (!options_.save_last.on()) return;
  detail::CheckpointRecords& records = parts_->records;
  const fs::path path = free_path(
      trainer, detail::CheckpointNames(options_).last(metrics), records.last());
  const fs::path before = records.set_last(path);
  const fs::path old = removes(trainer, before, path) ? before : fs::path();
  if (links_last() && !records.last_saved().empty()) {
    std::vector<fs::path> leaving = std::exchange(parts_->leaving, {});
    if (!old.empty()) leaving.push_back(old);
    if (!trainer.is_global_zero()) return;
    trainer.after_hook([&trainer, target = records.last_saved(), path,
                        leaving = std::move(leaving)] {
      if (!trainer.checkpoint_exists(target)) return;  // it can't be written
      if (!trainer.link_checkpoint(target, path)) return;
      for (const fs::path& file : leaving) trainer.remove_checkpoint(file);
    });
    return;
  }
  save(trainer, path, old);
}

// `old` goes when the new one is there.
void ModelCheckpoint::save(Trainer& trainer, const fs::path& path,
                           const fs::path& old) {
  parts_->records.saved(path, trainer.global_step());
  bool drop = removes(trainer, old, path);
  if (drop && links_last()) {
    parts_->leaving.push_back(old);
    drop = false;
  }
  trainer.save_checkpoint_after_hook(
      *this, path, options_.save_weights_only, [this, &trainer, old, drop] {
        if (!trainer.is_global_zero()) return;
        if (drop) trainer.remove_checkpoint(old);
        for (const auto& logger : trainer.loggers()) {
          logger->after_save_checkpoint(*this);
        }
      });
}

// Not one of another folder, nor the one that this run goes on from.
bool ModelCheckpoint::removes(const Trainer& trainer, const fs::path& old,
                              const fs::path& now) const {
  if (old.empty() || old == now) return false;
  const auto resumed = trainer.ckpt_path();
  std::error_code error;
  if (resumed && fs::weakly_canonical(*resumed, error) ==
                     fs::weakly_canonical(old, error)) {
    return false;
  }
  return detail::CheckpointNames(options_).is_in(dirpath_, old);
}

// -- names -------------------------------------------------------------------

fs::path ModelCheckpoint::format_checkpoint_name(
    const MetricMap& metrics, std::optional<int64_t> version) const {
  const detail::CheckpointNames names(options_);
  const std::string name = names.file(metrics);
  return version ? names.path(dirpath_, name, *version)
                 : names.path(dirpath_, name);
}

fs::path ModelCheckpoint::free_path(const Trainer& trainer,
                                    const std::string& name,
                                    const fs::path& own) const {
  const detail::CheckpointNames names(options_);
  fs::path path = names.path(dirpath_, name);
  if (!options_.enable_version_counter) return path;
  for (int64_t version = options_.starting_version;
       path != own && trainer.fabric().any(trainer.is_global_zero() &&
                                           trainer.checkpoint_exists(path));
       ++version) {
    path = names.path(dirpath_, name, version);
  }
  return path;
}

std::vector<fs::path> ModelCheckpoint::last_model_candidates(
    const Trainer& trainer) const {
  return files_of(trainer, detail::CheckpointNames(options_).last_prefix());
}

std::vector<fs::path> ModelCheckpoint::other_model_candidates(
    const Trainer& trainer) const {
  return files_of(trainer, "");
}

// Those whose names begin so.
std::vector<fs::path> ModelCheckpoint::files_of(
    const Trainer& trainer, const std::string& prefix) const {
  std::vector<fs::path> found;
  const auto search = [&](const fs::path& dir) {
    std::ranges::move(detail::CheckpointNames(options_).in(dir, prefix),
                      std::back_inserter(found));
  };
  if (!dirpath_.empty()) search(dirpath_);
  const Logger* logger = trainer.logger();
  if (options_.dirpath || logger == nullptr) {
    if (dirpath_.empty()) search(folder(trainer));
    return found;
  }
  // The run before had another version.
  std::error_code error;
  const fs::path runs =
      logger->save_dir().value_or(trainer.default_root_dir()) / logger->name();
  for (const auto& entry : fs::directory_iterator(runs, error)) {
    if (entry.path() / "checkpoints" != dirpath_) {
      search(entry.path() / "checkpoints");
    }
  }
  return found;
}

// -- what others ask for -----------------------------------------------------

fs::path ModelCheckpoint::best_model_path() const {
  return parts_->records.best();
}
std::optional<double> ModelCheckpoint::best_model_score() const {
  return parts_->records.best_score();
}
std::optional<double> ModelCheckpoint::current_score() const {
  return parts_->records.current_score();
}
const ModelCheckpoint::Scores& ModelCheckpoint::best_k_models() const {
  return parts_->records.best_k();
}
const fs::path& ModelCheckpoint::kth_best_model_path() const {
  return parts_->records.kth();
}
std::optional<double> ModelCheckpoint::kth_value() const {
  return parts_->records.kth_value();
}
const fs::path& ModelCheckpoint::last_model_path() const {
  return parts_->records.last();
}

std::vector<KeptCheckpoint> ModelCheckpoint::kept_checkpoints() const {
  return parts_->records.kept();
}

void ModelCheckpoint::forget_missing_files(const Trainer& trainer) {
  parts_->records.forget_missing(
      [&](const fs::path& path) { return trainer.checkpoint_exists(path); },
      step_of_file);
}

void ModelCheckpoint::to_yaml(fs::path path) const {
  if (path.empty()) path = dirpath_ / "best_k_models.yaml";
  std::string text;
  for (const auto& [file, score] : best_k_models()) {
    std::string quoted = "'";
    for (const char c : file.string()) {
      quoted += c;
      if (c == '\'') quoted += c;
    }
    text += quoted + "': " +
            (std::isfinite(score) ? shortest(score)
                                  : (score > 0 ? ".inf" : "-.inf")) +
            "\n";
  }
  write_atomic(path, text.empty() ? "{}\n" : text);
}

State ModelCheckpoint::settings() const {
  return State::map(
      {{"monitor", options_.monitor ? State(*options_.monitor) : State()},
       {"mode", std::string(to_string(options_.mode))},
       {"save_last", options_.save_last.on()},
       {"save_top_k", options_.save_top_k},
       {"save_weights_only", options_.save_weights_only},
       {"every_n_train_steps", parts_->triggers.every_n_train_steps()},
       {"every_n_epochs", parts_->triggers.every_n_epochs()}});
}

// -- state -------------------------------------------------------------------

State ModelCheckpoint::state() const {
  State all = State::map(
      {{"monitor", options_.monitor ? State(*options_.monitor) : State()}});
  const State records = parts_->records.state(dirpath_);
  for (const auto& [key, value] : records.entries()) all.set(key, value);
  all["deferred"] = deferred_;
  return all;
}

void ModelCheckpoint::load_state(const State& state) {
  if (!parts_->records.load_state(state, dirpath_)) return;
  if (const State* deferred = state.find("deferred")) {
    deferred_ = deferred->as_bool();
  }
}

std::string ModelCheckpoint::state_key() const {
  return "ModelCheckpoint{'monitor': " +
         (options_.monitor ? "'" + *options_.monitor + "'"
                           : std::string("None")) +
         ", 'mode': '" + std::string(to_string(options_.mode)) + "', " +
         parts_->triggers.text() + "}";
}

}  // namespace bolt
