#pragma once

#include <torchbolt/state/state.h>

#include <algorithm>
#include <string>
#include <variant>

namespace bolt::testing {

/// The place of the first difference between two trees, and both sides of it;
/// empty when they are equal.
inline std::string first_difference(const State& a, const State& b,
                                    const std::string& at = "") {
  if (a == b) return "";
  if (a.is_map() && b.is_map()) {
    for (const auto& [key, value] : a.entries()) {
      const auto* text = std::get_if<std::string>(&key);
      const std::string name =
          at + "/" +
          (text != nullptr ? *text : std::to_string(std::get<int64_t>(key)));
      const State* other = b.find(key);
      if (other == nullptr) return name + " is in the first only";
      if (auto found = first_difference(value, *other, name); !found.empty()) {
        return found;
      }
    }
    return at + ": other keys or order: " + a.to_string() + " and " +
           b.to_string();
  }
  const bool lists =
      (a.is_list() && b.is_list()) || (a.is_tuple() && b.is_tuple());
  if (lists && a.size() == b.size()) {
    for (std::size_t k = 0; k < a.size(); ++k) {
      if (auto found = first_difference(a.items()[k], b.items()[k],
                                        at + "/" + std::to_string(k));
          !found.empty()) {
        return found;
      }
    }
  }
  return at + ": " + a.to_string() + " and " + b.to_string();
}

}  // namespace bolt::testing
