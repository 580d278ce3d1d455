#include <torch/nn/modules/container/sequential.h>
#include <torchbolt/callbacks/summarize.h>
#include <torchbolt/core/error.h>
#include <torchbolt/data/batch.h>
#include <torchbolt/state/rng.h>
#include <torchbolt/ui/format.h>
#include <torchbolt/ui/table.h>
#include <torchbolt/ui/text.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <unordered_set>
#include <utility>

#include "callbacks/shape_trace.h"

namespace bolt {
namespace {

// A module and those below it, in the order in which they were registered.
// Not modules(): that needs a module which lives in a shared_ptr.
struct Node {
  torch::nn::Module* module;
  std::string name;
  int64_t depth;
  std::vector<std::size_t> children{};
  ShapeTrace::Seen seen{};
};

class Tree {
 public:
  explicit Tree(torch::nn::Module& root) { add(root, "", 0); }

  std::vector<Node>& nodes() { return nodes_; }
  std::vector<torch::nn::Module*> modules() const {
    std::vector<torch::nn::Module*> all;
    for (const Node& node : nodes_) all.push_back(node.module);
    return all;
  }

 private:
  void add(torch::nn::Module& module, const std::string& name, int64_t depth) {
    visited_.insert(&module);
    const std::size_t at = nodes_.size();
    nodes_.push_back({.module = &module, .name = name, .depth = depth});
    for (const auto& child : module.named_children()) {
      // A module that has two names stands under the first.
      if (!child.value() || visited_.contains(child.value().get())) continue;
      nodes_[at].children.push_back(nodes_.size());
      add(*child.value(), name.empty() ? child.key() : name + "." + child.key(),
          depth + 1);
    }
  }

  std::vector<Node> nodes_{};
  std::unordered_set<const torch::nn::Module*> visited_{};
};

// "Linear" for torch::nn::LinearImpl, "Block" for a::Block<b::C>.
std::string short_type(const torch::nn::Module& module) {
  std::string name = type_name(typeid(module));
  name = name.substr(0, name.find('<'));
  if (const auto at = name.rfind("::"); at != std::string::npos) {
    name.erase(0, at + 2);
  }
  if (name.size() > 4 && name.ends_with("Impl")) name.resize(name.size() - 4);
  return name;
}

// Adds each parameter that isn't among `counted` yet.
template <class F>
void for_each_parameter(const torch::nn::Module& module, bool recurse,
                        std::unordered_set<const void*>& counted, F&& call) {
  for (const auto& entry : module.named_parameters(false)) {
    const at::Tensor& parameter = entry.value();
    if (parameter.defined() &&
        counted.insert(parameter.unsafeGetTensorImpl()).second) {
      call(parameter);
    }
  }
  if (!recurse) return;
  for (const auto& child : module.named_children()) {
    if (child.value()) for_each_parameter(*child.value(), true, counted, call);
  }
}

int64_t count_parameters(const torch::nn::Module& module, bool recurse) {
  std::unordered_set<const void*> counted;
  int64_t count = 0;
  for_each_parameter(module, recurse, counted,
                     [&](const at::Tensor& p) { count += p.numel(); });
  return count;
}

// Eval mode while it lives; then each module is in its own again.
class EvalMode {
 public:
  explicit EvalMode(const std::vector<torch::nn::Module*>& modules) {
    for (torch::nn::Module* module : modules) {
      modes_.emplace_back(module, module->is_training());
    }
    modules.front()->eval();
  }
  ~EvalMode() {
    // Outer ones first: train() sets the children too.
    for (const auto& [module, training] : modes_) module->train(training);
  }
  EvalMode(const EvalMode&) = delete;
  EvalMode& operator=(const EvalMode&) = delete;

 private:
  std::vector<std::pair<torch::nn::Module*, bool>> modes_{};
};

// In a Sequential, what one gives the next one takes.
bool pass_on(std::optional<ShapeTrace::Sizes>& a,
             std::optional<ShapeTrace::Sizes>& b) {
  if (a.has_value() == b.has_value()) return false;
  (a ? b : a) = a ? *a : *b;
  return true;
}

void fill_in(std::vector<Node>& nodes) {
  for (bool changed = true; changed;) {
    changed = false;
    for (Node& node : nodes) {
      if (keeps_shape(*node.module)) {
        changed |= pass_on(node.seen.in, node.seen.out);
      }
      if (node.children.empty() ||
          dynamic_cast<torch::nn::SequentialImpl*>(node.module) == nullptr) {
        continue;
      }
      const auto child = [&](std::size_t k) -> ShapeTrace::Seen& {
        return nodes[node.children[k]].seen;
      };
      const std::size_t last = node.children.size() - 1;
      changed |= pass_on(node.seen.in, child(0).in);
      changed |= pass_on(node.seen.out, child(last).out);
      for (std::size_t k = 0; k < last; ++k) {
        changed |= pass_on(child(k).out, child(k + 1).in);
      }
    }
  }
}

// Those of a module are counted in what holds it.
void sum_up(std::vector<Node>& nodes) {
  for (std::size_t k = nodes.size(); k-- > 0;) {
    for (const std::size_t child : nodes[k].children) {
      nodes[k].seen.flops += nodes[child].seen.flops;
    }
  }
}

int64_t run(Tree& tree, const std::function<void()>& forward) {
  const std::vector<torch::nn::Module*> modules = tree.modules();
  const IsolateRng isolate;
  const at::NoGradGuard no_grad;
  const EvalMode eval(modules);
  ShapeTrace trace(modules);
  forward();
  for (Node& node : tree.nodes()) node.seen = trace.of(node.module);
  fill_in(tree.nodes());
  sum_up(tree.nodes());
  return trace.total_flops();
}

void count_totals(torch::nn::Module& root, Summary& summary) {
  std::unordered_set<const void*> counted;
  for_each_parameter(root, true, counted, [&](const at::Tensor& p) {
    (p.requires_grad() ? summary.trainable_parameters
                       : summary.non_trainable_parameters) += p.numel();
    summary.model_size += static_cast<double>(p.numel()) *
                          static_cast<double>(p.element_size()) / 1e6;
  });
}

}  // namespace

Summary summarize(torch::nn::Module& module, const SummarizeOptions& options) {
  if (options.max_depth < -1) {
    throw ConfigError({.where = "summarize",
                       .what = "max_depth is too small",
                       .got = std::to_string(options.max_depth),
                       .expected = "-1 (all), 0 (totals alone), or more"});
  }
  Tree tree(module);
  Summary summary;
  if (options.forward) {
    summary.total_flops = run(tree, options.forward);
    summary.ran = true;
  }
  count_totals(module, summary);
  for (const Node& node : tree.nodes()) {
    if (node.depth == 0) continue;
    const bool training = node.module->is_training();
    ++(training ? summary.modules_in_train_mode : summary.modules_in_eval_mode);
    if (options.max_depth != -1 && node.depth > options.max_depth) continue;
    summary.layers.push_back(
        {.name = node.name,
         .type = short_type(*node.module),
         .depth = node.depth,
         .parameters = count_parameters(*node.module, true),
         .training = training,
         .in_size = node.seen.in,
         .out_size = node.seen.out,
         .flops = node.seen.flops});
  }
  const int64_t own = count_parameters(module, false);
  if (own > 0 && options.max_depth != 0) {
    summary.layers.push_back({.name = "other params",
                              .type = "n/a",
                              .parameters = own,
                              .training = module.is_training(),
                              .flops = tree.nodes().front().seen.flops});
  }
  return summary;
}

}  // namespace bolt
