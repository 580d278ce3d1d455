#include "callbacks/checkpoint_files.h"

#include <torchbolt/core/error.h>
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

void link_checkpoint(const fs::path& target, const fs::path& link) {
  if (target == link) return;
  const fs::path next = link.string() + ".next";
  std::error_code error;
  fs::remove(next, error);
  fs::create_symlink(target.lexically_relative(link.parent_path()), next,
                     error);
  if (error) {
    fs::copy_file(target, next, fs::copy_options::overwrite_existing, error);
  }
  if (!error) fs::rename(next, link, error);
  if (!error) return;
  throw Error({.where = link.string(),
               .what = "the link to " + target.string() +
                       " can't be made: " + error.message()});
}

}  // namespace bolt::detail
