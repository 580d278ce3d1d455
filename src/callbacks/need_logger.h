#pragma once

#include <string_view>

namespace bolt {

class Trainer;

/// Throws ConfigError, of the callback `who`, when there is no logger that it
/// could send to.
void need_logger(const Trainer& trainer, std::string_view who);

}  // namespace bolt
