#pragma once

#include <csignal>

namespace bolt::detail {

/// Whether this is the handler by which a hidden cursor is shown again: it acts
/// as the default does, and no program has asked for it.
bool shows_cursor_alone(const struct sigaction& action);

}  // namespace bolt::detail
