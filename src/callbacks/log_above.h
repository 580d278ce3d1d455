#pragma once

#include <torchbolt/core/log.h>
#include <torchbolt/ui/screen.h>

#include <memory>

namespace bolt {

/// For as long as it lives, the library's log lines go above a screen's lines.
class LogAbove {
 public:
  explicit LogAbove(const std::shared_ptr<ui::Screen>& screen);
  ~LogAbove();
  LogAbove(const LogAbove&) = delete;
  LogAbove& operator=(const LogAbove&) = delete;

 private:
  class Sink;
  std::shared_ptr<Sink> sink_;
  std::shared_ptr<LogSink> before_;
};

}  // namespace bolt
