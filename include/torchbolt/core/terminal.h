#pragma once

#include <torchbolt/export.h>

#include <string_view>

namespace bolt {

/// Whether a file descriptor is a terminal that understands cursor movement
/// (not one of TERM=dumb).
TORCHBOLT_API bool is_terminal(int fd);

/// Opens those of the descriptors 0, 1 and 2 that are closed on /dev/null: a
/// file that got such a number would be written into as the error stream.
TORCHBOLT_API void open_standard_streams();

/// Size of a terminal, in characters.
struct TerminalSize {
  int columns = 80;
  int rows = 24;
};

/// Size of the terminal as it is now; 80 × 24 where it doesn't say.
TORCHBOLT_API TerminalSize terminal_size(int fd);
/// Its columns.
TORCHBOLT_API int terminal_width(int fd);

/// Whether to use colour there: a terminal, and NO_COLOR not set.
TORCHBOLT_API bool allows_colour(int fd);

/// Whether the terminal says that it knows all colours: COLORTERM is
/// "truecolor" or "24bit".
TORCHBOLT_API bool allows_true_colour();

/// Whether the user's locale is one of UTF-8: the first of LC_ALL, LC_CTYPE and
/// LANG that is set says so. Else text has to be plain ASCII.
TORCHBOLT_API bool allows_unicode();

}  // namespace bolt
