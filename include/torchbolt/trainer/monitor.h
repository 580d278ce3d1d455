#pragma once

#include <torchbolt/export.h>

#include <optional>
#include <string>
#include <string_view>

namespace bolt {

class Trainer;

/// The metric that a callback monitors. Where it isn't there: with `strict`
/// throws ConfigError that names those that are, else returns none (and warns
/// when `verbose`).
TORCHBOLT_API std::optional<double> monitored_metric(const Trainer& trainer,
                                                     std::string_view who,
                                                     const std::string& monitor,
                                                     bool strict, bool verbose);

}  // namespace bolt
