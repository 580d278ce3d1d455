// Reads and writes checkpoints for check_checkpoints.py: a line of standard
// input each, answered by a line of JSON.
//
//   ckpt PATH           the tree
//   outline PATH        the tree without the numbers of its tensors
//   rewrite PATH NEW    reads a checkpoint, writes it to NEW
//   safetensors PATH    the tensors and the metadata of a safetensors file
//   resave PATH NEW     reads a safetensors file, writes it to NEW

#include <torch/torch.h>
#include <torchbolt/checkpoint/checkpoint.h>
#include <torchbolt/core/error.h>

#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <unordered_map>

namespace {

using bolt::State;
using nlohmann::json;

std::string hex(const at::Tensor& tensor) {
  const at::Tensor plain =
      tensor.resolve_conj().resolve_neg().clone(at::MemoryFormat::Contiguous);
  const auto* bytes = static_cast<const unsigned char*>(plain.data_ptr());
  std::string text;
  for (std::size_t k = 0; k < plain.nbytes(); ++k) {
    text += "0123456789abcdef"[bytes[k] >> 4];
    text += "0123456789abcdef"[bytes[k] & 15];
  }
  return text;
}

// As check_checkpoints.py describes what Python holds. Storages are counted as
// they are met.
class Describer {
 public:
  json describe(const State& state) {
    switch (state.kind()) {
      case State::Kind::kNone:
        return nullptr;
      case State::Kind::kBool:
        return state.as_bool();
      case State::Kind::kInt:
        return {{"int", std::to_string(state.as_int())}};
      case State::Kind::kDouble:
        return {{"float", number(state.as_double())}};
      case State::Kind::kString:
        return state.as_string();
      case State::Kind::kTensor:
        return tensor(state.as_tensor());
      case State::Kind::kList:
      case State::Kind::kTuple: {
        json items = json::array();
        for (const State& item : state.items()) items.push_back(describe(item));
        return {{state.is_list() ? "list" : "tuple", items}};
      }
      case State::Kind::kMap: {
        json entries = json::array();
        for (const auto& [key, value] : state.entries()) {
          const auto* integer = std::get_if<int64_t>(&key);
          entries.push_back({integer != nullptr
                                 ? json(*integer)
                                 : json(std::get<std::string>(key)),
                             describe(value)});
        }
        return {{"map", entries}};
      }
    }
    return nullptr;
  }

 private:
  static std::string number(double value) {
    std::ostringstream text;
    text << std::hexfloat << value;
    return text.str();
  }

  json tensor(const at::Tensor& tensor) {
    const void* storage = tensor.storage().unsafeGetStorageImpl();
    const auto id = storages_.emplace(storage, storages_.size()).first->second;
    json all{{"type", c10::toString(tensor.scalar_type())},
             {"shape", tensor.sizes().vec()},
             {"stride", tensor.strides().vec()},
             {"storage", id},
             {"requires_grad", tensor.requires_grad()}};
    if (!tensor.is_meta()) all["hex"] = hex(tensor);
    return {{"tensor", all}};
  }

  std::unordered_map<const void*, std::size_t> storages_{};
};

json answer(const std::string& line) {
  std::istringstream words(line);
  std::string what, path, more;
  words >> what >> path >> more;
  if (what == "rewrite") {
    bolt::write_checkpoint(more, bolt::read_checkpoint(path),
                           {.durable = false});
    bolt::verify_checkpoint(more);
    return nullptr;
  }
  if (what == "safetensors") {
    const bolt::Safetensors file = bolt::read_safetensors(path);
    State tensors = State::map();
    for (const auto& [name, tensor] : file.tensors) tensors.set(name, tensor);
    return {{"tensors", Describer().describe(tensors)},
            {"metadata", file.metadata}};
  }
  if (what == "resave") {
    const bolt::Safetensors file = bolt::read_safetensors(path);
    bolt::write_safetensors(more, file.tensors, file.metadata);
    return nullptr;
  }
  return Describer().describe(
      bolt::read_checkpoint(path, {.outline = what == "outline"}));
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    json reply;
    try {
      reply = answer(line);
    } catch (const bolt::Error& error) {
      reply = {{"error", error.what()}};
    }
    std::cout << reply.dump() << '\n';
  }
}
