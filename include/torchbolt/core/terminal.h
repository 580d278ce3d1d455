#pragma once

#include <torchbolt/export.h>

namespace bolt {

/// Whether a file descriptor is a terminal that understands cursor movement.
TORCHBOLT_API bool is_terminal(int fd);

/// Opens those of the descriptors 0, 1 and 2 that are closed on /dev/null: a
/// file that got such a number would be written into as the error stream.
TORCHBOLT_API void open_standard_streams();

/// Columns of the terminal; 80 when it doesn't say.
TORCHBOLT_API int terminal_width(int fd);

/// Whether to use colour there: a terminal, and NO_COLOR not set.
TORCHBOLT_API bool allows_colour(int fd);

}  // namespace bolt
