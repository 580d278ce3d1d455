#include "loggers/flat_params.h"

#include <algorithm>
#include <cstddef>

namespace bolt::detail {
namespace {

using Flat = std::vector<std::pair<std::string, State>>;

void flatten(const State& value, const std::string& name, Flat& out) {
  const std::string level = name.empty() ? name : name + "/";
  if (value.is_map()) {
    for (const auto& [key, item] : value.entries()) {
      const auto* number = std::get_if<int64_t>(&key);
      flatten(item,
              level + (number != nullptr ? std::to_string(*number)
                                         : std::get<std::string>(key)),
              out);
    }
  } else if (value.is_list() &&
             std::ranges::all_of(value.items(), &State::is_map)) {
    for (std::size_t k = 0; k < value.size(); ++k) {
      flatten(value.items()[k], level + std::to_string(k), out);
    }
  } else {
    out.emplace_back(name, value);
  }
}

}  // namespace

Flat flat_params(const State& params) {
  Flat all;
  flatten(params, "", all);
  return all;
}

}  // namespace bolt::detail
