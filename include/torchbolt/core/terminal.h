#pragma once

#include <string_view>

namespace bolt {

/// Whether a file descriptor is a terminal that understands cursor movement
/// (not one of TERM=dumb).
bool is_terminal(int fd);

/// Size of a terminal, in characters.
struct TerminalSize {
  int columns = 80;
  int rows = 24;
};

/// Size of the terminal as it is now; 80 × 24 where it doesn't say.
TerminalSize terminal_size(int fd);
/// Its columns.
int terminal_width(int fd);

/// Whether to use colour there: a terminal, and NO_COLOR not set.
bool allows_colour(int fd);

/// Whether the user's locale is one of UTF-8: the first of LC_ALL, LC_CTYPE and
/// LANG that is set says so. Else text has to be plain ASCII.
bool allows_unicode();

}  // namespace bolt
