#include "loggers/tensorboard/module_graph.h"

#include <ATen/ATen.h>
#include <torchbolt/trainer/module.h>

#include <string>
#include <string_view>

namespace bolt::detail {
namespace {

// "Linear" of "torch::nn::LinearImpl".
std::string type_of(const torch::nn::Module& module) {
  std::string name = module.name();
  if (const auto at = name.rfind("::"); at != std::string::npos) {
    name.erase(0, at + 2);
  }
  constexpr std::string_view kImpl = "Impl";
  if (name.size() > kImpl.size() && name.ends_with(kImpl)) {
    name.erase(name.size() - kImpl.size());
  }
  return name;
}

std::string shape_text(const at::Tensor& tensor) {
  return c10::str(tensor.sizes(), " ", c10::toString(tensor.scalar_type()));
}

class Walk {
 public:
  std::vector<GraphNode> nodes{};

  void enter(const torch::nn::Module& module, const std::string& path) {
    GraphNode forward{.name = path + "/forward", .op = type_of(module)};
    const auto children = module.named_children();
    const auto add = [&](const auto& tensors, const char* op) {
      for (const auto& item : tensors) {
        if (!item.value().defined()) continue;
        GraphNode node{.name = path + "/" + item.key(), .op = op};
        node.shape = item.value().sizes().vec();
        node.has_shape = true;
        forward.inputs.push_back(node.name);
        forward.attributes.emplace_back(item.key(), shape_text(item.value()));
        nodes.push_back(std::move(node));
      }
    };
    add(module.named_parameters(false), "Parameter");
    add(module.named_buffers(false), "Buffer");
    for (const auto& child : children) {
      enter(*child.value(), path + "/" + child.key());
    }
    if (!children.is_empty()) return;
    if (!last_.empty()) forward.inputs.insert(forward.inputs.begin(), last_);
    last_ = forward.name;
    nodes.push_back(std::move(forward));
  }

  void input(const at::Tensor& example) {
    GraphNode node{.name = "input", .op = "IO Node"};
    if (example.defined()) {
      node.shape = example.sizes().vec();
      node.has_shape = true;
    }
    last_ = node.name;
    nodes.push_back(std::move(node));
  }
  void output() {
    nodes.push_back({.name = "output", .op = "IO Node", .inputs = {last_}});
  }

 private:
  std::string last_{};
};

}  // namespace

std::vector<GraphNode> module_graph(const Module& module) {
  Walk walk;
  walk.input(module.example_input_array);
  walk.enter(module, type_of(module));
  walk.output();
  return std::move(walk.nodes);
}

}  // namespace bolt::detail
