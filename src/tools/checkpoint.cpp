#include "tools/checkpoint.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/ScalarType.h>
#include <torchbolt/checkpoint/checkpoint.h>
#include <torchbolt/core/error.h>
#include <torchbolt/ui/text.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace bolt::tools {
namespace {

namespace fs = std::filesystem;

bool is_safetensors(const fs::path& path) {
  return path.extension() == ".safetensors";
}

// Names of a state_dict have points in them, and are no tree of their own.
State tensors_as_map(const std::map<std::string, at::Tensor>& tensors) {
  State map = State::map();
  for (const auto& [name, tensor] : tensors) map.set(name, tensor);
  return map;
}

State load(const fs::path& path, bool outline) {
  if (!is_safetensors(path)) return read_checkpoint(path, {.outline = outline});
  return tensors_as_map(read_safetensors(path, {.outline = outline}).tensors);
}

std::string key_text(const State::Key& key) {
  if (const auto* number = std::get_if<int64_t>(&key)) {
    return std::to_string(*number);
  }
  return std::get<std::string>(key);
}

std::string bytes_text(uint64_t bytes) {
  constexpr std::array<const char*, 5> kUnits{"B", "KB", "MB", "GB", "TB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1000 && unit + 1 < kUnits.size(); ++unit) value /= 1000;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(),
                unit == 0 || value >= 100 ? "%.0f %s" : "%.1f %s", value,
                kUnits[unit]);
  return text.data();
}

std::string type_text(const at::Tensor& tensor) {
  return std::string(c10::getDtypeNames(tensor.scalar_type()).first);
}

std::string tensor_text(const at::Tensor& tensor) {
  std::string shape;
  for (const int64_t n : tensor.sizes()) {
    shape += (shape.empty() ? "" : ", ") + std::to_string(n);
  }
  return type_text(tensor) + " [" + shape + "]";
}

uint64_t bytes_of(const at::Tensor& tensor) {
  return static_cast<uint64_t>(tensor.numel() * tensor.element_size());
}

bool is_leaf(const State& state) {
  return !state.is_map() && !state.is_list() && !state.is_tuple();
}

// Of a text, as much as fits on a line, and nothing that disturbs a terminal.
std::string line_text(std::string_view text) {
  constexpr int kMost = 60;
  return ui::cut(ui::clean(text), kMost);
}

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

std::string value_text(const State& state) {
  if (state.is_tensor()) return tensor_text(state.as_tensor());
  return line_text(state.to_string());
}

// `x` and `y` are them as double, which hasn't all whole numbers.
at::Tensor differing_numbers(const at::Tensor& a, const at::Tensor& b,
                             const at::Tensor& x, const at::Tensor& y) {
  if (at::isIntegralType(a.scalar_type(), /*includeBool=*/true)) {
    const bool is_wide = a.scalar_type() == at::kUInt64;
    return is_wide ? a.flatten().view(at::kLong).ne(b.flatten().view(at::kLong))
                   : a.to(at::kLong).flatten().ne(b.to(at::kLong).flatten());
  }
  const at::Tensor both_nan = x.isnan().logical_and(y.isnan());
  return x.ne(y).logical_and(both_nan.logical_not());
}

std::string tensor_difference(const at::Tensor& a, const at::Tensor& b) {
  if (a.sizes() != b.sizes() || a.scalar_type() != b.scalar_type()) {
    return tensor_text(a) + " → " + tensor_text(b);
  }
  const auto type =
      at::isComplexType(a.scalar_type()) ? at::kComplexDouble : at::kDouble;
  const at::Tensor x = a.to(type).flatten(), y = b.to(type).flatten();
  const at::Tensor differs = differing_numbers(a, b, x, y);
  const auto differing = differs.sum().item<int64_t>();
  // Bits that mean the same number, such as those of 0 and -0.
  if (differing == 0) return tensor_text(a) + ": equal, in other bits";
  std::array<char, 100> text{};
  const auto most = (x - y).abs().masked_select(differs).max().item<double>();
  std::snprintf(text.data(), text.size(), ": %lld of %lld differ, by up to %g",
                static_cast<long long>(differing),
                static_cast<long long>(a.numel()),
                std::fabs(most));  // a NaN may have a sign
  return tensor_text(a) + text.data();
}

class Differ {
 public:
  void compare(const State& a, const State& b, const std::string& path) {
    if (a.is_map() && b.is_map()) return maps(a, b, path);
    if (!is_leaf(a) && !a.is_map() && a.kind() == b.kind()) {
      return lists(a, b, path);
    }
    if (a == b) return;
    if (a.is_tensor() && b.is_tensor()) {
      line("~ ", path, tensor_difference(a.as_tensor(), b.as_tensor()));
    } else {
      line("~ ", path, value_text(a) + " → " + value_text(b));
    }
  }
  const std::string& text() const { return text_; }

 private:
  void maps(const State& a, const State& b, const std::string& path) {
    for (const auto& [key, value] : a.entries()) {
      const State* other = b.find(key);
      if (other != nullptr) {
        compare(value, *other, join(path, key));
      } else {
        line("- ", join(path, key), value_text(value));
      }
    }
    for (const auto& [key, value] : b.entries()) {
      if (a.find(key) == nullptr) {
        line("+ ", join(path, key), value_text(value));
      }
    }
  }

  void lists(const State& a, const State& b, const std::string& path) {
    const std::size_t both = std::min(a.size(), b.size());
    for (std::size_t k = 0; k < both; ++k) {
      compare(a.items()[k], b.items()[k], path + "[" + std::to_string(k) + "]");
    }
    for (std::size_t k = both; k < std::max(a.size(), b.size()); ++k) {
      const bool gone = k < a.size();
      line(gone ? "- " : "+ ", path + "[" + std::to_string(k) + "]",
           value_text((gone ? a : b).items()[k]));
    }
  }

