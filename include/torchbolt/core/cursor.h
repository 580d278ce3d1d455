#pragma once

#include <torchbolt/export.h>

#include <string_view>

namespace bolt {

/// Keeps the cursor of a terminal hidden for as long as it lives. It is shown
/// again, and what stands below it cleared, by the destructor, when the process
/// exits, is stopped (Ctrl-Z), or dies of a signal that nobody else handles.
/// Only SIGKILL leaves it hidden. One object at a time does so; a second one
/// hides nothing. Thread-safe.
class TORCHBOLT_API HiddenCursor {
 public:
  explicit HiddenCursor(int fd);
  ~HiddenCursor();
  HiddenCursor(const HiddenCursor&) = delete;
  HiddenCursor& operator=(const HiddenCursor&) = delete;

  /// What to write in front of the next text so that the cursor is hidden;
  /// empty when it is already.
  std::string_view hide();

 private:
  bool mine_ = false;
};

/// Shows the cursor if a HiddenCursor has hidden it, and clears what stands
/// below. Safe in a signal handler.
TORCHBOLT_API void show_cursor() noexcept;

}  // namespace bolt
