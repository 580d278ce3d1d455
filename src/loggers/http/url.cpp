#include "loggers/http/url.h"

#include <algorithm>
#include <cctype>

namespace bolt::detail {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](unsigned char c) { return std::tolower(c); });
  return out;
}

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t k = 0; k < text.size(); ++k) {
    if (text[k] == '%' && k + 2 < text.size() && hex(text[k + 1]) >= 0 &&
        hex(text[k + 2]) >= 0) {
      out += static_cast<char>(hex(text[k + 1]) * 16 + hex(text[k + 2]));
      k += 2;
    } else {
      out += text[k];
    }
  }
  return out;
}

bool is_port(std::string_view text) {
  return text.empty() ||
         (text[0] == ':' &&
          text.find_first_not_of("0123456789", 1) == std::string_view::npos);
}

// A name or a number, "[::1]" among them, and perhaps a port.
bool is_host(std::string_view place) {
  if (place.starts_with('[')) {
    const std::size_t end = place.find(']');
    return end != std::string_view::npos && is_port(place.substr(end + 1));
  }
  const std::size_t colon = std::min(place.find(':'), place.size());
  return colon > 0 && is_port(place.substr(colon)) &&
         std::ranges::all_of(place.substr(0, colon), [](unsigned char c) {
           return c >= 0x80 || std::isalnum(c) || c == '.' || c == '-' ||
                  c == '_';
         });
}

}  // namespace

std::string Url::origin() const {
  std::string place = lower(host);
  // "[::1]:80": a colon inside the brackets begins no port.
  const std::size_t bracket = place.rfind(']');
  const std::size_t colon = place.rfind(':');
  const bool port = colon != std::string::npos &&
                    (bracket == std::string::npos || colon > bracket);
  if (!port) place += scheme == "https" ? ":443" : ":80";
  return scheme + "://" + place;
}

std::optional<Url> parse_url(std::string_view text) {
  const std::size_t colon = text.find("://");
  if (colon == std::string_view::npos) return {};
  Url url{.scheme = lower(text.substr(0, colon))};
  if (url.scheme != "http" && url.scheme != "https") return {};
  text.remove_prefix(colon + 3);
  text = text.substr(0, text.find_first_of("?#"));
  const std::size_t slash = std::min(text.find('/'), text.size());
  std::string_view place = text.substr(0, slash);
  if (const std::size_t at = place.rfind('@'); at != std::string_view::npos) {
    const std::string_view info = place.substr(0, at);
    const std::size_t split = std::min(info.find(':'), info.size());
    url.user = percent_decoded(info.substr(0, split));
    if (split < info.size()) {
      url.password = Secret(percent_decoded(info.substr(split + 1)));
    }
    place.remove_prefix(at + 1);
  }
  if (!is_host(place)) return {};
  url.host = place;
  url.path = text.substr(slash);
  while (url.path.ends_with('/')) url.path.pop_back();
  return url;
}

std::string without_userinfo(std::string_view address) {
  const std::size_t begin = address.find("://");
  if (begin == std::string_view::npos) return std::string(address);
  const std::size_t from = begin + 3;
  const std::size_t slash =
      std::min(address.find_first_of("/?#", from), address.size());
  const std::size_t at = address.substr(from, slash - from).rfind('@');
  if (at == std::string_view::npos) return std::string(address);
  return std::string(address.substr(0, from)) +
         std::string(address.substr(from + at + 1));
}

std::string shown_address(std::string_view address) {
  const std::size_t at = address.rfind('@');
  const std::size_t scheme = address.substr(0, at).find("://");
  const std::size_t from = scheme == std::string_view::npos ? 0 : scheme + 3;
  const std::string begin(address.substr(0, from));
  if (at != std::string_view::npos) {
    return begin + "***" + std::string(address.substr(at));
  }
  // "user:password", where a host should be.
  const std::string_view rest = address.substr(from);
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  const std::size_t colon = std::min(rest.find(':'), slash);
  const bool shows = from == 0 || rest.starts_with('[') ||
                     is_port(rest.substr(colon, slash - colon));
  if (shows) return std::string(address);
  return begin + std::string(rest.substr(0, colon)) + ":***" +
         std::string(rest.substr(slash));
}

std::string percent_encoded(std::string_view text, std::string_view keep) {
  constexpr const char* kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       (c >= '0' && c <= '9') || c == '-' || c == '.' ||
                       c == '_' || c == '~' ||
                       keep.find(c) != std::string_view::npos;
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 0xf];
    }
  }
  return out;
}

}  // namespace bolt::detail
