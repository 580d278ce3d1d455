#pragma once

#include <torchbolt/trainer/log_options.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/name_template.h"

namespace bolt {
struct ModelCheckpointOptions;
}

namespace bolt::detail {

/// How a ModelCheckpoint's files are called, and which files in a folder may be
/// its own.
class CheckpointNames {
 public:
  explicit CheckpointNames(const ModelCheckpointOptions& options)
      : options_(options) {}

  /// Throws ConfigError for a pattern that can't be filled, whatever the
  /// metrics.
  void check() const;
  /// A file's name, and that of the last, for these metrics, without version
  /// and extension. Throws ConfigError for a pattern that doesn't fit.
  std::string file(const MetricMap& metrics) const;
  std::string last(const MetricMap& metrics) const;
  /// What that of the last begins with, whatever the metrics.
  std::string last_prefix() const;

  std::filesystem::path path(const std::filesystem::path& folder,
                             const std::string& name) const;
  std::filesystem::path path(const std::filesystem::path& folder,
                             const std::string& name, int64_t version) const;

  /// Those of a folder whose names begin so, in the folders that names make,
  /// too.
  std::vector<std::filesystem::path> in(const std::filesystem::path& folder,
                                        const std::string& prefix) const;
  /// Whether a path is a checkpoint somewhere in that folder.
  bool is_in(const std::filesystem::path& folder,
             const std::filesystem::path& file) const;

 private:
  std::string fill(const std::string& pattern, const NameValue& value) const;
  std::string fill(const std::string& pattern, const MetricMap& metrics) const;

  const ModelCheckpointOptions& options_;
};

}  // namespace bolt::detail
