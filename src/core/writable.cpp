#include "core/writable.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <system_error>

#include "core/file_error.h"

namespace bolt::detail {

void check_writable_folder(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::path there = std::filesystem::absolute(path, error);
  while (!std::filesystem::exists(there, error) && there.has_parent_path() &&
         there.parent_path() != there) {
    there = there.parent_path();
  }
  // mkdtemp puts a name that is free in place of the X.
  std::string probe = (there / ".torchbolt-XXXXXX").string();
  if (::mkdtemp(probe.data()) != nullptr) {
    ::rmdir(probe.c_str());
    return;
  }
  // A disk that is full may have room by the time that something is written.
  const int failed = errno;
  if (failed == ENOSPC || failed == EDQUOT) return;
  fail_with("nothing can be written to", path, failed);
}

}  // namespace bolt::detail
