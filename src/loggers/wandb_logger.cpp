#include <ATen/ATen.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/files.h>
#include <torchbolt/core/log.h>
#include <torchbolt/data/table.h>
#include <torchbolt/loggers/wandb_logger.h>
#include <torchbolt/trainer/checkpoint_callback.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <map>
#include <system_error>
#include <typeinfo>
#include <utility>
#include <variant>
#include <vector>

#include "distributed/rank_zero.h"
#include "loggers/log_queue.h"
#include "loggers/path_lock.h"
#include "loggers/pending_tensor.h"
#include "loggers/wandb/run_writer.h"
#include "loggers/wandb/settings.h"
#include "loggers/wandb/uploader.h"

namespace bolt {
namespace {

namespace wandb = detail::wandb;

constexpr const char* kWho = "WandbLogger";

wandb::Time now() { return std::chrono::system_clock::now(); }

// Of its own memory: the caller's may change before it is written.
Table on_cpu(const Table& table) {
  std::vector<Table::Column> columns = table.columns();
  for (Table::Column& column : columns) {
    if (auto* numbers = std::get_if<at::Tensor>(&column.values)) {
      *numbers = numbers->detach().to(at::kCPU, numbers->scalar_type(),
                                      /*non_blocking=*/false, /*copy=*/true);
    }
  }
  return Table(std::move(columns));
}

void say(const std::string& text) {
  log_info("[" + std::string(kWho) + "] " + text);
}

}  // namespace

struct WandbLogger::Impl {
  explicit Impl(WandbLoggerOptions given)
      : options(std::move(given)), settings(wandb::settings_of(options)) {
    id = settings.id.value_or(wandb::random_id());
  }

  // The place of a run that is gone on with.
  struct Place {
    wandb::RunDir dir{};
    int64_t step = 0;
    int32_t runtime = 0;
  };

  bool disabled() const {
    return !of_rank_zero || settings.mode == wandb::Mode::kDisabled;
  }
  std::filesystem::path dir() const {
    return std::filesystem::absolute(expand_user(settings.dir.value_or(root)));
  }

  void start();
  bool can_upload() const;
  void begin(bool online);
  void go_on(Place place);
  void use(std::shared_ptr<wandb::RunWriter> with);
  wandb::RunInfo run_info() const;
  void check_resume(bool known) const;
  void choose_id();
  static std::optional<wandb::LogEnd> read_earlier(
      const std::filesystem::path& log, bool repairs);
  std::size_t bring_to_disk();
  void finish();
  void look_at(const CheckpointCallback& callback);
  void upload_models();

  // Something for the writer, that may be lost when it can't keep up.
  template <class Job>
  void offer(std::size_t bytes, Job job) {
    start();
    if (disabled()) return;
    queue->offer(bytes, [to = writer, job = std::move(job)] { job(*to); });
  }
  template <class Job>
  void post(Job job) {
    start();
    if (disabled()) return;
    queue->post([to = writer, job = std::move(job)] { job(*to); });
  }

  WandbLoggerOptions options;
  wandb::Settings settings;
  const bool of_rank_zero = detail::is_rank_zero();
  std::string id;
  std::filesystem::path root{"."};
  std::optional<Place> place{};
  std::shared_ptr<wandb::RunWriter> writer{};
  std::unique_ptr<detail::LogQueue> queue{};
  std::unique_ptr<wandb::Uploader> uploader{};
  pid_t process = 0;
  bool began = false;  // a run of this id, here
  int32_t exit_code = 0;

