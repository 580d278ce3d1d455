#include "callbacks/checkpoint_files.h"

#include <torchbolt/core/files.h>

#include <system_error>

namespace bolt::detail {

namespace fs = std::filesystem;

fs::path absolute_folder(const fs::path& folder) {
  std::error_code error;
  const fs::path absolute = fs::absolute(expand_user(folder), error);
  fs::path real = fs::weakly_canonical(absolute, error);
  if (error) real = absolute.lexically_normal();
  // Without a separator at its end.
  return real.has_filename() ? real : real.parent_path();
}

}  // namespace bolt::detail
