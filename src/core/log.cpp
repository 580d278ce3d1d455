#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <torchbolt/core/log.h>

#include <utility>

namespace bolt {
namespace {

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

class StderrSink final : public LogSink {
 public:
  StderrSink()
      : logger_("torchbolt",
                std::make_shared<spdlog::sinks::stderr_sink_mt>()) {
    logger_.set_pattern("%l: %v");
    logger_.set_level(spdlog::level::debug);
  }
  void write(LogLevel level, std::string_view message) override {
    logger_.log(spdlog_level(level), "{}", message);
  }
  bool writes_to_stderr() const override { return true; }

 private:
  spdlog::logger logger_;
};

struct Current {
  std::mutex mutex{};
  std::shared_ptr<LogSink> sink = std::make_shared<StderrSink>();
};

// Never destroyed: threads may still write while the process ends.
Current& current() {
  static Current& instance = *new Current();
  return instance;
}

}  // namespace

std::shared_ptr<LogSink> set_log_sink(std::shared_ptr<LogSink> sink) {
  if (!sink) sink = std::make_shared<StderrSink>();
  const std::scoped_lock lock(current().mutex);
  return std::exchange(current().sink, std::move(sink));
}

void log_message(LogLevel level, std::string_view message) {
  std::shared_ptr<LogSink> sink;
  {
    const std::scoped_lock lock(current().mutex);
    sink = current().sink;
  }
  sink->write(level, message);
}

void log_info(std::string_view message) {
  log_message(LogLevel::kInfo, message);
}

void log_warning(std::string_view message) {
  log_message(LogLevel::kWarning, message);
}

void OnceLog::once(LogLevel level, const std::string& message) {
  {
    const std::scoped_lock lock(mutex_);
    if (!seen_.insert(message).second) return;
  }
  log_message(level, message);
}

}  // namespace bolt
