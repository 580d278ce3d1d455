#include <torchbolt/checkpoint/checkpoint_io.h>
#include <torchbolt/core/error.h>

#include <system_error>

namespace bolt {

namespace fs = std::filesystem;

// Here, so that its table is in one library.
CheckpointIO::~CheckpointIO() = default;

void CheckpointIO::link_checkpoint(const fs::path& target,
                                   const fs::path& link) {
  std::error_code error;
  if (target == link || !fs::exists(target, error)) return;
  const fs::path next = link.string() + ".next";
  fs::remove(next, error);
  fs::create_symlink(target.lexically_relative(link.parent_path()), next,
                     error);
  if (error) {
    fs::copy_file(target, next, fs::copy_options::overwrite_existing, error);
  }
  if (!error) fs::rename(next, link, error);
  if (!error) return;
  std::error_code ignored;
  fs::remove(next, ignored);
  throw Error({.where = link.string(),
               .what = "the link to " + target.string() +
                       " can't be made: " + error.message()});
}

}  // namespace bolt
