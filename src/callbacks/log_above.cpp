#include "callbacks/log_above.h"

#include <unistd.h>

#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace bolt {
namespace {

// As the default sink writes them.
std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      break;
  }
  return "error";
}

}  // namespace

// Past the screen when that is gone: somebody who took the log over in between
// may still hold this one.
class LogAbove::Sink final : public LogSink {
 public:
  explicit Sink(std::weak_ptr<ui::Screen> screen)
      : screen_(std::move(screen)) {}

  void set_next(std::shared_ptr<LogSink> next) {
    const std::scoped_lock lock(mutex_);
    next_ = std::move(next);
  }
  void write(LogLevel level, std::string_view message) override {
    std::shared_ptr<LogSink> next;
    {
      const std::scoped_lock lock(mutex_);
      next = next_;
    }
    const auto screen = screen_.lock();
    // Nobody is next in the moment in which this one is put in.
    if (next && (screen == nullptr || !next->writes_to_stderr())) {
      next->write(level, message);
      return;
    }
    if (screen == nullptr) return;
    screen->print(STDERR_FILENO,
                  std::string(name_of(level)) + ": " + std::string(message));
  }

 private:
  std::weak_ptr<ui::Screen> screen_;
  std::mutex mutex_{};
  std::shared_ptr<LogSink> next_{};
};

LogAbove::LogAbove(const std::shared_ptr<ui::Screen>& screen)
    : sink_(std::make_shared<Sink>(screen)), before_(set_log_sink(sink_)) {
  sink_->set_next(before_);
}

LogAbove::~LogAbove() {
  auto now = set_log_sink(before_);
  // Not ours any more: it stays as it was.
  if (now != sink_) set_log_sink(std::move(now));
}

}  // namespace bolt
