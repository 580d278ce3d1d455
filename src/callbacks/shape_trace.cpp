#include "callbacks/shape_trace.h"

#include <torch/nn/modules/conv.h>
#include <torchbolt/data/batch.h>

#include <algorithm>
#include <array>
#include <functional>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <variant>

namespace bolt {
namespace {

using Sizes = ShapeTrace::Sizes;

// The callbacks are plain functions, and belong to a thread.
thread_local ShapeTrace* current = nullptr;

template <class F>
void for_each_tensor(const c10::IValue& value, F&& call) {
  if (value.isTensor()) {
    if (value.toTensor().defined()) call(value.toTensor());
  } else if (value.isTensorList()) {
    for (const at::Tensor& tensor : value.toTensorVector()) {
      if (tensor.defined()) call(tensor);
    }
  }
}

int64_t product(const Sizes& sizes, std::size_t from = 0) {
  if (from >= sizes.size()) return 1;
  return std::accumulate(sizes.begin() + static_cast<std::ptrdiff_t>(from),
                         sizes.end(), int64_t{1}, std::multiplies<>());
}

// (…, m, k) by (…, k, n).
int64_t of_product(const Sizes& a, const Sizes& b) {
  return a.empty() || b.empty() ? 0 : 2 * product(a) * b.back();
}

// Each position of the smaller map meets each weight.
int64_t of_convolution(const Sizes& input, const Sizes& weight,
                       const Sizes& output, bool transposed) {
  const Sizes& map = transposed ? input : output;
  if (map.size() < 2) return 0;
  return 2 * map[0] * product(map, 2) * product(weight);
}

int64_t of_attention(const Sizes& query, const Sizes& key, const Sizes& value) {
  if (query.empty() || key.size() < 2 || value.empty()) return 0;
  const int64_t rows = product(query) / std::max<int64_t>(query.back(), 1);
  return 2 * rows * key[key.size() - 2] * (query.back() + value.back());
}

// The scores once more, and the gradients of all four factors.
int64_t of_attention_backward(const Sizes& query, const Sizes& key,
                              const Sizes& value) {
  if (query.empty() || key.size() < 2 || value.empty()) return 0;
  const int64_t rows = product(query) / std::max<int64_t>(query.back(), 1);
  return 2 * rows * key[key.size() - 2] * (3 * query.back() + 2 * value.back());
}

// Whether it is exactly one of libtorch's modules of these names.
bool is_of(const torch::nn::Module& module,
           std::span<const char* const> types) {
  const std::string name = type_name(typeid(module));
  return std::ranges::any_of(types, [&](const char* type) {
    return name == "torch::nn::" + std::string(type) + "Impl";
  });
}

template <class Conv>
bool pads_with_zeros(const torch::nn::Module& module) {
  const auto* conv = dynamic_cast<const Conv*>(&module);
  return conv == nullptr || std::holds_alternative<torch::enumtype::kZeros>(
                                conv->options.padding_mode());
}

}  // namespace

bool is_one_operation(const torch::nn::Module& module) {
  constexpr std::array kTypes{"Linear",
                              "Bilinear",
                              "PReLU",
                              "Conv1d",
                              "Conv2d",
                              "Conv3d",
                              "ConvTranspose1d",
                              "ConvTranspose2d",
                              "ConvTranspose3d",
                              "BatchNorm1d",
                              "BatchNorm2d",
                              "BatchNorm3d",
                              "InstanceNorm1d",
                              "InstanceNorm2d",
                              "InstanceNorm3d",
                              "LayerNorm",
                              "GroupNorm",
                              "Embedding",
                              "EmbeddingBag",
                              "RNN",
                              "LSTM",
                              "GRU",
                              "RNNCell",
                              "LSTMCell",
                              "GRUCell"};
  // Another kind of padding is an operation of its own, before.
  return is_of(module, kTypes) &&
         pads_with_zeros<torch::nn::Conv1dImpl>(module) &&
         pads_with_zeros<torch::nn::Conv2dImpl>(module) &&
         pads_with_zeros<torch::nn::Conv3dImpl>(module);
}

bool keeps_shape(const torch::nn::Module& module) {
  constexpr std::array kTypes{"ReLU",           "ReLU6",
                              "LeakyReLU",      "RReLU",
                              "PReLU",          "ELU",
                              "SELU",           "CELU",
                              "GELU",           "SiLU",
                              "Mish",           "Sigmoid",
                              "Tanh",           "LogSigmoid",
                              "Softmax",        "Softmin",
                              "LogSoftmax",     "Softmax2d",
                              "Softplus",       "Softsign",
                              "Softshrink",     "Hardshrink",
                              "Hardtanh",       "Tanhshrink",
                              "Threshold",      "Dropout",
                              "Dropout2d",      "Dropout3d",
                              "Identity",       "LayerNorm",
                              "AlphaDropout",   "FeatureAlphaDropout",
                              "GroupNorm",      "BatchNorm1d",
                              "BatchNorm2d",    "BatchNorm3d",
                              "InstanceNorm1d", "InstanceNorm2d",
                              "InstanceNorm3d"};
  return is_of(module, kTypes);
}

struct ShapeTrace::Operation final : at::ObserverContext {
  const torch::nn::Module* owner = nullptr;
  // Shapes of the tensors that are given, and of the first that isn't the
  // owner's.
  std::vector<Sizes> given{};
  std::optional<Sizes> input{};
  bool transposed = false;
  // Of a convolution's backward pass: gradients of input and weight that are
  // asked for.
  int64_t gradients = 0;
};

ShapeTrace::ShapeTrace(const std::vector<torch::nn::Module*>& modules)
    : before_(std::exchange(current, this)),
      handle_(at::addThreadLocalCallback(
          at::RecordFunctionCallback(&on_start, &on_end)
              .needsInputs(true)
              .needsOutputs(true)
              .scopes({at::RecordScope::FUNCTION}))) {
  const auto add = [&](const auto& tensors, const torch::nn::Module* module) {
    for (const auto& entry : tensors) {
      if (!entry.value().defined()) continue;
      owners_.emplace(entry.value().unsafeGetTensorImpl(), module);
    }
  };
  for (const torch::nn::Module* module : modules) {
    add(module->named_parameters(/*recurse=*/false), module);
    add(module->named_buffers(/*recurse=*/false), module);
  }
}

ShapeTrace::~ShapeTrace() {
  at::removeCallback(handle_);
  current = before_;
}

ShapeTrace::Seen ShapeTrace::of(const torch::nn::Module* module) const {
  const auto found = seen_.find(module);
  return found == seen_.end() ? Seen() : found->second;
}

std::unique_ptr<at::ObserverContext> ShapeTrace::on_start(
    const at::RecordFunction& function) {
  if (current == nullptr) return nullptr;  // a thread of another device
  auto operation = std::make_unique<Operation>();
  for (const c10::IValue& value : function.inputs()) {
    for_each_tensor(value, [&](const at::Tensor& tensor) {
      const auto found = current->owners_.find(tensor.unsafeGetTensorImpl());
      if (found != current->owners_.end()) {
        operation->owner = found->second;
      } else if (!operation->input) {
        operation->input = tensor.sizes().vec();
      }
      operation->given.push_back(tensor.sizes().vec());
    });
  }
  // convolution(input, weight, bias, stride, padding, dilation, transposed, …)
  const auto& inputs = function.inputs();
  if (inputs.size() > 6 && inputs[6].isBool()) {
    operation->transposed = inputs[6].toBool();
  }
  // convolution_backward(grad, input, weight, bias_sizes, stride, padding,
  // dilation, transposed, output_padding, groups, output_mask)
  if (inputs.size() > 10 && inputs[7].isBool() && inputs[10].isBoolList()) {
    operation->transposed = inputs[7].toBool();
    const auto wanted = inputs[10].toBoolList();
    for (std::size_t k = 0; k < 2 && k < wanted.size(); ++k) {
      operation->gradients += wanted[k] ? 1 : 0;
    }
  }
  if (operation->owner != nullptr) current->active_.push_back(operation->owner);
  return operation;
}

void ShapeTrace::on_end(const at::RecordFunction& function,
                        at::ObserverContext* context) {
  if (context == nullptr || current == nullptr) return;
  const auto& operation = static_cast<const Operation&>(*context);
  current->note_flops(operation, function);
  if (operation.owner == nullptr) return;
  current->note_shapes(operation, function);
  current->active_.pop_back();
}

void ShapeTrace::note_shapes(const Operation& operation,
                             const at::RecordFunction& function) {
  const auto& active = active_;
  // An operation inside of another of the same module ends before it.
  const bool inner =
      std::count(active.begin(), active.end(), operation.owner) > 1;
  Seen& seen = seen_[operation.owner];
  if (inner || seen.in || !operation.input ||
      !is_one_operation(*operation.owner)) {
    return;
  }
  seen.in = operation.input;
  for (const c10::IValue& value : function.outputs()) {
    for_each_tensor(value, [&](const at::Tensor& tensor) {
      if (!seen.out) seen.out = tensor.sizes().vec();
    });
  }
}

void ShapeTrace::note_flops(const Operation& operation,
                            const at::RecordFunction& function) {
  const std::string_view name = function.name();
  const std::vector<Sizes>& given = operation.given;
  int64_t flops = 0;
  if (name == "aten::mm" || name == "aten::bmm") {
    if (given.size() >= 2) flops = of_product(given[0], given[1]);
  } else if (name == "aten::addmm" || name == "aten::baddbmm") {
    if (given.size() >= 3) flops = of_product(given[1], given[2]);
  } else if (name == "aten::convolution") {
    const auto& outputs = function.outputs();
    if (given.size() >= 2 && !outputs.empty() && outputs[0].isTensor()) {
      flops = of_convolution(given[0], given[1],
                             outputs[0].toTensor().sizes().vec(),
                             operation.transposed);
    }
  } else if (name == "aten::convolution_backward") {
    if (given.size() >= 3) {
      flops = operation.gradients * of_convolution(given[1], given[2], given[0],
                                                   operation.transposed);
    }
  } else if (name.starts_with("aten::_scaled_dot_product_") &&
             name.ends_with("_backward")) {
    if (given.size() >= 4) {
      flops = of_attention_backward(given[1], given[2], given[3]);
    }
  } else if (name.starts_with("aten::_scaled_dot_product_") &&
             !name.ends_with("_math") && given.size() >= 3) {
    flops = of_attention(given[0], given[1], given[2]);
  }
  total_flops_ += flops;
  if (flops > 0 && !active_.empty()) seen_[active_.back()].flops += flops;
}

}  // namespace bolt
