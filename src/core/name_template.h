#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace bolt::detail {

/// The value of a name, or none.
using NameValue = std::function<std::optional<double>(const std::string& name)>;

/// A pattern in which `{name}` and `{name:format}` are replaced by the value of
/// the name; what has none is 0, "epoch" and "step" are whole numbers. Formats
/// are fmt's, and Python's "%" for a share (".1%"). `equals`: "name" and that
/// go before each value. Throws ConfigError, naming `where`, for a brace
/// without its partner, and for a format that doesn't fit.
std::string fill_name(std::string_view where, std::string_view pattern,
                      const NameValue& value,
                      const std::optional<std::string>& equals);

}  // namespace bolt::detail
