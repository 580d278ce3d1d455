#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "tools/checkpoint.h"
#include "tools/checkpoint_values.h"

namespace bolt::tools {
namespace {

namespace fs = std::filesystem;

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

}  // namespace

std::string diff_checkpoints(const fs::path& before, const fs::path& after) {
  Differ differ;
  differ.compare(load(before, false), load(after, false), "");
  return differ.text();
}

}  // namespace bolt::tools
