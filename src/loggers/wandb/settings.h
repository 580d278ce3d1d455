#pragma once

#include <torchbolt/loggers/wandb_logger.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "loggers/run_source.h"

namespace bolt::detail::wandb {

enum class Mode { kOnline, kOffline, kDisabled };
enum class Resume { kAllow, kNever, kMust, kAuto };

/// What the options say, and where they don't, W&B's environment variables.
struct Settings {
  Mode mode = Mode::kOnline;
  Resume resume = Resume::kAllow;
  /// None: the Trainer's.
  std::optional<std::filesystem::path> dir{};
  /// None: a new one.
  std::optional<std::string> id{};
  std::string project{};
  std::string entity{};
  std::string name{};
  std::string group{};
  std::string job_type{};
  std::string notes{};
  std::vector<std::string> tags{};
  GitSource git{};
};

/// Throws ConfigError for a value that isn't one.
Settings settings_of(const WandbLoggerOptions& options);

/// A random id of a run: 8 digits of 0-9a-z, or as many as are asked for.
std::string random_id(std::size_t digits = 8);

/// Why nothing can be uploaded, as a sentence for a person; empty when W&B's
/// tool will find a key, or may. Never tells any of it.
std::string missing_key();

/// Texts that must get into no file: the values of environment variables that
/// hold keys.
std::vector<std::string> secrets();
/// The text with "***" for each of them.
std::string without(const std::vector<std::string>& secrets, std::string text);
/// A command's arguments, with "***" for what looks like a secret by its name
/// (--api-key=…, --password …) as well.
std::vector<std::string> harmless(const std::vector<std::string>& args,
                                  const std::vector<std::string>& secrets);

}  // namespace bolt::detail::wandb