  static std::string join(const std::string& path, const State::Key& key) {
    return path.empty() ? line_text(key_text(key))
                        : path + " / " + line_text(key_text(key));
  }

  void line(const char* mark, const std::string& path,
            const std::string& value) {
    text_ += mark + path + "  " + value + "\n";
  }

  std::string text_{};
};

// The weights of a checkpoint: its state_dict, or itself.
const State& weights_of(const State& state, const fs::path& path) {
  const State* found = state.is_map() ? state.find("state_dict") : nullptr;
  const State& weights = found == nullptr ? state : *found;
  const bool fits =
      weights.is_map() && weights.size() > 0 &&
      std::ranges::all_of(weights.entries(), [](const State::Entry& entry) {
        return entry.second.is_tensor() &&
               std::holds_alternative<std::string>(entry.first);
      });
  if (!fits) {
    throw CheckpointError(
        {.where = path.string(),
         .what = "it holds no weights",
         .got = weights.is_map() ? "a map with other values than tensors"
                                 : std::string(to_string(weights.kind())),
         .expected = "names and tensors, under \"state_dict\" or alone"});
  }
  return weights;
}

std::map<std::string, at::Tensor> weight_map(const State& state,
                                             const fs::path& path) {
  std::map<std::string, at::Tensor> tensors;
  for (const auto& [key, value] : weights_of(state, path).entries()) {
    tensors.emplace(std::get<std::string>(key), value.as_tensor());
  }
  return tensors;
}

// Sums of weights, in a type that has room for them.
class Mean {
 public:
  void add(const std::map<std::string, at::Tensor>& weights,
           const fs::path& path) {
    if (count_++ == 0) {
      for (const auto& [name, tensor] : weights) {
        sums_.emplace(name, averaged(tensor) ? widened(tensor) : tensor);
      }
      return;
    }
    for (const auto& [name, tensor] : weights) {
      const auto found = sums_.find(name);
      const bool fits = found != sums_.end() &&
                        found->second.sizes() == tensor.sizes() &&
                        same_kind(found->second, tensor);
      if (!fits || weights.size() != sums_.size()) refuse(path, name);
      if (averaged(tensor)) found->second.add_(widened(tensor));
    }
  }
  // In the place of the last file's tensors; those that are one stay one, and a
  // part of another one is not that one.
  void put(const std::map<std::string, at::Tensor>& weights) {
    const at::NoGradGuard no_grad;
    std::set<std::tuple<const void*, int64_t, std::vector<int64_t>>> done;
    for (const auto& [name, tensor] : weights) {
      if (!averaged(tensor)) continue;
      if (!done.emplace(tensor.storage().unsafeGetStorageImpl(),
                        tensor.storage_offset(), tensor.sizes().vec())
               .second) {
        continue;
      }
      const at::Tensor& sum = sums_.at(name);
      at::Tensor(tensor).copy_(sum / count_);
    }
  }

 private:
  static bool averaged(const at::Tensor& tensor) {
    return at::isFloatingType(tensor.scalar_type()) ||
           at::isComplexType(tensor.scalar_type());
  }
  // Whole numbers can't take a float, nor these a complex number.
  static bool same_kind(const at::Tensor& a, const at::Tensor& b) {
    return averaged(a) == averaged(b) && at::isComplexType(a.scalar_type()) ==
                                             at::isComplexType(b.scalar_type());
  }
  static at::Tensor widened(const at::Tensor& tensor) {
    const at::ScalarType type = tensor.scalar_type();
    const bool wide =
        type == at::kFloat || type == at::kDouble || at::isComplexType(type);
    return tensor.to(wide ? type : at::kFloat, false, true);
  }
  [[noreturn]] static void refuse(const fs::path& path,
                                  const std::string& name) {
    throw CheckpointError({.where = path.string(),
                           .what = "its weights are not those of the first "
                                   "file",
                           .got = "\"" + name + "\""});
  }

  std::map<std::string, at::Tensor> sums_{};
  int64_t count_ = 0;
};

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

std::string diff_checkpoints(const fs::path& before, const fs::path& after) {
  Differ differ;
  differ.compare(load(before, false), load(after, false), "");
  return differ.text();
}

void convert_checkpoint(const fs::path& from, const fs::path& to) {
  const State state = load(from, false);
  if (is_safetensors(to)) {
    write_safetensors(to, weight_map(state, from), {{"format", "pt"}});
  } else if (is_safetensors(from)) {
    write_checkpoint(to, State::map({{"state_dict", state}}));
  } else {
    write_checkpoint(to, state);
  }
}

void average_checkpoints(const std::vector<fs::path>& files,
                         const fs::path& to) {
  if (files.empty()) {
    throw ConfigError({.where = "average", .what = "no file is given"});
  }
  Mean mean;
  State last;
  for (const fs::path& file : files) {
    last = load(file, false);
    mean.add(weight_map(last, file), file);
  }
  const auto weights = weight_map(last, files.back());
  mean.put(weights);
  if (is_safetensors(to)) {
    return write_safetensors(to, weights, {{"format", "pt"}});
  }
  if (is_safetensors(files.back())) {
    last = State::map({{"state_dict", last}});
  }
  // Of one moment of one run, it doesn't go with the mean.
  for (const char* key : {"optimizer_states", "lr_schedulers", "callbacks"}) {
    last.erase(State::Key(std::string(key)));
  }
  write_checkpoint(to, last);
}

}  // namespace bolt::tools
