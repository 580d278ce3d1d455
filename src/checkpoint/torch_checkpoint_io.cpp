#include <torchbolt/checkpoint/torch_checkpoint_io.h>

#include <system_error>

#include "core/file_error.h"
#include "core/writable.h"

namespace bolt {

void TorchCheckpointIO::check_folder(const std::filesystem::path& folder) {
  detail::check_writable_folder(folder);
}

void TorchCheckpointIO::save_checkpoint(const State& state,
                                        const std::filesystem::path& path) {
  write_checkpoint(path, state, options_);
}

State TorchCheckpointIO::load_checkpoint(const std::filesystem::path& path) {
  return read_checkpoint(path);
}

void TorchCheckpointIO::remove_checkpoint(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (error) detail::fail_with("can't remove", path, error.value());
}

}  // namespace bolt
