#include <torchbolt/core/error.h>
#include <torchbolt/ui/style.h>

#include <array>
#include <charconv>
#include <cstddef>
#include <utility>
#include <vector>

namespace bolt::ui {
namespace {

constexpr std::array kNames{"default", "red",     "green", "yellow",
                            "blue",    "magenta", "cyan",  "grey"};
constexpr std::array kCodes{"39", "31", "32", "33", "34", "35", "36", "90"};
constexpr uint32_t kIsRgb = 0x1000000;

[[noreturn]] void unknown(const char* where, std::string_view got,
                          const std::vector<std::string>& known,
                          const char* more = "") {
  std::string list;
  for (const std::string& name : known) {
    list += (list.empty() ? "" : ", ") + name;
  }
  const std::string near = did_you_mean(got, known);
  throw ConfigError(
      {.where = where,
       .what = "the name is not known",
       .got = "\"" + std::string(got) + "\"",
       .expected = "one of: " + list + more,
       .tip = near.empty() ? "" : "did you mean \"" + near + "\"?"});
}

// The parameters of the escape code that begins a colour.
std::string code_of(Colour colour, bool true_colour) {
  const auto value = static_cast<uint32_t>(colour);
  if (value < kIsRgb) return kCodes.at(value);
  const std::array parts{value >> 16 & 0xff, value >> 8 & 0xff, value & 0xff};
  if (true_colour) {
    std::string code = "38;2";
    for (const uint32_t part : parts) code += ";" + std::to_string(part);
    return code;
  }
  // The cube of 6 x 6 x 6 colours that starts at 16.
  uint32_t cell = 0;
  for (const uint32_t part : parts) cell = 6 * cell + (part * 5 + 127) / 255;
  return "38;5;" + std::to_string(16 + cell);
}

}  // namespace

Colour parse_colour(std::string_view text) {
  for (std::size_t k = 0; k < kNames.size(); ++k) {
    if (text == kNames[k]) return static_cast<Colour>(k);
  }
  uint32_t value = 0;
  if (text.size() == 7 && text.front() == '#') {
    const char* end = text.data() + text.size();
    const auto read = std::from_chars(text.data() + 1, end, value, 16);
    if (read.ec == std::errc() && read.ptr == end) {
      return static_cast<Colour>(kIsRgb | value);
    }
  }
  unknown("colour", text, {kNames.begin(), kNames.end()}, ", or #rrggbb");
}

Theme theme_named(std::string_view name) {
  if (name == "default") return {};
  if (name == "rich") {
    constexpr Colour kViolet = rgb(0x62, 0x06, 0xe0);
    return {.progress_bar = kViolet,
            .progress_bar_finished = kViolet,
            .progress_bar_pulse = kViolet};
  }
  if (name == "ocean") {
    return {.description = Colour::kCyan,
            .progress_bar = rgb(0x1e, 0x90, 0xff),
            .progress_bar_finished = rgb(0x00, 0xc0, 0xa0),
            .progress_bar_pulse = rgb(0x1e, 0x90, 0xff),
            .metrics = Colour::kCyan,
            .metrics_text_delimiter = "  "};
  }
  if (name == "mono") {
    return {.progress_bar = Colour::kDefault,
            .progress_bar_finished = Colour::kDefault,
            .progress_bar_pulse = Colour::kDefault,
            .progress_bar_rest = Colour::kDefault,
            .time = Colour::kDefault,
            .processing_speed = Colour::kDefault};
  }
  unknown("theme", name, {"default", "rich", "ocean", "mono"});
}

std::string painted(std::string_view text, Colour colour, const Style& style) {
  if (!style.colour || colour == Colour::kDefault || text.empty()) {
    return std::string(text);
  }
  return "\x1b[" + code_of(colour, style.true_colour) + "m" +
         std::string(text) + "\x1b[0m";
}

}  // namespace bolt::ui
