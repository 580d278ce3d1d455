#include <torchbolt/core/files.h>
#include <torchbolt/trainer/figure.h>

#include <algorithm>
#include <cctype>

namespace bolt {

Figure Figure::read(const std::filesystem::path& path) {
  std::string format = path.extension().string();
  if (!format.empty()) format.erase(0, 1);
  std::ranges::transform(format, format.begin(),
                         [](unsigned char c) { return std::tolower(c); });
  return {.bytes = read_file(path), .format = std::move(format)};
}

}  // namespace bolt
