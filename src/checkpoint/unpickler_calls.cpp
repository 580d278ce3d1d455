// What the functions do that a checkpoint may name.

#include <torchbolt/core/error.h>

#include <algorithm>
#include <string>
#include <utility>

#include "checkpoint/unpickler.h"
#include "core/byte_source.h"

namespace bolt::detail {
namespace {

using Function = PickleFunction;

}  // namespace

std::string_view Unpickler::as_text(const Value& value) const {
  if (value.tag != Tag::kText) refuse("a text is missing");
  return texts_[value.index];
}

int64_t Unpickler::as_integer(const Value& value) const {
  if (value.tag != Tag::kInt) refuse("an integer is missing");
  return value.integer;
}

const PickleGlobal& Unpickler::as_global(const Value& value,
                                         PickleFunction function) const {
  if (value.tag != Tag::kGlobal || globals_[value.index].function != function) {
    refuse("a class is missing, or another one");
  }
  return globals_[value.index];
}

std::vector<int64_t> Unpickler::integers(const Value& value) {
  if (value.tag != Tag::kTuple && value.tag != Tag::kList) {
    refuse("a shape is missing");
  }
  // As many as torch's own limit for what it can iterate.
  constexpr std::size_t kMost = 64;
  const std::vector<Value>& items = node(value).items;
  if (items.size() > kMost) {
    refuse("a tensor has too many dimensions", std::to_string(items.size()),
           "at most " + std::to_string(kMost));
  }
  std::vector<int64_t> numbers;
  for (const Value& item : items) {
    numbers.push_back(as_integer(item));
    if (numbers.back() < 0) {
      refuse("a tensor's shape is negative", std::to_string(numbers.back()));
    }
  }
  return numbers;
}

std::vector<Unpickler::Value> Unpickler::copy_of(const Value& value) {
  const std::vector<Value>& items = node(value).items;
  spend(items.size() * sizeof(Value));
  return items;
}

Unpickler::Value Unpickler::call(const Value& function,
                                 const Value& arguments) {
  if (function.tag == Tag::kBad) return function;
  if (function.tag != Tag::kGlobal) refuse("it calls what isn't a function");
  if (arguments.tag != Tag::kTuple) refuse("the arguments aren't a tuple");
  // A copy: calls make nodes.
  const std::vector<Value> parts = copy_of(arguments);
  const PickleFunction name = globals_[function.index].function;
  switch (name) {
    case Function::kOrderedDict:
    case Function::kCounter:
      return call_map(parts);
    case Function::kDefaultDict:
      // The factory makes what is missing; here nothing is.
      return make_node(Tag::kMap, {});
    case Function::kTensor:
    case Function::kTensorV2:
    case Function::kTensorV3:
      return call_tensor(name, parts);
    case Function::kParameter:
    case Function::kFromDevice:
      if (!parts.empty() && parts[0].tag == Tag::kBad) return parts[0];
      if (parts.empty() || parts[0].tag != Tag::kTensor) {
        refuse("a parameter isn't a tensor");
      }
      return parts[0];
    case Function::kMetaTensor:
      return call_meta_tensor(parts);
    case Function::kFromType:
      return call_from_type(parts);
    case Function::kSize:
      if (parts.size() != 1 ||
          (parts[0].tag != Tag::kTuple && parts[0].tag != Tag::kList)) {
        refuse("a shape is missing");
      }
      return make_node(Tag::kTuple, copy_of(parts[0]));
    case Function::kDevice:
      return call_device(parts);
    case Function::kEncode:
      return call_bytes(parts, true);
    case Function::kBytes:
      return call_bytes(parts, parts.size() == 2);
    case Function::kSet:
      return call_set(parts);
    case Function::kComplex:
      return call_complex(parts);
    case Function::kTensorClass:
    case Function::kStorage:
    case Function::kDtype:
    case Function::kFactory:
      break;
  }
  refuse("it calls what isn't to be called");
}

// Of nothing, of a dict (Counter), or of pairs (OrderedDict of Python 2).
Unpickler::Value Unpickler::call_map(const std::vector<Value>& arguments) {
  std::vector<Value> items;
  if (arguments.size() == 1 && arguments[0].tag == Tag::kMap) {
    items = copy_of(arguments[0]);
  } else if (arguments.size() == 1 && arguments[0].tag == Tag::kList) {
    for (const Value& pair : copy_of(arguments[0])) {
      const bool is_pair =
          (pair.tag == Tag::kTuple || pair.tag == Tag::kList) &&
          node(pair).items.size() == 2;
      if (!is_pair) refuse("a dict is made of something else than pairs");
      items.push_back(node(pair).items[0]);
      items.push_back(node(pair).items[1]);
    }
  } else if (!arguments.empty()) {
    refuse("a dict is made of something else than pairs");
  }
  return make_node(Tag::kMap, std::move(items));
}

// (storage, offset, sizes, strides, requires_grad, hooks, [dtype,] [metadata])
Unpickler::Value Unpickler::call_tensor(PickleFunction function,
                                        const std::vector<Value>& arguments) {
  const std::size_t least = function == Function::kTensor     ? 4
                            : function == Function::kTensorV2 ? 6
                                                              : 7;
  if (arguments.size() < least || arguments.size() > least + 1) {
    refuse("a tensor has another number of parts",
           std::to_string(arguments.size()), std::to_string(least));
  }
  if (arguments[0].tag == Tag::kBad) return arguments[0];
  if (arguments[0].tag != Tag::kStorage) refuse("a tensor has no storage");
  const StorageUse& use = storages_[arguments[0].index];
  TensorSpec spec;
  spec.storage = use.storage.number;
  spec.type = use.dtype == nullptr ? at::kByte : use.dtype->type;
  if (function == Function::kTensorV3) {
    if (arguments[6].tag == Tag::kBad) return arguments[6];
    spec.type = as_global(arguments[6], Function::kDtype).dtype->type;
  }
  spec.offset = as_integer(arguments[1]);
  spec.sizes = integers(arguments[2]);
  spec.strides = integers(arguments[3]);
  if (function != Function::kTensor && arguments.size() == least + 1 &&
      arguments[least].tag == Tag::kMap) {
    const std::vector<Value>& metadata = node(arguments[least]).items;
    for (std::size_t k = 0; k + 1 < metadata.size(); k += 2) {
      const std::string_view key = as_text(metadata[k]);
      const bool on =
          metadata[k + 1].tag == Tag::kBool && metadata[k + 1].integer != 0;
      if (key == "conj") spec.conj = on && at::isComplexType(spec.type);
      if (key == "neg") {
        spec.neg = on && (at::isFloatingType(spec.type) ||
                          at::isComplexType(spec.type));
      }
    }
  }
  if (const auto wrong = check_bounds(spec, use.storage.bytes)) return *wrong;
  spend(spec.sizes.size() * 2 * sizeof(int64_t));
  specs_.push_back(std::move(spec));
  return {.tag = Tag::kTensor, .index = specs_.size() - 1};
}

// Every number of the tensor is in its storage, and all can be counted.
std::optional<Unpickler::Value> Unpickler::check_bounds(const TensorSpec& spec,
                                                        uint64_t bytes) {
  __extension__ using Wide = __int128;
  // In bytes it is then still a number of 64 bits.
  constexpr Wide kMost = Wide{1} << 56;
  if (spec.sizes.size() != spec.strides.size() || spec.offset < 0) {
    return bad("a tensor's shape, strides and offset don't fit each other");
  }
  Wide last = spec.offset;
  Wide count = 1;
  bool empty = false;
  for (std::size_t k = 0; k < spec.sizes.size(); ++k) {
    const int64_t size = spec.sizes[k];
    empty = empty || size == 0;
    count *= std::max<int64_t>(size, 1);
    last += Wide{std::max<int64_t>(size, 1) - 1} * spec.strides[k];
    if (count > kMost || last > kMost) {
      return bad("a tensor's shape is more than can be");
    }
  }
  const uint64_t there = bytes / c10::elementSize(spec.type);
  if (empty ? Wide{spec.offset} > Wide{there} : last >= Wide{there}) {
    return bad("a tensor goes beyond its storage",
               "number " + std::to_string(static_cast<int64_t>(last)),
               "at most " + std::to_string(there) + " numbers");
  }
  return std::nullopt;
}

// (dtype, sizes, strides, requires_grad)
Unpickler::Value Unpickler::call_meta_tensor(
    const std::vector<Value>& arguments) {
  if (arguments.size() != 4) refuse("a tensor has another number of parts");
  if (arguments[0].tag == Tag::kBad) return arguments[0];
  TensorSpec spec;
  spec.type = as_global(arguments[0], Function::kDtype).dtype->type;
  spec.sizes = integers(arguments[1]);
  spec.strides = integers(arguments[2]);
  // Nothing is there that could be too small.
  if (const auto wrong = check_bounds(spec, uint64_t{1} << 62)) return *wrong;
  specs_.push_back(std::move(spec));
  return {.tag = Tag::kTensor, .index = specs_.size() - 1};
}

// (function, class, its arguments, attributes): a tensor with attributes, which
// aren't kept.
Unpickler::Value Unpickler::call_from_type(
    const std::vector<Value>& arguments) {
  if (arguments.size() != 4) refuse("a tensor has another number of parts");
  as_global(arguments[1], Function::kTensorClass);
  const bool again =
      arguments[0].tag == Tag::kGlobal &&
      globals_[arguments[0].index].function == Function::kFromType;
  if (again) refuse("a tensor is made of itself");
  const Value made = call(arguments[0], arguments[2]);
  if (made.tag != Tag::kTensor && made.tag != Tag::kBad) {
    refuse("a tensor isn't one");
  }
  return made;
}

Unpickler::Value Unpickler::call_device(const std::vector<Value>& arguments) {
  if (arguments.empty() || arguments.size() > 2) {
    refuse("a device has another number of parts");
  }
  std::string text(as_text(arguments[0]));
  if (arguments.size() == 2) {
    text += ":" + std::to_string(as_integer(arguments[1]));
  }
  return make_text(Tag::kText, std::move(text));
}

// Bytes, before protocol 3: each as a character of a text.
Unpickler::Value Unpickler::call_bytes(const std::vector<Value>& arguments,
                                       bool from_text) {
  if (arguments.empty()) return make_text(Tag::kBytes, "");
  if (!from_text) {
    if (arguments[0].tag != Tag::kBytes) refuse("bytes are missing");
    return arguments[0];
  }
  if (arguments.size() != 2 || (as_text(arguments[1]) != "latin1" &&
                                as_text(arguments[1]) != "latin-1")) {
    refuse("bytes in an encoding that isn't latin1");
  }
  const std::string_view text = as_text(arguments[0]);
  spend(text.size());
  std::string bytes;
  for (std::size_t k = 0; k < text.size(); ++k) {
    const auto c = static_cast<unsigned char>(text[k]);
    if (c < 0x80) {
      bytes += text[k];
    } else if (c < 0xc4) {  // one of 0x80 … 0xff, in two bytes
      ++k;
      bytes += static_cast<char>((c & 3) << 6 |
                                 (static_cast<unsigned char>(text[k]) & 0x3f));
    } else {
      refuse("bytes in an encoding that isn't latin1");
    }
  }
  return make_text(Tag::kBytes, std::move(bytes));
}

Unpickler::Value Unpickler::call_set(const std::vector<Value>& arguments) {
  if (arguments.empty()) return make_node(Tag::kSet, {});
  if (arguments.size() != 1 || arguments[0].tag != Tag::kList) {
    refuse("a set is made of something else than a list");
  }
  return make_node(Tag::kSet, copy_of(arguments[0]));
}

Unpickler::Value Unpickler::call_complex(const std::vector<Value>& arguments) {
  const bool two = arguments.size() == 2 && arguments[0].tag == Tag::kDouble &&
                   arguments[1].tag == Tag::kDouble;
  if (!two) refuse("a complex number isn't made of two numbers");
  complexes_.emplace_back(arguments[0].number, arguments[1].number);
  return {.tag = Tag::kComplex, .index = complexes_.size() - 1};
}

}  // namespace bolt::detail
