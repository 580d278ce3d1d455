// From what a pickle holds to a State.

#include <ATen/ATen.h>
#include <torchbolt/core/error.h>

#include <cstring>
#include <utility>

#include "checkpoint/unpickler.h"

namespace bolt::detail {
namespace {

// About what a value takes in a State.
constexpr uint64_t kValueBytes = 64;

}  // namespace

void Unpickler::refuse_value(const std::string& what, std::string got) const {
  throw CheckpointError({.where = where_,
                         .what = what + " (data.pkl, in " + path_.text() + ")",
                         .got = std::move(got)});
}

// A pickle can refer many times to one list, of which there is a copy each
// time: a short one could become any size.
void Unpickler::spend(uint64_t bytes) {
  if (bytes > budget_) {
    const char* what =
        "it refers to the same values so often that it would grow beyond all "
        "measure";
    if (make_ != nullptr) refuse_value(what);
    refuse(what);
  }
  budget_ -= bytes;
}

State Unpickler::tree(
    const std::function<at::Tensor(const TensorSpec&)>& make) {
  budget_ = full_budget();
  make_ = &make;
  tensors_.assign(specs_.size(), at::Tensor());
  State tree = convert(stack_.front());
  // Among the attributes that aren't kept.
  if (!bad_.empty()) throw CheckpointError(bad_.front());
  return tree;
}

State Unpickler::convert(const Value& value) {
  spend(kValueBytes);
  switch (value.tag) {
    case Tag::kNone:
      return {};
    case Tag::kBool:
      return value.integer != 0;
    case Tag::kInt:
      return value.integer;
    case Tag::kDouble:
      return value.number;
    case Tag::kText:
      spend(texts_[value.index].size());
      return texts_[value.index];
    case Tag::kBytes:
      spend(texts_[value.index].size());
      return convert_bytes(texts_[value.index]);
    case Tag::kComplex: {
      const auto [real, imaginary] = complexes_[value.index];
      return at::scalar_tensor(c10::complex<double>(real, imaginary),
                               at::kComplexDouble);
    }
    case Tag::kGlobal: {
      const PickleGlobal& global = globals_[value.index];
      if (global.function != PickleFunction::kDtype) {
        refuse_value("it holds a class or a function");
      }
      return "torch." + std::string(global.dtype->python);
    }
    case Tag::kStorage:
      refuse_value("it holds a storage without a tensor");
    case Tag::kTensor: {
      at::Tensor& tensor = tensors_[value.index];
      if (!tensor.defined()) tensor = (*make_)(specs_[value.index]);
      return tensor;
    }
    case Tag::kBad: {
      ErrorText text = bad_[value.index];
      text.what.insert(text.what.size() - 1, ", in " + path_.text());
      throw CheckpointError(std::move(text));
    }
    case Tag::kList:
    case Tag::kTuple:
    case Tag::kSet:
    case Tag::kMap:
      return convert_node(value);
  }
  return {};
}

State Unpickler::convert_node(const Value& value) {
  Node& node = nodes_[value.index];
  if (node.open) refuse_value("it holds itself");
  if (path_.depth() >= kDeepest) {
    refuse_value("it is nested too deeply",
                 "more than " + std::to_string(kDeepest) + " levels");
  }
  node.open = true;
  State result;
  if (value.tag == Tag::kMap) {
    result = State::map();
    for (std::size_t k = 0; k + 1 < node.items.size(); k += 2) {
      const State::Key key = convert_key(node.items[k]);
      path_.enter(key);
      if (const auto* text = std::get_if<std::string>(&key)) {
        spend(text->size());
      }
      result[key] = convert(node.items[k + 1]);
      path_.leave();
    }
  } else {
    std::vector<State> items;
    for (std::size_t k = 0; k < node.items.size(); ++k) {
      path_.enter(k);
      items.push_back(convert(node.items[k]));
      path_.leave();
    }
    result = value.tag == Tag::kTuple ? State::tuple(std::move(items))
                                      : State::list(std::move(items));
  }
  node.open = false;
  return result;
}

State::Key Unpickler::convert_key(const Value& value) const {
  switch (value.tag) {
    case Tag::kText:
      return std::string(texts_[value.index]);
    case Tag::kInt:
    case Tag::kBool:  // in Python, True is 1
      return value.integer;
    case Tag::kBad:
      throw CheckpointError(bad_[value.index]);
    default:
      refuse_value("a key is neither a text nor an integer");
  }
}

State Unpickler::convert_bytes(std::string_view bytes) const {
  at::Tensor tensor =
      at::empty({static_cast<int64_t>(bytes.size())}, at::kByte);
  if (!bytes.empty()) {
    std::memcpy(tensor.data_ptr(), bytes.data(), bytes.size());
  }
  return tensor;
}

}  // namespace bolt::detail
