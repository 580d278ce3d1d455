#pragma once

#include <torchbolt/core/error.h>

#include <filesystem>
#include <string>
#include <system_error>

namespace bolt::detail {

/// Throws the Error that says what the system can't do with a path; `error` is
/// its errno.
[[noreturn]] inline void fail_with(const std::string& what,
                                   const std::filesystem::path& path,
                                   int error) {
  throw Error({.where = path.string(),
               .what = what + ": " + std::generic_category().message(error)});
}

}  // namespace bolt::detail
