#include "core/name_template.h"

#include <spdlog/fmt/fmt.h>
#include <torchbolt/core/error.h>

#include <cmath>
#include <cstdint>
#include <utility>

namespace bolt::detail {
namespace {

struct Pattern {
  std::string_view where;
  std::string_view text;

  [[noreturn]] void refuse(std::string what, std::string tip) const {
    throw ConfigError({.where = std::string(where),
                       .what = std::move(what),
                       .got = "\"" + std::string(text) + "\"",
                       .tip = std::move(tip)});
  }
};

// As Python writes a float: whole numbers have a ".0".
std::string plain(double value) {
  std::string text = fmt::format("{}", value);
  if (std::isfinite(value) && text.find_first_of(".e") == std::string::npos) {
    text += ".0";
  }
  return text;
}

bool is_whole(std::string_view name) {
  return name == "epoch" || name == "step";
}

// Python's "%", which fmt hasn't: [sign][.digits]%.
std::string as_share(std::string_view format, double number) {
  const std::string_view kind = format.substr(0, format.size() - 1);
  const std::size_t sign = kind.find_first_not_of("+- ");
  if (sign != std::string_view::npos && kind[sign] != '.') {
    throw fmt::format_error("a share has no width");
  }
  return fmt::format(fmt::runtime("{:" + std::string(kind) + "f}"),
                     100 * number) +
         "%";
}

std::string formatted(const Pattern& pattern, std::string_view name,
                      std::string_view format, std::optional<double> value) {
  // What isn't there is Python's 0, a whole number too.
  const bool whole = !value || is_whole(name);
  const double number = value.value_or(0);
  if (format.empty()) {
    return whole ? std::to_string(static_cast<int64_t>(number)) : plain(number);
  }
  const std::string with = "{:" + std::string(format) + "}";
  const bool as_real =
      std::string_view("eEfFgG").find(format.back()) != std::string_view::npos;
  try {
    if (format.back() == '%') return as_share(format, number);
    if (whole && !as_real) {
      try {
        return fmt::format(fmt::runtime(with), static_cast<int64_t>(number));
      } catch (const fmt::format_error&) {
        // What isn't there has formats for other numbers, too.
        if (value) throw;
      }
    }
    return fmt::format(fmt::runtime(with), number);
  } catch (const fmt::format_error& error) {
    pattern.refuse("the format of {" + std::string(name) + ":" +
                       std::string(format) +
                       "} doesn't fit its value: " + error.what(),
                   is_whole(name) ? "\"02d\" for whole numbers"
                                  : "\".2f\" for other numbers");
  }
}

}  // namespace

std::string fill_name(std::string_view where, std::string_view pattern,
                      const NameValue& value,
                      const std::optional<std::string>& equals) {
  const Pattern whole{where, pattern};
  std::string name;
  for (std::size_t at = 0; at < pattern.size();) {
    if (pattern[at] == '}') {
      whole.refuse("a \"}\" has no \"{\" before it", "\"{epoch}-{step}\"");
    }
    if (pattern[at] != '{') {
      name += pattern[at++];
      continue;
    }
    const std::size_t end = pattern.find('}', at);
    if (end == std::string_view::npos) {
      whole.refuse("a \"{\" has no \"}\" behind it", "\"{epoch}-{step}\"");
    }
    const std::string_view group = pattern.substr(at + 1, end - at - 1);
    const std::size_t colon = group.find(':');
    const std::string key(group.substr(0, colon));
    const std::string_view format =
        colon == std::string_view::npos ? "" : group.substr(colon + 1);
    if (equals) name += key + *equals;
    name += formatted(whole, key, format, value(key));
    at = end + 1;
  }
  return name;
}

}  // namespace bolt::detail
