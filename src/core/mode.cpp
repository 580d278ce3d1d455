#include <torchbolt/core/error.h>
#include <torchbolt/core/mode.h>

#include <string>

namespace bolt {

Mode parse_mode(std::string_view text) {
  for (const Mode mode : {Mode::kMin, Mode::kMax}) {
    if (text == to_string(mode)) return mode;
  }
  throw ConfigError({.where = "mode",
                     .what = "the value is not known",
                     .got = "\"" + std::string(text) + "\"",
                     .expected = "min or max"});
}

}  // namespace bolt