  // Checkpoints, as they were when one was written last, and those that are
  // uploaded, by their time.
  std::vector<KeptCheckpoint> kept{};
  State about_them{};
  std::map<std::filesystem::path, std::filesystem::file_time_type> uploaded{};
};

// -- beginning and end -------------------------------------------------------

void WandbLogger::Impl::check_resume(bool known) const {
  if (began) return;
  if (settings.resume == wandb::Resume::kNever && known) {
    throw ConfigError({.where = kWho,
                       .what = "the run is there already",
                       .got = "WANDB_RESUME=never, id " + id,
                       .tip = "another id, or WANDB_RESUME=allow"});
  }
  if (settings.resume == wandb::Resume::kMust && !known) {
    throw ConfigError(
        {.where = kWho,
         .what = "the run to go on with isn't there",
         .got = "WANDB_RESUME=must, id " + id,
         .expected = "its folder in " + wandb::wandb_dir(dir()).string()});
  }
}

// How a log ends that is there already; none when it is no log, which a full
// disk or a kill leaves.
std::optional<wandb::LogEnd> WandbLogger::Impl::read_earlier(
    const std::filesystem::path& log, bool repairs) {
  try {
    if (repairs) wandb::repair(log);
    return wandb::read_log(log);
  } catch (const Error& error) {
    log_warning("[" + std::string(kWho) +
                "] an earlier log is left aside: " + error.what());
    return std::nullopt;
  }
}

// WANDB_RESUME=auto: the last run, when it didn't end.
void WandbLogger::Impl::choose_id() {
  if (settings.resume != wandb::Resume::kAuto || settings.id) return;
  const auto latest = wandb::latest_run(dir());
  std::error_code error;
  if (!latest || !std::filesystem::exists(latest->log(), error)) return;
  const auto end = read_earlier(latest->log(), false);
  if (end && !end->finished) id = latest->id;
}

bool WandbLogger::Impl::can_upload() const {
  if (settings.mode != wandb::Mode::kOnline) return false;
  std::string why = wandb::missing_key();
  if (why.empty() && wandb::find_program(options.command).empty()) {
    why = "there is no program \"" + options.command + "\" (pip install wandb)";
  }
  if (why.empty()) return true;
  log_warning("[" + std::string(kWho) +
              "] the run is recorded and not uploaded: " + why);
  return false;
}

void WandbLogger::Impl::start() {
  if (disabled() || writer != nullptr) return;
  const bool online = can_upload();
  if (place) {
    go_on(*std::exchange(place, std::nullopt));
  } else {
    begin(online);
  }
  if (online) {
    uploader = std::make_unique<wandb::Uploader>(
        wandb::find_program(options.command), writer->dir());
  }
}

wandb::RunInfo WandbLogger::Impl::run_info() const {
  return {.id = id,
          .entity = settings.entity,
          .project = settings.project,
          .name = settings.name,
          .group = settings.group,
          .job_type = settings.job_type,
          .notes = settings.notes,
          .tags = settings.tags,
          .git = settings.git,
          .start = now()};
}

// A new log: of a new run, or one more of a run that is there.
void WandbLogger::Impl::begin(bool online) {
  choose_id();
  const auto earlier = wandb::runs_of(dir(), id);
  check_resume(!earlier.empty());
  wandb::RunInfo run = run_info();
  for (const wandb::RunDir& before : earlier) {
    const auto end = read_earlier(before.log(), true);
    if (!end) continue;
    run.starting_step = std::max(run.starting_step, end->last_step + 1);
    run.resumed = true;
  }
  began = true;
  const auto made = wandb::make_run_dir(dir(), id, !online, run.start);
  run.host = wandb::environment_now(run, {}).host;
  use(std::make_shared<wandb::RunWriter>(
      made, run, run.starting_step,
      [log = made.log(), run] {
        return std::make_unique<wandb::RunLog>(
            log, run, wandb::environment_now(run, wandb::secrets()));
      },
      options.prefix));
  writer->open();
}

// The log of before, without what was logged behind the checkpoint. That goes
// when there is something to write, and not before: until then the run may yet
// fail.
void WandbLogger::Impl::go_on(Place from) {
  wandb::RunInfo run = run_info();
  run.runtime = from.runtime;
  use(std::make_shared<wandb::RunWriter>(
      from.dir, run, from.step,
      [from, run] {
        const auto end = wandb::read_log(from.dir.log(), from.step);
        return std::make_unique<wandb::RunLog>(from.dir.log(), run, end.size,
                                               end.records, from.step);
      },
      options.prefix));
}

void WandbLogger::Impl::use(std::shared_ptr<wandb::RunWriter> with) {
  queue = std::make_unique<detail::LogQueue>(
      with, detail::LogQueueOptions{.who = kWho, .strict = options.strict});
  writer = std::move(with);
  process = ::getpid();
}

// How many records can't be written.
std::size_t WandbLogger::Impl::bring_to_disk() {
  queue->flush();
  const auto left = std::make_shared<std::size_t>(0);
  queue->post([to = writer, left] {
    *left = to->unwritten();
    if (*left == 0) to->sync();
  });
  return queue->finish() ? *left : 0;
}

void WandbLogger::Impl::finish() {
  if (writer == nullptr) return;
  if (process != ::getpid()) {
    // A process that was forked off has neither their threads nor the run.
    static_cast<void>(queue.release());
    static_cast<void>(uploader.release());
    writer.reset();
    return;
  }
  const int32_t code =
      std::uncaught_exceptions() > 0 ? std::max(exit_code, 1) : exit_code;
  std::exception_ptr error;
  const auto attempt = [&](const auto& call) {
    try {
      call();
    } catch (...) {
      if (error == nullptr) error = std::current_exception();
    }
  };
  // A strict queue's error comes out once; the end is to be written all the
  // same.
  attempt([&] { queue->flush(); });
  attempt([&] { queue->post([to = writer, code] { to->exit(code); }); });
  std::size_t left = 0;
  attempt([&] { left = bring_to_disk(); });
  const wandb::RunDir& dir = writer->dir();
  if (left > 0) {
    log_message(LogLevel::kError, "[" + std::string(kWho) + "] " +
                                      std::to_string(left) + " records of " +
                                      dir.log().string() +
                                      " are not written: see above");
  }
  if (uploader == nullptr) {
    say("the run is recorded; to upload it: " + wandb::sync_command(dir));
  } else if (!uploader->finish(options.finish_timeout)) {
    log_warning("[" + std::string(kWho) +
                "] the run is recorded, and not all of it uploaded (see " +
                (dir.logs() / "upload.log").string() +
                "); to upload it: " + wandb::sync_command(dir));
  }
  if (uploader != nullptr && dir.was_sent_whole()) {
    // Copies, which the tool may leave or not.
    std::error_code ignored;
    std::filesystem::remove_all(dir.artifacts(), ignored);
  }
  uploader.reset();
  queue.reset();
  writer.reset();
  if (error != nullptr) std::rethrow_exception(error);
}

// -- checkpoints -------------------------------------------------------------

void WandbLogger::Impl::look_at(const CheckpointCallback& callback) {
  kept = callback.kept_checkpoints();
  about_them = State::map({{type_name(typeid(callback)), callback.settings()}});
}

// Those that are there and weren't uploaded as they are now.
void WandbLogger::Impl::upload_models() {
  for (const KeptCheckpoint& checkpoint : kept) {
    std::error_code error;
    const auto time = std::filesystem::last_write_time(checkpoint.path, error);
    const auto known = uploaded.find(checkpoint.path);
    if (error || (known != uploaded.end() && known->second == time)) continue;
    auto model = std::make_shared<wandb::Model>(wandb::Model{
        .file = wandb::OpenFile(checkpoint.path),
        .name = options.checkpoint_name.empty() ? "model-" + id
                                                : options.checkpoint_name,
        .metadata = about_them,
        .aliases = {"latest"}});
    if (!model->file.is_open()) continue;
    if (checkpoint.best) model->aliases.emplace_back("best");
    model->metadata["original_filename"] = checkpoint.path.filename().string();
    if (checkpoint.score) model->metadata["score"] = *checkpoint.score;
    uploaded[checkpoint.path] = time;
    post([model](wandb::RunWriter& to) { to.model(*model); });
  }
}

// -- the logger --------------------------------------------------------------

WandbLogger::WandbLogger(WandbLoggerOptions options)
    : impl_(std::make_unique<Impl>(std::move(options))) {}

WandbLogger::WandbLogger(const WandbLogger& other)
    : WandbLogger(other.impl_->options) {
  impl_->root = other.impl_->root;
}

WandbLogger::~WandbLogger() {
  try {
    finish();
  } catch (const std::exception& error) {
    log_message(LogLevel::kError,
                "[" + std::string(kWho) + "] " + error.what());
  }
}

std::string WandbLogger::name() const { return impl_->settings.project; }
std::string WandbLogger::version() const { return impl_->id; }

std::optional<std::filesystem::path> WandbLogger::save_dir() const {
  return impl_->dir();
}

std::optional<std::filesystem::path> WandbLogger::log_dir() const {
  return impl_->dir() / name() / version();
}

std::filesystem::path WandbLogger::log_path() const {
  return impl_->writer == nullptr ? std::filesystem::path()
                                  : impl_->writer->dir().log();
}

void WandbLogger::set_default_root(const std::filesystem::path& root) {
  impl_->root = root;
}

void WandbLogger::start() { impl_->start(); }

void WandbLogger::log_metrics(const MetricMap& metrics, int64_t step) {
  impl_->start();
  if (!impl_->disabled()) impl_->queue->add(metrics, step);
}

void WandbLogger::log_histogram(std::string_view name,
                                const Histogram& histogram, int64_t step) {
  impl_->offer(histogram.counts.size() * 16,
               [name = std::string(name), histogram, step,
                time = detail::wall_time_now()](wandb::RunWriter& to) {
                 to.histogram(name, histogram, step, time);
               });
}

void WandbLogger::log_image(std::string_view name, const at::Tensor& image,
                            int64_t step) {
  const detail::PendingTensor pending(image);
  impl_->offer(pending.nbytes(),
               [name = std::string(name), pending, step,
                time = detail::wall_time_now()](wandb::RunWriter& to) {
                 to.images(name, pending.read(), step, time);
               });
}

void WandbLogger::log_figure(std::string_view name, const Figure& figure,
                             int64_t step) {
  impl_->offer(
      figure.bytes.size(),
      [name = std::string(name), figure, step, time = detail::wall_time_now()](
          wandb::RunWriter& to) { to.figure(name, figure, step, time); });
}

void WandbLogger::log_text(std::string_view name, std::string_view text,
                           int64_t step) {
  impl_->offer(text.size(),
               [name = std::string(name), text = std::string(text), step,
                time = detail::wall_time_now()](wandb::RunWriter& to) {
                 to.text(name, text, step, time);
               });
}

void WandbLogger::log_table(std::string_view name, const Table& table,
                            int64_t step) {
  const auto cells =
      static_cast<std::size_t>(table.rows()) * table.columns().size();
  impl_->offer(cells * 8,
               [name = std::string(name), table = on_cpu(table), step,
                time = detail::wall_time_now()](wandb::RunWriter& to) {
                 to.table(name, table, step, time);
               });
}

void WandbLogger::log_hyperparams(const State& params) {
  impl_->post(
      [params = params.clone()](wandb::RunWriter& to) { to.config(params); });
}

void WandbLogger::log_output(std::string_view text, bool error) {
  impl_->offer(
      text.size(),
      [text = std::string(text), error, time = detail::wall_time_now()](
          wandb::RunWriter& to) { to.output(text, error, time); });
}

State WandbLogger::state() const {
  const Impl& own = *impl_;
  if (own.writer == nullptr) return {};
  own.queue->flush();
  const auto runtime =
      std::chrono::floor<std::chrono::seconds>(now() - own.writer->run().start);
  return State::map({{"save_dir", own.dir().string()},
                     {"id", own.id},
                     {"folder", own.writer->dir().path.filename().string()},
                     {"step", own.writer->next_step()},
                     {"runtime", own.writer->run().runtime + runtime.count()}});
}

bool WandbLogger::resume(const State& state) {
  Impl& own = *impl_;
  const std::string& id = state.at("id").as_string();
  const bool same = state.at("save_dir").as_string() == own.dir().string() &&
                    own.settings.id.value_or(id) == id &&
                    own.settings.resume != wandb::Resume::kNever;
  if (!same || own.disabled()) return false;
  const wandb::RunDir dir{
      .path = wandb::wandb_dir(own.dir()) / state.at("folder").as_string(),
      .id = id};
  std::error_code error;
  if (!std::filesystem::exists(dir.log(), error)) return false;
  if (own.writer != nullptr) finish();
  if (!detail::PathLock(dir.log()).is_held()) {
    log_warning("[" + std::string(kWho) + "] another process writes to " +
                dir.log().string() + ", so this run doesn't go on there");
    return false;
  }
  own.id = id;
  if (dir.was_sent()) return true;  // start() begins one more log of the run
  own.place = Impl::Place{
      .dir = dir,
      .step = state.at("step").as_int(),
      .runtime = static_cast<int32_t>(state.at("runtime").as_int())};
  return true;
}

void WandbLogger::after_save_checkpoint(const CheckpointCallback& callback) {
  const LogModel& model = impl_->options.log_model;
  if (!model.on()) return;
  impl_->look_at(callback);
  if (model.is_all() || callback.most_kept() == -1) impl_->upload_models();
}

void WandbLogger::save() {}

void WandbLogger::flush() {
  if (impl_->queue != nullptr) impl_->queue->flush();
}

void WandbLogger::finalize(LoggerStatus status) {
  impl_->exit_code = status == LoggerStatus::kFailed ? 1 : 0;
  if (impl_->writer == nullptr) return;
  if (status == LoggerStatus::kSuccess) impl_->upload_models();
  impl_->bring_to_disk();
}

void WandbLogger::finish() { impl_->finish(); }

}  // namespace bolt
