#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace bolt::detail {

/// What a server refuses for good: lines of "mlflow_rejected.jsonl" beside the
/// journal. The first one is said in the log.
class MlflowRejects {
 public:
  explicit MlflowRejects(const std::filesystem::path& folder)
      : path_(folder / "mlflow_rejected.jsonl") {}

  /// `entry` is JSON, `message` the server's.
  void note(std::string_view entry, const std::string& message);
  int64_t count() const { return count_; }

 private:
  std::filesystem::path path_;
  int64_t count_ = 0;
};

}  // namespace bolt::detail
