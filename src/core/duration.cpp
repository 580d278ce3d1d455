#include <torchbolt/core/duration.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>

namespace bolt {

std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  std::array<int64_t, 4> parts{};
  for (std::size_t k = 0; k < parts.size(); ++k) {
    const std::size_t colon = text.find(':');
    const bool last = k + 1 == parts.size();
    if (last != (colon == std::string_view::npos)) return std::nullopt;
    const std::string_view part = text.substr(0, colon);
    const char* end = part.data() + part.size();
    const auto read = std::from_chars(part.data(), end, parts[k]);
    const bool fits = read.ec == std::errc() && read.ptr == end &&
                      parts[k] >= 0 && parts[k] < 100'000;
    if (part.empty() || !fits) return std::nullopt;
    if (!last) text.remove_prefix(colon + 1);
  }
  using namespace std::chrono;
  return days(parts[0]) + hours(parts[1]) + minutes(parts[2]) +
         seconds(parts[3]);
}

std::string format_duration(std::chrono::nanoseconds time) {
  const auto total =
      std::chrono::duration_cast<std::chrono::seconds>(time).count();
  const auto s = total % 60;
  const auto m = total / 60 % 60;
  const auto h = total / 3600;
  std::array<char, 64> text{};
  if (h > 0) {
    std::snprintf(text.data(), text.size(), "%lld:%02lld:%02lld",
                  static_cast<long long>(h), static_cast<long long>(m),
                  static_cast<long long>(s));
  } else {
    std::snprintf(text.data(), text.size(), "%lld:%02lld",
                  static_cast<long long>(m), static_cast<long long>(s));
  }
  return text.data();
}

}  // namespace bolt
