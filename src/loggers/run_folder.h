#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <variant>

namespace bolt::detail {

/// Where a run's files go: save_dir/name/version. Used by one thread.
class RunFolder {
 public:
  using Version = std::optional<std::variant<int64_t, std::string>>;

  /// `save_dir` none: the Trainer's default root. `name` empty leaves that
  /// level out. `version` a number n: "version_n"; text: as it is; none: the
  /// next free number. A leading `~` is the user's home, and where
  /// `expands_variables`, `$NAME` and `${NAME}` stand for variables of the
  /// environment that are set.
  RunFolder(std::optional<std::filesystem::path> save_dir, std::string name,
            Version version, bool expands_variables = false);

  void set_default_root(const std::filesystem::path& root) { root_ = root; }

  const std::string& name() const { return name_; }
  std::filesystem::path save_dir() const;
  /// Once it is asked for, or claimed, it stays.
  std::string version() const;
  /// Whether a version was given.
  bool is_fixed() const { return given_.has_value(); }
  std::filesystem::path path() const;

  /// Makes the folder, with a number that nobody else has where none was given.
  /// Returns whether it was there with something in it. Throws Error naming it.
  bool claim();
  /// Goes back to a version of before.
  void use(const std::string& version) { version_ = version; }

 private:
  std::filesystem::path experiment_dir() const;
  int64_t next_number() const;

  std::optional<std::filesystem::path> save_dir_;
  std::string name_;
  Version given_;
  bool expands_variables_;
  std::filesystem::path root_{};
  mutable std::optional<std::string> version_{};
};

}  // namespace bolt::detail
