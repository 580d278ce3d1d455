#include <ATen/ATen.h>
#include <torchbolt/checkpoint/checkpoint.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "tools/checkpoint.h"
#include "tools/checkpoint_values.h"

namespace bolt::tools {
namespace {

namespace fs = std::filesystem;

// What fits on one line, or none for what needs lines of its own.
std::optional<std::string> one_line(const State& state) {
  if (state.is_tensor()) return std::nullopt;
  if (state.is_map()) {
    if (state.size() == 0) return "{}";
    return std::nullopt;
  }
  if (!is_leaf(state) &&
      !std::ranges::all_of(state.items(), [](const State& item) {
        return is_leaf(item) && !item.is_tensor();
      })) {
    return std::nullopt;
  }
  return line_text(state.to_string());
}

struct Totals {
  std::size_t tensors = 0;
  int64_t numbers = 0;
  uint64_t bytes = 0;
};

void count(const State& state, Totals& totals) {
  if (state.is_tensor()) {
    ++totals.tensors;
    totals.numbers += state.as_tensor().numel();
    totals.bytes += bytes_of(state.as_tensor());
  } else if (state.is_map()) {
    for (const auto& entry : state.entries()) count(entry.second, totals);
  } else if (!is_leaf(state)) {
    for (const State& item : state.items()) count(item, totals);
  }
}

// A line for each value, its name in front.
struct Line {
  std::string name{};
  std::string value{};
};

void add_lines(const State& state, const std::string& name, std::size_t depth,
               std::vector<Line>& lines) {
  const std::string indented = std::string(2 * depth, ' ') + name;
  if (state.is_tensor()) {
    lines.push_back({indented, tensor_text(state.as_tensor()) + "  " +
                                   bytes_text(bytes_of(state.as_tensor()))});
    return;
  }
  if (const auto text = one_line(state)) {
    lines.push_back({indented, *text});
    return;
  }
  lines.push_back({indented, ""});
  if (state.is_map()) {
    for (const auto& [key, value] : state.entries()) {
      add_lines(value, line_text(key_text(key)), depth + 1, lines);
    }
  } else {
    for (std::size_t k = 0; k < state.size(); ++k) {
      add_lines(state.items()[k], "[" + std::to_string(k) + "]", depth + 1,
                lines);
    }
  }
}

std::string plural(std::size_t count, const char* what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

nlohmann::ordered_json to_json(const State& state) {
  using json = nlohmann::ordered_json;
  switch (state.kind()) {
    case State::Kind::kNone:
      return nullptr;
    case State::Kind::kBool:
      return state.as_bool();
    case State::Kind::kInt:
      return state.as_int();
    case State::Kind::kDouble:
      return state.as_double();
    case State::Kind::kString:
      return state.as_string();
    case State::Kind::kTensor: {
      const at::Tensor& tensor = state.as_tensor();
      return {{"dtype", type_text(tensor)},
              {"shape", tensor.sizes().vec()},
              {"strides", tensor.strides().vec()},
              {"bytes", bytes_of(tensor)}};
    }
    case State::Kind::kList:
    case State::Kind::kTuple: {
      json list = json::array();
      for (const State& item : state.items()) list.push_back(to_json(item));
      return list;
    }
    case State::Kind::kMap: {
      json object = json::object();
      for (const auto& [key, value] : state.entries()) {
        object[key_text(key)] = to_json(value);
      }
      return object;
    }
  }
  return nullptr;
}

}  // namespace

std::string show_checkpoint(const fs::path& path) {
  const State state = load(path, true);
  Totals totals;
  count(state, totals);
  std::vector<Line> lines;
  if (state.is_map() && state.size() > 0) {
    for (const auto& [key, value] : state.entries()) {
      add_lines(value, line_text(key_text(key)), 0, lines);
    }
  } else {
    add_lines(state, "(the whole)", 0, lines);
  }
  constexpr std::size_t kWidest = 60;
  std::size_t width = 0;
  for (const Line& line : lines) {
    if (line.name.size() <= kWidest) width = std::max(width, line.name.size());
  }
  std::string text = path.string() + "  " +
                     bytes_text(static_cast<uint64_t>(fs::file_size(path))) +
                     ", " + plural(totals.tensors, "tensor") + ", " +
                     std::to_string(totals.numbers) + " numbers\n";
  for (const Line& line : lines) {
    text += line.name;
    if (!line.value.empty()) {
      const std::size_t gap =
          line.name.size() < width ? width - line.name.size() : 0;
      text += std::string(gap + 2, ' ') + line.value;
    }
    text += "\n";
  }
  return text;
}

std::string checkpoint_json(const fs::path& path) {
  // Texts come from the file: what isn't UTF-8 must not end the program.
  return to_json(load(path, true))
             .dump(2, ' ', false, nlohmann::json::error_handler_t::replace) +
         "\n";
}

std::string verify_checkpoint_file(const fs::path& path) {
  const bool sums = !is_safetensors(path);
  if (sums) verify_checkpoint(path);
  Totals totals;
  count(load(path, sums), totals);
  return path.string() + ": whole, " + plural(totals.tensors, "tensor") + ", " +
         bytes_text(totals.bytes) +
         (sums ? "; all checksums are right\n"
               : "; the format has no checksums\n");
}

}  // namespace bolt::tools
