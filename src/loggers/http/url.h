#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "loggers/http/secret.h"

namespace bolt::detail {

/// The parts of an http or https address.
struct Url {
  std::string scheme{};
  std::string user{};
  Secret password{};
  std::string host{};  ///< With the port, where one is given.
  std::string path{};  ///< From its first "/" on, without one at the end.

  /// Without name and password: the one form that is shown, stored and sent.
  std::string text() const { return scheme + "://" + host + path; }
  /// What may see the same secrets.
  std::string origin() const;
};

/// None when it isn't an http or https address, or the host can't be one.
std::optional<Url> parse_url(std::string_view text);

/// Any address, without name and password. Not for text that may be none: a
/// password with a "/" in it would stay.
std::string without_userinfo(std::string_view address);

/// For a message: what may be an address, without all that may be a secret.
std::string shown_address(std::string_view address);

/// A text as part of a path or a query: all but letters, digits and "-._~" as
/// %XX. `keep` stay as they are.
std::string percent_encoded(std::string_view text, std::string_view keep = {});

}  // namespace bolt::detail
