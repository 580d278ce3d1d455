#include <ATen/ATen.h>
#include <torchbolt/callbacks/model_checkpoint.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/files.h>
#include <torchbolt/core/log.h>
#include <torchbolt/core/number.h>
#include <torchbolt/trainer/monitor.h>
#include <torchbolt/trainer/trainer.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <system_error>

#include "callbacks/checkpoint_files.h"
#include "core/name_template.h"

namespace bolt {
namespace {

namespace fs = std::filesystem;

constexpr double kInf = std::numeric_limits<double>::infinity();

[[noreturn]] void refuse(std::string what, std::string got,
                         std::string expected, std::string tip = {}) {
  throw ConfigError({.where = "ModelCheckpoint",
                     .what = std::move(what),
                     .got = std::move(got),
                     .expected = std::move(expected),
                     .tip = std::move(tip)});
}

// As Python writes it.
std::string interval_text(const std::optional<std::chrono::nanoseconds>& time) {
  if (!time) return "None";
  using Days = std::chrono::duration<int64_t, std::ratio<86400>>;
  const auto days = std::chrono::duration_cast<Days>(*time);
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(*time - days);
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(
      *time - days - seconds);
  std::string parts;
  const auto add = [&](const char* name, int64_t count) {
    if (count == 0) return;
    parts += (parts.empty() ? "" : ", ") + std::string(name) + "=" +
             std::to_string(count);
  };
  add("days", days.count());
  add("seconds", seconds.count());
  add("microseconds", micros.count());
  return "datetime.timedelta(" + (parts.empty() ? "0" : parts) + ")";
}

State score_state(const std::optional<double>& score) {
  return score ? State(at::scalar_tensor(*score, at::kDouble)) : State();
}

std::optional<double> score_of(const State& state) {
  if (state.is_none()) return std::nullopt;
  return state.as_double();
}

int64_t total(const std::vector<int64_t>& batches) {
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

ModelCheckpoint::ModelCheckpoint(ModelCheckpointOptions options)
    : options_(std::move(options)) {
  const ModelCheckpointOptions& o = options_;
  if (o.save_top_k < -1) {
    refuse("save_top_k is too small", std::to_string(o.save_top_k),
           "at least -1");
  }
  const auto at_least_0 = [](const char* name, int64_t value) {
    if (value < 0) {
      refuse(std::string(name) + " is negative", std::to_string(value),
             "at least 0");
    }
  };
  const bool any =
      o.every_n_train_steps || o.every_n_epochs || o.train_time_interval;
  every_n_train_steps_ = o.every_n_train_steps.value_or(0);
  every_n_epochs_ = o.every_n_epochs.value_or(any ? 0 : 1);
  at_least_0("every_n_train_steps", every_n_train_steps_);
  at_least_0("every_n_epochs", every_n_epochs_);
  if (o.train_time_interval) {
    at_least_0("train_time_interval", o.train_time_interval->count());
  }
  const int triggers = (every_n_train_steps_ > 0 ? 1 : 0) +
                       (every_n_epochs_ > 0 ? 1 : 0) +
                       (o.train_time_interval ? 1 : 0);
  if (triggers > 1) {
    refuse(
        "several of every_n_train_steps, every_n_epochs and "
        "train_time_interval are set",
        std::to_string(triggers), "at most one",
        "use a ModelCheckpoint for each");
  }
  if (!o.monitor && o.save_top_k > 1) {
    refuse("save_top_k without a monitor keeps all files, the newest, or none",
           std::to_string(o.save_top_k), "-1, 0 or 1",
           "set .monitor to a logged metric");
  }
  if (o.monitor && o.monitor->empty()) {
    refuse("monitor is empty", "\"\"", "the name of a logged metric");
  }
  if (o.name_last.empty()) refuse("name_last is empty", "\"\"", "a name");
  // What is wrong with a pattern is said now.
  name_of(o.filename.value_or(""), {});
  name_of(o.name_last, {});
  if (o.dirpath) dirpath_ = detail::absolute_folder(*o.dirpath);
}

// -- when --------------------------------------------------------------------

void ModelCheckpoint::setup(Trainer& trainer, Module&, Stage stage) {
  training_ = false;
  if (dirpath_.empty()) dirpath_ = folder(trainer);
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
         trainer.sanity_checking() || last_step_saved_ == trainer.global_step();
}

bool ModelCheckpoint::saves_on_train_epoch_end(const Trainer& trainer) const {
  if (options_.save_on_train_epoch_end) {
    return *options_.save_on_train_epoch_end;
  }
  const TrainerOptions& o = trainer.options();
  if (o.val_check_interval->is_time()) return false;
  if (o.check_val_every_n_epoch != 1) return false;
  return total(trainer.num_val_batches()) == 0 ||
         o.val_check_interval->is_one();
}

void ModelCheckpoint::on_train_start(Trainer& trainer, Module&) {
  last_time_ = trainer.clock().now();
  training_ = true;
}

bool ModelCheckpoint::time_is_due(const Trainer& trainer) {
  if (!options_.train_time_interval) return false;
  const auto now = trainer.clock().now();
  const bool due =
      last_time_ && now - *last_time_ >= *options_.train_time_interval;
  if (due) last_time_ = now;
  return due;
}

// Its value would be missing, or that of the validation before.
bool ModelCheckpoint::waits_for_validation(const Trainer& trainer,
                                           const MetricMap& metrics) const {
  if (!options_.monitor) return false;
  if (!metrics.contains(*options_.monitor)) return true;
  if (!trainer.module().automatic_optimization ||
      saves_on_train_epoch_end(trainer) || !trainer.is_last_batch() ||
      !trainer.enable_validation() || total(trainer.num_val_batches()) == 0) {
    return false;
  }
  const auto every = trainer.options().check_val_every_n_epoch;
  return !every || (trainer.current_epoch() + 1) % *every == 0;
}

void ModelCheckpoint::on_train_batch_end(Trainer& trainer, Module& module,
                                         const StepOutput&, const AnyBatch&,
                                         const StepContext&) {
  const bool step_is_due = every_n_train_steps_ > 0 &&
                           trainer.global_step() % every_n_train_steps_ == 0;
  if (!module.automatic_optimization) {
    if (!step_is_due || skips(trainer)) return;
  } else if (!(time_is_due(trainer) || step_is_due)) {
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
  if (every_n_epochs_ > 0 &&
      (trainer.current_epoch() + 1) % every_n_epochs_ == 0) {
    save_best(trainer, metrics);
  }
  // The last one goes with another, or points to it.
  if (last_step_saved_ == trainer.global_step() ||
      (options_.save_last.is_link() && !last_saved_.empty())) {
    save_last(trainer, metrics);
  }
}

void ModelCheckpoint::on_train_end(Trainer& trainer, Module&) {
  if (last_saved_.empty() && !trainer.fast_dev_run()) {
    save_last(trainer, candidates(trainer));
  }
}

void ModelCheckpoint::on_exception(Trainer& trainer, Module&,
                                   std::exception_ptr) {
  if (!options_.save_on_exception || !std::exchange(training_, false) ||
      trainer.fast_dev_run() || last_step_saved_ == trainer.global_step()) {
    return;
  }
  const MetricMap metrics = candidates(trainer);
  const fs::path path = format_checkpoint_name(metrics);
  save(trainer, path, {});
  save_last(trainer, metrics);
  log_info("[ModelCheckpoint] the run ends with an exception; it is saved in " +
           path.string());
}

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
  const bool fits =
      options_.save_top_k == -1 ||
      static_cast<int64_t>(best_k_.size()) < options_.save_top_k ||
      trainer.fabric().all(is_better(score, *kth_value_));
  if (fits) {
    save_scored(trainer, metrics, score);
  } else if (options_.verbose) {
    log_info("[ModelCheckpoint] " + place(metrics) + *options_.monitor +
             " is not among the best " + std::to_string(options_.save_top_k));
  }
}

bool ModelCheckpoint::is_better(double score, double than) const {
  return options_.mode == Mode::kMin ? score < than : score > than;
}

void ModelCheckpoint::save_newest(Trainer& trainer, const MetricMap& metrics) {
  const fs::path path = free_path(
      trainer, name_of(options_.filename.value_or(""), metrics), best_path_);
  // Set before the file is written: it is part of the state.
  const fs::path before = std::exchange(best_path_, path);
  if (options_.save_top_k == 1) drop(before, 0);
  save(trainer, path, options_.save_top_k == 1 ? before : fs::path());
}

void ModelCheckpoint::save_scored(Trainer& trainer, const MetricMap& metrics,
                                  double score) {
  const bool all = options_.save_top_k == -1;
  const std::size_t k =
      all ? best_k_.size() + 1 : static_cast<std::size_t>(options_.save_top_k);
  fs::path dropped;
  if (best_k_.size() >= k) {
    dropped = kth_path_;
    drop(dropped, *kth_value_);
    std::erase_if(best_k_,
                  [&](const auto& one) { return one.first == dropped; });
  }
  // No NaN stays: anything is better.
  if (std::isnan(score)) score = options_.mode == Mode::kMin ? kInf : -kInf;
  const fs::path path = free_path(
      trainer, name_of(options_.filename.value_or(""), metrics), dropped);
  current_score_ = score;
  std::erase_if(best_k_, [&](const auto& one) { return one.first == path; });
  best_k_.emplace_back(path, score);
  find_worst();
  find_best();
  if (options_.verbose) {
    log_info("[ModelCheckpoint] " + place(metrics) + *options_.monitor +
             " reached " + brief(score) + " (best " + brief(*best_score_) +
             "), saving " + path.string());
  }
  save(trainer, path, dropped);
}

// They are known for as long as they are there.
void ModelCheckpoint::drop(const fs::path& file, double score) {
  std::erase_if(dropped_, [](const auto& one) {
    std::error_code error;
    return !fs::exists(one.first, error);
  });
  if (!file.empty()) dropped_.emplace_back(file, score);
}

void ModelCheckpoint::find_best() {
  const auto best =
      std::ranges::min_element(best_k_, [&](const auto& a, const auto& b) {
        return is_better(a.second, b.second);
      });
  best_path_ = best->first;
  best_score_ = best->second;
}

ModelCheckpoint::Scores::const_iterator ModelCheckpoint::worst() const {
  return std::ranges::min_element(best_k_, [&](const auto& a, const auto& b) {
    return is_better(b.second, a.second);
  });
}

// Known once there are as many as are kept.
void ModelCheckpoint::find_worst() {
  kth_path_.clear();
  kth_value_.reset();
  if (best_k_.empty() ||
      (options_.save_top_k > 0 &&
       static_cast<int64_t>(best_k_.size()) < options_.save_top_k)) {
    return;
  }
  kth_path_ = worst()->first;
  kth_value_ = worst()->second;
}

void ModelCheckpoint::save_last(Trainer& trainer, const MetricMap& metrics) {
  if (!options_.save_last.on()) return;
  const fs::path path =
      free_path(trainer, name_of(options_.name_last, metrics), last_path_);
  const fs::path before = std::exchange(last_path_, path);
  const fs::path old = removes(trainer, before, path) ? before : fs::path();
  if (options_.save_last.is_link() && !last_saved_.empty() &&
      options_.save_top_k != 0) {
    if (!trainer.is_global_zero()) return;
    trainer.after_hook([&trainer, target = last_saved_, path, old] {
      if (!trainer.checkpoint_exists(target)) return;  // it can't be written
      detail::link_checkpoint(target, path);
      if (!old.empty()) trainer.remove_checkpoint(old);
    });
    return;
  }
  save(trainer, path, old);
}

// `old` goes when the new one is there.
void ModelCheckpoint::save(Trainer& trainer, const fs::path& path,
                           const fs::path& old) {
  last_step_saved_ = trainer.global_step();
  last_saved_ = path;
  const bool drop = removes(trainer, old, path);
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
  const fs::path inside = old.lexically_normal().lexically_relative(dirpath_);
  return !inside.empty() && inside != "." && *inside.begin() != ".." &&
         old.string().ends_with(options_.file_extension);
}

// -- names -------------------------------------------------------------------

std::string ModelCheckpoint::name_of(const std::string& pattern,
                                     const MetricMap& metrics) const {
  const std::string usual = "{epoch}" + options_.join_char + "{step}";
  return detail::fill_name(
      "ModelCheckpoint.filename", pattern.empty() ? usual : pattern,
      [&](const std::string& name) -> std::optional<double> {
        const auto found = metrics.find(name);
        if (found == metrics.end()) return std::nullopt;
        return found->second;
      },
      options_.auto_insert_metric_name ? std::optional(options_.equals_char)
                                       : std::nullopt);
}

fs::path ModelCheckpoint::format_checkpoint_name(
    const MetricMap& metrics, std::optional<int64_t> version) const {
  std::string name = name_of(options_.filename.value_or(""), metrics);
  if (version) name += options_.join_char + "v" + std::to_string(*version);
  return dirpath_ / (name + options_.file_extension);
}

fs::path ModelCheckpoint::free_path(const Trainer& trainer,
                                    const std::string& name,
                                    const fs::path& own) const {
  fs::path path = dirpath_ / (name + options_.file_extension);
  if (!options_.enable_version_counter) return path;
  for (int64_t version = options_.starting_version;
       path != own && trainer.fabric().any(trainer.is_global_zero() &&
                                           trainer.checkpoint_exists(path));
       ++version) {
    path = dirpath_ / (name + options_.join_char + "v" +
                       std::to_string(version) + options_.file_extension);
  }
  return path;
}

std::vector<fs::path> ModelCheckpoint::last_model_candidates(
    const Trainer& trainer) const {
  // What stands before the first value.
  return files_of(trainer,
                  options_.name_last.substr(0, options_.name_last.find('{')));
}

std::vector<fs::path> ModelCheckpoint::other_model_candidates(
    const Trainer& trainer) const {
  return files_of(trainer, "");
}

// What was to take the place of a file isn't there: the file stays.
void ModelCheckpoint::forget_missing_files(const Trainer& trainer) {
  const auto is_gone = [&](const fs::path& path) {
    return !path.empty() && !trainer.checkpoint_exists(path);
  };
  if (is_gone(last_path_)) last_path_.clear();
  if (is_gone(last_saved_)) {
    last_saved_.clear();
    last_step_saved_ = 0;  // that step is not saved
  }
  Scores back = std::exchange(dropped_, {});
  std::erase_if(back, [&](const auto& one) { return is_gone(one.first); });
  if (!options_.monitor) {
    if (is_gone(best_path_)) {
      best_path_ = back.empty() ? fs::path() : back.back().first;
    }
    return;
  }
  std::erase_if(best_k_, [&](const auto& one) { return is_gone(one.first); });
  best_k_.insert(best_k_.end(), back.begin(), back.end());
  while (options_.save_top_k > 0 &&
         static_cast<int64_t>(best_k_.size()) > options_.save_top_k) {
    const auto least = worst();
    dropped_.push_back(*least);
    best_k_.erase(least);
  }
  find_worst();
  if (!best_k_.empty()) {
    find_best();
  } else if (is_gone(best_path_)) {
    best_path_.clear();
    best_score_.reset();
  }
}

// Those whose names begin so.
std::vector<fs::path> ModelCheckpoint::files_of(
    const Trainer& trainer, const std::string& prefix) const {
  std::vector<fs::path> found;
  const auto search = [&](const fs::path& dir) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(dir, error)) {
      const fs::path& path = entry.path();
      const std::string name = path.filename().string();
      if (name.ends_with(options_.file_extension) && name.starts_with(prefix)) {
        found.push_back(path);
      }
    }
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

void ModelCheckpoint::to_yaml(fs::path path) const {
  if (path.empty()) path = dirpath_ / "best_k_models.yaml";
  std::string text;
  for (const auto& [file, score] : best_k_) {
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

std::vector<KeptCheckpoint> ModelCheckpoint::kept_checkpoints() const {
  std::vector<KeptCheckpoint> kept;
  const auto add = [&](const fs::path& path, std::optional<double> score) {
    if (path.empty()) return;
    const auto known = std::ranges::find(kept, path, &KeptCheckpoint::path);
    if (known == kept.end()) {
      kept.push_back({.path = path,
                      .score = score,
                      .best = path == best_path_,
                      .last = path == last_saved_ || path == last_path_});
    }
  };
  for (const auto& [path, score] : best_k_) add(path, score);
  add(best_path_, best_score_);
  add(last_path_, current_score_);
  return kept;
}

State ModelCheckpoint::settings() const {
  return State::map(
      {{"monitor", options_.monitor ? State(*options_.monitor) : State()},
       {"mode", std::string(to_string(options_.mode))},
       {"save_last", options_.save_last.on()},
       {"save_top_k", options_.save_top_k},
       {"save_weights_only", options_.save_weights_only},
       {"every_n_train_steps", every_n_train_steps_},
       {"every_n_epochs", every_n_epochs_}});
}

// -- state -------------------------------------------------------------------

State ModelCheckpoint::state() const {
  State best_k = State::map();
  for (const auto& [path, score] : best_k_) {
    best_k[path.string()] = score_state(score);
  }
  const double unset = options_.mode == Mode::kMin ? kInf : -kInf;
  return State::map(
      {{"monitor", options_.monitor ? State(*options_.monitor) : State()},
       {"best_model_score", score_state(best_score_)},
       {"best_model_path", best_path_.string()},
       {"current_score", score_state(current_score_)},
       {"dirpath", dirpath_.string()},
       {"best_k_models", std::move(best_k)},
       {"kth_best_model_path", kth_path_.string()},
       {"kth_value", score_state(kth_value_.value_or(unset))},
       {"last_model_path", last_path_.string()},
       {"last_step_saved", last_step_saved_},
       {"last_saved", last_saved_.string()},
       {"deferred", deferred_}});
}

void ModelCheckpoint::load_state(const State& state) {
  best_path_ = state.at("best_model_path").as_string();
  const State& saved = state.at("dirpath");
  if (saved.is_none() || saved.as_string() != dirpath_.string()) {
    log_warning("[ModelCheckpoint] the folder is " + dirpath_.string() +
                ", and was " + saved.to_string() +
                "; of the files there only the best is remembered");
    return;
  }
  best_score_ = score_of(state.at("best_model_score"));
  current_score_ = score_of(state.at("current_score"));
  best_k_.clear();
  for (const auto& [key, score] : state.at("best_k_models").entries()) {
    best_k_.emplace_back(std::get<std::string>(key), score.as_double());
  }
  // The settings may keep fewer than they did.
  while (options_.save_top_k > 0 &&
         static_cast<int64_t>(best_k_.size()) > options_.save_top_k) {
    best_k_.erase(worst());
  }
  find_worst();
  last_path_ = state.at("last_model_path").as_string();
  // Lightning's files don't have these.
  if (const State* step = state.find("last_step_saved")) {
    last_step_saved_ = step->as_int();
    last_saved_ = state.at("last_saved").as_string();
    deferred_ = state.at("deferred").as_bool();
  }
}

std::string ModelCheckpoint::state_key() const {
  return "ModelCheckpoint{'monitor': " +
         (options_.monitor ? "'" + *options_.monitor + "'"
                           : std::string("None")) +
         ", 'mode': '" + std::string(to_string(options_.mode)) +
         "', 'every_n_train_steps': " + std::to_string(every_n_train_steps_) +
         ", 'every_n_epochs': " + std::to_string(every_n_epochs_) +
         ", 'train_time_interval': " +
         interval_text(options_.train_time_interval) + "}";
}

}  // namespace bolt
