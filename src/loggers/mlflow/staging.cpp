#include "loggers/mlflow/staging.h"

#include <torchbolt/core/files.h>

#include <cstdio>
#include <random>
#include <system_error>

#include "core/atomic_file.h"
#include "core/file_error.h"

namespace bolt::detail {

std::string random_name() {
  std::random_device device;
  std::string name;
  for (int k = 0; k < 4; ++k) {
    char digits[9];
    std::snprintf(digits, sizeof digits, "%08x", device());
    name += digits;
  }
  return name;
}

std::string Staging::new_file(const std::string& extension) const {
  make_directories(folder_ / "mlflow_files");
  return "mlflow_files/" + random_name() + extension;
}

std::string Staging::keep_copy(const std::filesystem::path& file) const {
  const std::string kept = new_file(file.extension().string());
  std::error_code error;
  std::filesystem::copy_file(file, folder_ / kept, error);
  if (error) fail_with("can't keep a copy", file, error.value());
  return kept;
}

std::string Staging::keep_link(const std::filesystem::path& file) const {
  const std::string kept = new_file(file.extension().string());
  std::error_code error;
  // The file itself, where the path is a link to it.
  const auto original = std::filesystem::canonical(file, error);
  if (!error) {
    std::filesystem::create_hard_link(original, folder_ / kept, error);
  }
  return error ? keep_copy(file) : kept;
}

std::string Staging::keep_bytes(std::string_view bytes,
                                const std::string& extension) const {
  const std::string kept = new_file(extension);
  AtomicFile file(folder_ / kept);
  file.write(bytes);
  file.commit(false);
  return kept;
}

}  // namespace bolt::detail
