#pragma once

#include <cstdlib>
#include <string>

namespace bolt::detail {

/// The environment variable of this name; empty where it isn't set.
inline std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : "";
}

}  // namespace bolt::detail
