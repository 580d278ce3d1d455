#pragma once

#include <torchbolt/core/log.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace bolt::testing {

/// Keeps the library's messages for as long as it lives.
class LogCapture {
 public:
  LogCapture()
      : sink_(std::make_shared<Sink>()), before_(set_log_sink(sink_)) {}
  ~LogCapture() { set_log_sink(before_); }
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;

  /// How many messages hold this text.
  int count(const std::string& text) const {
    const std::scoped_lock lock(sink_->mutex);
    int n = 0;
    for (const auto& line : sink_->lines) {
      n += line.find(text) != std::string::npos ? 1 : 0;
    }
    return n;
  }

 private:
  struct Sink final : LogSink {
    void write(LogLevel, std::string_view message) override {
      const std::scoped_lock lock(mutex);
      lines.emplace_back(message);
    }
    std::mutex mutex{};
    std::vector<std::string> lines{};
  };

  std::shared_ptr<Sink> sink_;
  std::shared_ptr<LogSink> before_;
};

}  // namespace bolt::testing
