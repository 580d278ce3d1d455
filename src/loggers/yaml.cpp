#include "loggers/yaml.h"

#include <torchbolt/core/number.h>

#include <cctype>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string_view>

#include "loggers/utf8_text.h"

namespace bolt::detail {
namespace {

std::string hex(char byte) {
  constexpr const char* kHex = "0123456789abcdef";
  return {kHex[(byte >> 4) & 0xf], kHex[byte & 0xf]};
}

// What readers refuse, or take for the end of a line, though it is UTF-8.
struct Escape {
  std::string text{};
  std::size_t bytes = 0;
};
std::optional<Escape> escape_at(std::string_view text) {
  const auto begins = [&](std::string_view with) {
    return text.starts_with(with);
  };
  // U+0080 to U+009F
  if (begins("\xc2") && (text[1] & 0xe0) == 0x80) {
    return Escape{"\\x" + hex(text[1]), 2};
  }
  if (begins("\xe2\x80\xa8")) return Escape{"\\u2028", 3};
  if (begins("\xe2\x80\xa9")) return Escape{"\\u2029", 3};
  if (begins("\xef\xbf\xbe")) return Escape{"\\ufffe", 3};
  if (begins("\xef\xbf\xbf")) return Escape{"\\uffff", 3};
  return {};
}

// Double quotes are the one YAML style that can hold every text.
std::string quoted(const std::string& any) {
  const std::string text = as_utf8(any);
  std::string out = "\"";
  for (std::size_t k = 0; k < text.size(); ++k) {
    const char c = text[k];
    if (const auto escape = escape_at(std::string_view(text).substr(k))) {
      out += escape->text;
      k += escape->bytes - 1;
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += "\\x" + hex(c);
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string number(double value) {
  if (std::isnan(value)) return ".nan";
  if (std::isinf(value)) return value > 0 ? ".inf" : "-.inf";
  std::string text = shortest(value);
  // YAML 1.1 reads "1e-05" as text: a number has a point.
  if (text.find('.') == std::string::npos) {
    const std::size_t e = text.find('e');
    text.insert(e == std::string::npos ? text.size() : e, ".0");
  }
  return text;
}

std::string key_text(const State::Key& key) {
  if (const auto* n = std::get_if<int64_t>(&key)) return std::to_string(*n);
  const auto& name = std::get<std::string>(key);
  const bool plain = !name.empty() &&
                     std::isalpha(static_cast<unsigned char>(name[0])) &&
                     name.find_first_not_of(
                         "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUV"
                         "WXYZ0123456789_") == std::string::npos;
  // Words such as "no" and "null" mean something in YAML.
  return plain && name.size() > 5 ? name : quoted(name);
}

void write(const State& value, int indent, std::string& out);

void write_block(const State& value, int indent, std::string& out) {
  const bool block = (value.is_map() || value.is_list() || value.is_tuple()) &&
                     value.size() > 0;
  if (!block) {
    out += ' ';
    write(value, indent, out);
    out += '\n';
    return;
  }
  out += '\n';
  write(value, indent, out);
}

void write(const State& value, int indent, std::string& out) {
  const std::string margin(static_cast<std::size_t>(indent), ' ');
  switch (value.kind()) {
    case State::Kind::kNone:
      out += "null";
      return;
    case State::Kind::kBool:
      out += value.as_bool() ? "true" : "false";
      return;
    case State::Kind::kInt:
      out += std::to_string(value.as_int());
      return;
    case State::Kind::kDouble:
      out += number(value.as_double());
      return;
    case State::Kind::kString:
      out += quoted(value.as_string());
      return;
    case State::Kind::kTensor:
      out += quoted(value.to_string());
      return;
    case State::Kind::kList:
    case State::Kind::kTuple:
      if (value.size() == 0) out += "[]";
      for (const State& item : value.items()) {
        out += margin + "-";
        write_block(item, indent + 2, out);
      }
      return;
    case State::Kind::kMap:
      if (value.size() == 0) out += "{}";
      for (const auto& [key, item] : value.entries()) {
        out += margin + key_text(key) + ":";
        write_block(item, indent + 2, out);
      }
      return;
  }
}

}  // namespace

std::string to_yaml(const State& map) {
  std::string out;
  write(map, 0, out);
  if (!out.ends_with('\n')) out += '\n';
  return out;
}

}  // namespace bolt::detail
