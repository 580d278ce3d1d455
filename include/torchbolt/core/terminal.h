#pragma once

namespace bolt {

/// Whether a file descriptor is a terminal that understands cursor movement.
bool is_terminal(int fd);

/// Opens those of the descriptors 0, 1 and 2 that are closed on /dev/null: a
/// file that got such a number would be written into as the error stream.
void open_standard_streams();

/// Columns of the terminal; 80 when it doesn't say.
int terminal_width(int fd);

/// Whether to use colour there: a terminal, and NO_COLOR not set.
bool allows_colour(int fd);

}  // namespace bolt
