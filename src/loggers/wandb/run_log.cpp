#include "loggers/wandb/run_log.h"

#include <sys/utsname.h>
#include <torchbolt/core/error.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <iterator>
#include <thread>
#include <utility>

#include "loggers/jsonl/json_text.h"
#include "loggers/run_source.h"
#include "loggers/wandb/extended_json.h"
#include "loggers/wandb/log_format.h"
#include "loggers/wandb/run_dir.h"
#include "loggers/wandb/settings.h"

namespace bolt::detail::wandb {
namespace {

constexpr uint64_t kMostPending = uint64_t{256} << 10;

// The name by which W&B knows a value: its keys, with points between them.
std::string metric_name(const Item& item) {
  std::string name = item.key.front();
  for (std::size_t k = 1; k < item.key.size(); ++k) name += '.' + item.key[k];
  return name;
}

std::vector<std::string> command_line() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> args;
  for (std::string arg; std::getline(file, arg, '\0');) args.push_back(arg);
  return args;
}

uint64_t memory_bytes() {
  const long pages = ::sysconf(_SC_PHYS_PAGES);
  const long size = ::sysconf(_SC_PAGESIZE);
  if (pages <= 0 || size <= 0) return 0;
  return static_cast<uint64_t>(pages) * static_cast<uint64_t>(size);
}

}  // namespace

std::string seconds_json(std::chrono::nanoseconds time) {
  return extended_number(std::chrono::duration<double>(time).count());
}

Environment environment_now(const RunInfo& run,
                            const std::vector<std::string>& secrets) {
  utsname system{};
  ::uname(&system);
  auto args = harmless(command_line(), secrets);
  if (!args.empty()) args.erase(args.begin());
  const std::filesystem::path program = program_path();
  std::string writer = random_id(32);
  for (const std::size_t at : {8U, 13U, 18U, 23U}) writer.insert(at, 1, '-');
  return {.os = std::string(system.sysname) + "-" + system.release + "-" +
                system.machine,
          .host = system.nodename,
          .program = program.filename().string(),
          .executable = program.string(),
          .args = std::move(args),
          .git = run.git,
          .started = run.start,
          .cpus = std::thread::hardware_concurrency(),
          .memory = memory_bytes(),
          .writer_id = std::move(writer)};
}

RunLog::RunLog(const std::filesystem::path& log, const RunInfo& run,
               const Environment& environment)
    : file_(log, 0),
      lock_(log),
      end_(kFileHead.size()),
      run_(run),
      secrets_(secrets()),
      next_step_(run.starting_step) {
  file_.add(kFileHead);
  write(header_message());
  write(run_message(run));
  write(environment_message(environment));
  write(metric_message({.name = kGlobalStep}));
  write(metric_message({.name = "*",
                        .glob = true,
                        .step_metric = kGlobalStep,
                        .step_sync = true}));
  try {
    flush();
  } catch (const Error&) {
    // It waits for room, as what follows does; the next try says what is wrong.
  }
}

RunLog::RunLog(const std::filesystem::path& log, const RunInfo& run,
               uint64_t size, int64_t records, int64_t first_step)
    : file_(log, size),
      lock_(log),
      end_(size),
      run_(run),
      secrets_(secrets()),
      records_(records),
      next_step_(first_step) {}

void RunLog::write(const Message& message) {
  // A batch may be long.
  if (end_ - file_.size() > kMostPending) file_.flush();
  const std::string bytes = framed(end_, record(records_ + 1, message));
  file_.add(bytes);
  end_ += bytes.size();
  ++records_;
}

void RunLog::write_summary() {
  if (!std::exchange(has_summary_, true)) write(summary_message(last_));
}

void RunLog::flush() {
  write_summary();
  file_.flush();
}

void RunLog::sync() {
  flush();
  file_.sync();
}

int32_t RunLog::runtime(Time time) const {
  return run_.runtime +
         static_cast<int32_t>(
             std::chrono::floor<std::chrono::seconds>(time - run_.start)
                 .count());
}

// What "*" means: each metric that comes for the first time.
void RunLog::define(const Items& values) {
  for (const Item& item : values) {
    if (item.key.front().starts_with('_') || item.key.front() == kGlobalStep) {
      continue;
    }
    std::string name = metric_name(item);
    if (defined_.contains(name)) continue;
    write(metric_message({.name = name,
                          .step_metric = kGlobalStep,
                          .step_sync = true,
                          .defined = false}));
    defined_.insert(std::move(name));
  }
}

void RunLog::row(Items values, int64_t step, Time time) {
  values.push_back({{kGlobalStep}, std::to_string(step)});
  values.push_back({{"_timestamp"}, seconds_json(time.time_since_epoch())});
  values.push_back(
      {{"_runtime"},
       seconds_json(std::chrono::seconds(run_.runtime) + (time - run_.start))});
  values.push_back({{"_step"}, std::to_string(next_step_)});
  values.push_back({{"_wandb", "runtime"}, std::to_string(runtime(time))});
  // Most rows have the metrics of the one before, whose summary this one's
  // takes the place of.
  if (!std::ranges::equal(values, last_, {}, &Item::key, &Item::key)) {
    write_summary();
    define(values);
  }
  // All but the last are the row.
  write(history_message({values.data(), values.size() - 1}, next_step_++));
  last_ = std::move(values);
  has_summary_ = false;
}

void RunLog::config(const State& params) {
  Items items;
  for (const auto& [key, value] : params.entries()) {
    const auto* number = std::get_if<int64_t>(&key);
    items.push_back({{number != nullptr ? std::to_string(*number)
                                        : std::get<std::string>(key)},
                     without(secrets_, json_value(value))});
  }
  if (!items.empty()) write(config_message(items));
}

void RunLog::output(std::string_view text, bool error, Time time) {
  write(output_message(without(secrets_, std::string(text)), error, time));
}

void RunLog::file(std::string_view path) { write(file_message(path)); }

void RunLog::artifact(const Artifact& artifact) {
  write(artifact_message(artifact));
}

void RunLog::exit(int32_t code, Time time) {
  write_summary();
  write(exit_message(code, runtime(time)));
}

void repair(const std::filesystem::path& log) {
  const LogEnd end = read_log(log);
  if (end.finished || !PathLock(log).is_held()) return;
  RunLog whole(log, {}, end.size, end.records, end.last_step + 1);
  whole.exit(1, Time());
  whole.sync();
}

}  // namespace bolt::detail::wandb
