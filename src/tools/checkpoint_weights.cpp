#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torchbolt/checkpoint/checkpoint.h>
#include <torchbolt/core/error.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <variant>
#include <vector>

#include "tools/checkpoint.h"
#include "tools/checkpoint_values.h"

namespace bolt::tools {
namespace {

namespace fs = std::filesystem;

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
