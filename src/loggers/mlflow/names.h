#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace bolt::detail {

/// What MLflow 3.17 takes at most (mlflow/utils/validation.py), in code points.
inline constexpr std::size_t kMlflowKeyLength = 250;
inline constexpr std::size_t kMlflowParamLength = 6000;
inline constexpr std::size_t kMlflowTagLength = 8000;

/// The name nearest to `name` that MLflow takes for a metric, a param or a tag:
/// of letters, digits and "_-. :/"; a path without "//", "." and ".."; not too
/// long. What isn't taken is left out, as Lightning does.
std::string mlflow_key(std::string_view name);

/// A name as part of an artifact's path, for which servers' disks have less
/// room.
std::string mlflow_path(std::string_view name);

/// An artifact's path as the server keeps it: "#" it refuses, "?", "%20" and
/// control characters it or its clients read another way. Each such character
/// becomes "_".
std::string mlflow_artifact_path(std::string_view path);

/// At most `length` code points of a text, and what is no UTF-8 as U+FFFD.
std::string mlflow_value(std::string_view text, std::size_t length);

}  // namespace bolt::detail
