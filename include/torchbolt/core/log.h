#pragma once

#include <torchbolt/export.h>

#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

namespace bolt {

/// How much a message matters.
enum class LogLevel { kDebug, kInfo, kWarning, kError };

/// Where the library's own messages go. Thread-safe implementations only.
class TORCHBOLT_API LogSink {
 public:
  virtual ~LogSink() = default;
  /// One message, without a line end.
  virtual void write(LogLevel level, std::string_view message) = 0;
  /// Whether its lines, as "level: message", go to the standard error and
  /// nowhere else. A progress bar takes those over, so that they don't tear it.
  virtual bool writes_to_stderr() const { return false; }
};

/// Replaces the sink of this process and gives back the one before. The
/// default one writes to the standard error. Thread-safe.
TORCHBOLT_API std::shared_ptr<LogSink> set_log_sink(
    std::shared_ptr<LogSink> sink);

/// Writes a message to the sink. Thread-safe.
/// @{
TORCHBOLT_API void log_message(LogLevel level, std::string_view message);
TORCHBOLT_API void log_info(std::string_view message);
TORCHBOLT_API void log_warning(std::string_view message);
/// @}

/// Lets each message through once. Its owner's: two Trainers each have one.
class TORCHBOLT_API OnceLog {
 public:
  void info(const std::string& message) { once(LogLevel::kInfo, message); }
  void warning(const std::string& message) {
    once(LogLevel::kWarning, message);
  }

 private:
  void once(LogLevel level, const std::string& message);

  std::mutex mutex_{};
  std::set<std::string> seen_{};
};

}  // namespace bolt
