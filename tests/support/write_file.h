#pragma once

#include <filesystem>
#include <fstream>
#include <string>

namespace bolt::testing {

/// Writes a file without waiting for the disk.
inline void write_file(const std::filesystem::path& path,
                       const std::string& bytes) {
  // ext4 waits for the disk where a file is cut to nothing and written again.
  std::filesystem::remove(path);
  std::ofstream(path, std::ios::binary)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

}  // namespace bolt::testing
