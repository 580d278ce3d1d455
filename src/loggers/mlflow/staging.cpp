#include "loggers/mlflow/staging.h"

#include <torchbolt/core/files.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <random>
#include <system_error>

#include "core/atomic_file.h"
#include "core/file_error.h"

namespace bolt::detail {
namespace {

constexpr std::size_t kMostExtension = 16;

}  // namespace

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
  const bool plain = extension.size() <= kMostExtension &&
                     std::ranges::all_of(extension, [](unsigned char c) {
                       return c == '.' || (c < 0x80 && std::isalnum(c));
                     });
  return "mlflow_files/" + random_name() + (plain ? extension : "");
}

std::string Staging::keep_copy(const std::filesystem::path& file) const {
  const std::string kept = new_file(file.extension().string());
  std::error_code error;
  std::filesystem::copy_file(file, folder_ / kept, error);
  if (!error) return kept;
  std::error_code ignored;
  std::filesystem::remove(folder_ / kept, ignored);
  fail_with("can't keep a copy", file, error.value());
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
