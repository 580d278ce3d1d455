#include <ATen/ATen.h>
#include <torch/nn/module.h>
#include <torchbolt/checkpoint/state_dict.h>
#include <torchbolt/core/error.h>

#include <set>
#include <sstream>
#include <utility>

namespace bolt {
namespace {

constexpr const char* kWhere = "load_state_dict";

// Python's order: a module's own parameters, its buffers, then its children.
void collect(const torch::nn::Module& module, const std::string& prefix,
             State& into) {
  for (const auto& item : module.named_parameters(/*recurse=*/false)) {
    if (item.value().defined()) into[prefix + item.key()] = item.value();
  }
  for (const auto& item : module.named_buffers(/*recurse=*/false)) {
    if (item.value().defined()) into[prefix + item.key()] = item.value();
  }
  for (const auto& child : module.named_children()) {
    if (child.value() == nullptr) continue;
    collect(*child.value(), prefix + child.key() + ".", into);
  }
}

std::string joined(const std::vector<std::string>& names) {
  constexpr std::size_t kMost = 20;
  std::string text;
  for (std::size_t k = 0; k < names.size() && k < kMost; ++k) {
    text += (k > 0 ? ", " : "") + names[k];
  }
  if (names.size() > kMost) {
    text += ", and " + std::to_string(names.size() - kMost) + " more";
  }
  return text;
}

std::string shape_of(const at::Tensor& tensor) {
  std::ostringstream text;
  text << tensor.sizes();
  return text.str();
}

[[noreturn]] void refuse_names(const StateDictDifference& difference) {
  std::string what = "the weights are not this module's:";
  if (!difference.missing.empty()) {
    what += " missing are " + joined(difference.missing);
  }
  if (!difference.unexpected.empty()) {
    what += (difference.missing.empty() ? "" : ";") +
            std::string(" unexpected are ") + joined(difference.unexpected);
  }
  throw CheckpointError({.where = kWhere,
                         .what = std::move(what),
                         .tip = "build the module as it was when it was saved, "
                                "or load with strict = false"});
}

}  // namespace

State state_dict(const torch::nn::Module& module) {
  State all = State::map();
  collect(module, "", all);
  return all;
}

StateDictDifference load_state_dict(torch::nn::Module& module,
                                    const State& state, bool strict) {
  if (!state.is_map()) {
    throw CheckpointError({.where = kWhere,
                           .what = "the weights are no map of names to tensors",
                           .got = std::string(to_string(state.kind()))});
  }
  StateDictDifference difference;
  std::vector<std::pair<at::Tensor, at::Tensor>> copies;
  std::set<std::string> known;
  const State own = state_dict(module);
  for (const auto& [key, target] : own.entries()) {
    const std::string& name = std::get<std::string>(key);
    known.insert(name);
    const State* value = state.find(key);
    if (value == nullptr) {
      difference.missing.push_back(name);
      continue;
    }
    if (!value->is_tensor()) {
      throw CheckpointError({.where = kWhere,
                             .what = "the value of " + name + " is no tensor",
                             .got = std::string(to_string(value->kind()))});
    }
    const at::Tensor& from = value->as_tensor();
    const at::Tensor& to = target.as_tensor();
    // Old files have numbers with one dimension.
    const bool scalar = to.dim() == 0 && from.dim() == 1 && from.numel() == 1;
    if (!scalar && !from.sizes().equals(to.sizes())) {
      throw CheckpointError({.where = kWhere,
                             .what = name + " has another shape",
                             .got = shape_of(from),
                             .expected = shape_of(to)});
    }
    copies.emplace_back(to, scalar ? from.reshape({}) : from);
  }
  for (const auto& [key, value] : state.entries()) {
    const auto* name = std::get_if<std::string>(&key);
    if (name == nullptr) {
      difference.unexpected.push_back(std::to_string(std::get<int64_t>(key)));
    } else if (!known.contains(*name)) {
      difference.unexpected.push_back(*name);
    }
  }
  if (strict && !difference.empty()) refuse_names(difference);
  const at::NoGradGuard no_grad;
  for (auto& [to, from] : copies) to.copy_(from);
  return difference;
}

}  // namespace bolt
