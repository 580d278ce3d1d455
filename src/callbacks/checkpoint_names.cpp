#include "callbacks/checkpoint_names.h"

#include <torchbolt/callbacks/model_checkpoint.h>

#include <algorithm>
#include <optional>
#include <system_error>

namespace bolt::detail {

namespace fs = std::filesystem;

std::string CheckpointNames::fill(const std::string& pattern,
                                  const NameValue& value) const {
  const std::string usual = "{epoch}" + options_.join_char + "{step}";
  return fill_name(
      "ModelCheckpoint.filename", pattern.empty() ? usual : pattern, value,
      options_.auto_insert_metric_name ? std::optional(options_.equals_char)
                                       : std::nullopt);
}

std::string CheckpointNames::fill(const std::string& pattern,
                                  const MetricMap& metrics) const {
  return fill(pattern, [&](const std::string& name) -> std::optional<double> {
    const auto found = metrics.find(name);
    if (found == metrics.end()) return std::nullopt;
    return found->second;
  });
}

void CheckpointNames::check() const {
  const NameValue some = [](const std::string&) { return 0.5; };
  fill(options_.filename.value_or(""), some);
  fill(options_.name_last, some);
}

std::string CheckpointNames::file(const MetricMap& metrics) const {
  return fill(options_.filename.value_or(""), metrics);
}

std::string CheckpointNames::last(const MetricMap& metrics) const {
  return fill(options_.name_last, metrics);
}

std::string CheckpointNames::last_prefix() const {
  return options_.name_last.substr(0, options_.name_last.find('{'));
}

fs::path CheckpointNames::path(const fs::path& folder,
                               const std::string& name) const {
  return folder / (name + options_.file_extension);
}

fs::path CheckpointNames::path(const fs::path& folder, const std::string& name,
                               int64_t version) const {
  return path(folder,
              name + options_.join_char + "v" + std::to_string(version));
}

std::vector<fs::path> CheckpointNames::in(const fs::path& folder,
                                          const std::string& prefix) const {
  // No deeper than names go: what else is there may be large.
  const std::string pattern = options_.filename.value_or("");
  const auto deepest = std::max(std::ranges::count(pattern, '/'),
                                std::ranges::count(options_.name_last, '/'));
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::recursive_directory_iterator at(folder, error), end;
       !error && at != end; at.increment(error)) {
    if (at.depth() >= deepest) at.disable_recursion_pending();
    const std::string name =
        at->path().lexically_relative(folder).generic_string();
    if (name.ends_with(options_.file_extension) && name.starts_with(prefix) &&
        !at->is_directory(error)) {
      found.push_back(at->path());
    }
  }
  return found;
}

bool CheckpointNames::is_in(const fs::path& folder,
                            const fs::path& file) const {
  const fs::path inside = file.lexically_normal().lexically_relative(folder);
  return !inside.empty() && inside != "." && *inside.begin() != ".." &&
         file.string().ends_with(options_.file_extension);
}

}  // namespace bolt::detail
