#include "checkpoint/unpickler.h"

#include <torchbolt/core/error.h>

#include <array>
#include <bit>
#include <utility>

#include "checkpoint/utf8.h"
#include "core/byte_source.h"

namespace bolt::detail {
namespace {

std::string hex(unsigned char byte) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  return {'0', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
}

}  // namespace

Unpickler::Unpickler(std::string_view pickle, std::string where,
                     FindStorage find_storage)
    : pickle_(pickle),
      where_(std::move(where)),
      find_storage_(std::move(find_storage)) {}

std::string Unpickler::at_byte() const {
  return "data.pkl, byte " + std::to_string(opcode_);
}

void Unpickler::refuse(const std::string& what, std::string got,
                       std::string expected, std::string tip) const {
  // It may come of what was bad before.
  if (!bad_.empty()) throw CheckpointError(bad_.front());
  throw CheckpointError({.where = where_,
                         .what = what + " (" + at_byte() + ")",
                         .got = std::move(got),
                         .expected = std::move(expected),
                         .tip = std::move(tip)});
}

Unpickler::Value Unpickler::bad(const std::string& what, std::string got,
                                std::string expected, std::string tip) {
  bad_.push_back({.where = where_,
                  .what = what + " (" + at_byte() + ")",
                  .got = std::move(got),
                  .expected = std::move(expected),
                  .tip = std::move(tip)});
  return {.tag = Tag::kBad, .index = bad_.size() - 1};
}

void Unpickler::refuse_opcode(unsigned char code) const {
  refuse("it isn't a pickle that a checkpoint may hold", "opcode " + hex(code),
         "those of protocol 2 to 5 for plain values and tensors");
}

void Unpickler::run() {
  while (true) {
    opcode_ = at_;
    if (!step(static_cast<unsigned char>(take(1).front()))) return;
  }
}

std::string_view Unpickler::take(uint64_t bytes) {
  if (bytes > pickle_.size() - at_) {
    refuse("it ends too early", std::to_string(pickle_.size() - at_) + " bytes",
           std::to_string(bytes) + " more");
  }
  const std::string_view taken =
      pickle_.substr(at_, static_cast<std::size_t>(bytes));
  at_ += taken.size();
  return taken;
}

uint64_t Unpickler::unsigned_number(int bytes) {
  const std::string_view text = take(static_cast<uint64_t>(bytes));
  uint64_t value = 0;
  for (int k = bytes - 1; k >= 0; --k) {
    value = value << 8 |
            static_cast<unsigned char>(text[static_cast<std::size_t>(k)]);
  }
  return value;
}

std::string_view Unpickler::line() {
  constexpr std::size_t kLongest = 1000;
  const std::size_t end = pickle_.find('\n', at_);
  if (end == std::string_view::npos || end - at_ > kLongest) {
    refuse("the name of a class isn't ended");
  }
  const std::string_view text = pickle_.substr(at_, end - at_);
  at_ = end + 1;
  return text;
}

void Unpickler::push_node(Tag tag, std::vector<Value> items) {
  push(make_node(tag, std::move(items)));
}

Unpickler::Value Unpickler::make_node(Tag tag, std::vector<Value> items) {
  nodes_.push_back({.items = std::move(items)});
  return {.tag = tag, .index = nodes_.size() - 1};
}

void Unpickler::push_text(Tag tag, std::string_view text) {
  texts_.push_back(text);
  push({.tag = tag, .index = texts_.size() - 1});
}

Unpickler::Value Unpickler::make_text(Tag tag, std::string text) {
  made_texts_.push_back(std::move(text));
  texts_.push_back(made_texts_.back());
  return {.tag = tag, .index = texts_.size() - 1};
}

Unpickler::Value& Unpickler::top() {
  if (stack_.size() <= base()) refuse("its stack is empty");
  return stack_.back();
}

Unpickler::Value Unpickler::pop() {
  const Value value = top();
  stack_.pop_back();
  return value;
}

std::vector<Unpickler::Value> Unpickler::pop_mark() {
  if (marks_.empty()) refuse("its stack has no mark");
  const auto begin =
      stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
  std::vector<Value> items(begin, stack_.end());
  stack_.erase(begin, stack_.end());
  marks_.pop_back();
  return items;
}

// False at its end.
bool Unpickler::step(unsigned char code) {
  if (code == '.') {
    if (!marks_.empty() || stack_.size() != 1) {
      refuse("it ends with more or less than one value",
             std::to_string(stack_.size()) + " values");
    }
    return false;
  }
  if (scalar(code) || container(code) || memo(code)) return true;
  switch (code) {
    case 0x80: {  // PROTO
      const uint64_t protocol = unsigned_number(1);
      if (protocol < 2 || protocol > 5) {
        refuse("its protocol isn't known", std::to_string(protocol), "2 to 5");
      }
      return true;
    }
    case 0x95:  // FRAME: how the bytes were collected
      if (unsigned_number(8) > pickle_.size() - at_) {
        refuse("it ends too early", "the end inside of a frame");
      }
      return true;
    case 'c': {  // GLOBAL
      const std::string_view module = line();
      global(module, line());
      return true;
    }
    case 0x93:  // STACK_GLOBAL
      stack_global();
      return true;
    case 'R':     // REDUCE
    case 0x81: {  // NEWOBJ
      const Value arguments = pop();
      top() = call(top(), arguments);
      return true;
    }
    case 'b':  // BUILD
      build();
      return true;
    case 'Q':  // BINPERSID
      persistent();
      return true;
    default:
      refuse_opcode(code);
  }
}

bool Unpickler::scalar(unsigned char code) {
  switch (code) {
    case 'N':
      push({});
      return true;
    case 0x88:  // NEWTRUE
    case 0x89:  // NEWFALSE
      push({.tag = Tag::kBool, .integer = code == 0x88 ? 1 : 0});
      return true;
    case 'J':  // BININT
      push({.tag = Tag::kInt,
            .integer = static_cast<int32_t>(unsigned_number(4))});
      return true;
    case 'K':  // BININT1
    case 'M':  // BININT2
      push({.tag = Tag::kInt,
            .integer =
                static_cast<int64_t>(unsigned_number(code == 'K' ? 1 : 2))});
      return true;
    case 0x8a:  // LONG1
      big_integer(unsigned_number(1));
      return true;
    case 0x8b:  // LONG4
      big_integer(unsigned_number(4));
      return true;
    case 'G': {  // BINFLOAT, the other byte order
      uint64_t bits = 0;
      for (const char c : take(8)) {
        bits = bits << 8 | static_cast<unsigned char>(c);
      }
      push({.tag = Tag::kDouble, .number = std::bit_cast<double>(bits)});
      return true;
    }
    case 0x8c:  // SHORT_BINUNICODE
    case 'U':   // SHORT_BINSTRING
      text(unsigned_number(1));
      return true;
    case 'X':  // BINUNICODE
    case 'T':  // BINSTRING
      text(unsigned_number(4));
      return true;
    case 0x8d:  // BINUNICODE8
      text(unsigned_number(8));
      return true;
    case 'C':  // SHORT_BINBYTES
      push_text(Tag::kBytes, take(unsigned_number(1)));
      return true;
    case 'B':  // BINBYTES
      push_text(Tag::kBytes, take(unsigned_number(4)));
      return true;
    case 0x8e:  // BINBYTES8
    case 0x96:  // BYTEARRAY8
      push_text(Tag::kBytes, take(unsigned_number(8)));
      return true;
    default:
      return false;
  }
}

bool Unpickler::container(unsigned char code) {
  switch (code) {
    case '(':  // MARK
      marks_.push_back(stack_.size());
      return true;
    case ']':  // EMPTY_LIST
      push_node(Tag::kList);
      return true;
    case '}':  // EMPTY_DICT
      push_node(Tag::kMap);
      return true;
    case 0x8f:  // EMPTY_SET
      push_node(Tag::kSet);
      return true;
    case ')':  // EMPTY_TUPLE
      push_node(Tag::kTuple);
      return true;
    case 't':  // TUPLE
      push_node(Tag::kTuple, pop_mark());
      return true;
    case 0x91:  // FROZENSET
      push_node(Tag::kSet, pop_mark());
      return true;
    case 0x85:    // TUPLE1
    case 0x86:    // TUPLE2
    case 0x87: {  // TUPLE3
      const std::size_t count = code - 0x84U;
      if (stack_.size() - base() < count) refuse("its stack is empty");
      const auto begin = stack_.end() - static_cast<std::ptrdiff_t>(count);
      std::vector<Value> items(begin, stack_.end());
      stack_.erase(begin, stack_.end());
      push_node(Tag::kTuple, std::move(items));
      return true;
    }
    case 'a': {  // APPEND
      const Value item = pop();
      append({item});
      return true;
    }
    case 'e':  // APPENDS
      append(pop_mark());
      return true;
    case 's': {  // SETITEM
      const Value value = pop();
      const Value key = pop();
      set_items({key, value});
      return true;
    }
    case 'u':  // SETITEMS
      set_items(pop_mark());
      return true;
    case 0x90:  // ADDITEMS
      add_items(pop_mark());
      return true;
    case '0':  // POP
      if (!marks_.empty() && marks_.back() == stack_.size()) {
        marks_.pop_back();
      } else {
        pop();
      }
      return true;
    case '1':  // POP_MARK
      pop_mark();
      return true;
    default:
      return false;
  }
}

bool Unpickler::memo(unsigned char code) {
  switch (code) {
    case 'q':  // BINPUT
      remember(unsigned_number(1));
      return true;
    case 'r':  // LONG_BINPUT
      remember(unsigned_number(4));
      return true;
    case 0x94:  // MEMOIZE
      remember(memo_.size());
      return true;
    case 'h':  // BINGET
      recall(unsigned_number(1));
      return true;
    case 'j':  // LONG_BINGET
      recall(unsigned_number(4));
      return true;
    default:
      return false;
  }
}

void Unpickler::remember(uint64_t number) { memo_[number] = top(); }

void Unpickler::recall(uint64_t number) {
  const auto found = memo_.find(number);
  if (found == memo_.end()) {
    refuse("it refers to what isn't there yet",
           "value " + std::to_string(number));
  }
  push(found->second);
}

void Unpickler::big_integer(uint64_t bytes) {
  const std::string_view text = take(bytes);
  // Two's complement, little-endian; beyond eight bytes only the sign's.
  const bool negative =
      !text.empty() && (static_cast<unsigned char>(text.back()) & 0x80) != 0;
  uint64_t value = negative ? ~uint64_t{0} : 0;
  bool fits = true;
  for (std::size_t k = text.size(); k-- > 0;) {
    const auto byte = static_cast<unsigned char>(text[k]);
    if (k >= 8) {
      fits = fits && byte == (negative ? 0xff : 0);
    } else {
      value = value << 8 | byte;
    }
  }
  const auto number = static_cast<int64_t>(value);
  if (!fits || (number < 0) != negative) {
    return push(bad("an integer is out of range",
                    std::to_string(8 * text.size()) + " bits", "64 bits"));
  }
  push({.tag = Tag::kInt, .integer = number});
}

void Unpickler::text(uint64_t bytes) {
  const std::string_view text = take(bytes);
  if (is_utf8(text)) return push_text(Tag::kText, text);
  const std::string plain = without_escaped_bytes(text);
  // Escaped is what needs to be, and nothing else.
  if (with_escaped_bytes(plain) != text) {
    return push(bad("a text isn't UTF-8", quoted_text(text)));
  }
  push(make_text(Tag::kText, plain));
}

void Unpickler::global(std::string_view module, std::string_view name) {
  const std::optional<PickleGlobal> found = find_pickle_global(module, name);
  if (!found) {
    return push(
        bad("it names a class or function that a checkpoint may not hold",
            quoted_text(std::string(module) + "." + std::string(name)),
            "dicts, lists, tuples, texts, numbers, None and tensors",
            "in Python, turn it into those and save again"));
  }
  globals_.push_back(*found);
  push({.tag = Tag::kGlobal, .index = globals_.size() - 1});
}

void Unpickler::stack_global() {
  const Value name = pop();
  const Value module = pop();
  global(as_text(module), as_text(name));
}

void Unpickler::append(std::vector<Value> items) {
  if (top().tag == Tag::kBad) return;
  if (top().tag != Tag::kList) refuse("it appends to what isn't a list");
  std::vector<Value>& list = node(top()).items;
  list.insert(list.end(), items.begin(), items.end());
}

void Unpickler::set_items(std::vector<Value> items) {
  if (top().tag == Tag::kBad) return;
  if (top().tag != Tag::kMap) refuse("it sets a key of what isn't a dict");
  if (items.size() % 2 != 0) refuse("a key has no value");
  std::vector<Value>& map = node(top()).items;
  map.insert(map.end(), items.begin(), items.end());
}

void Unpickler::add_items(std::vector<Value> items) {
  if (top().tag == Tag::kBad) return;
  if (top().tag != Tag::kSet) refuse("it adds to what isn't a set");
  std::vector<Value>& set = node(top()).items;
  set.insert(set.end(), items.begin(), items.end());
}

// Attributes of an object, such as a state_dict's _metadata: not kept.
void Unpickler::build() {
  pop();
  if (top().tag != Tag::kMap && top().tag != Tag::kTensor &&
      top().tag != Tag::kBad) {
    refuse("it gives attributes to what can't have any");
  }
}

// ("storage", type, key, location, count)
void Unpickler::persistent() {
  const Value tuple = pop();
  if (tuple.tag != Tag::kTuple || node(tuple).items.size() != 5) {
    refuse("it refers to something else than a storage");
  }
  const std::vector<Value> parts = node(tuple).items;
  if (as_text(parts[0]) != "storage") {
    refuse("it refers to something else than a storage",
           quoted_text(as_text(parts[0])));
  }
  if (parts[1].tag == Tag::kBad) return push(parts[1]);
  const PickleGlobal& type = as_global(parts[1], PickleFunction::kStorage);
  const std::string key(as_text(parts[2]));
  as_text(parts[3]);
  const int64_t count = as_integer(parts[4]);
  const std::optional<Storage> found = find_storage_(key);
  if (!found) {
    return push(
        bad("the data of a tensor are missing", "no record data/" + key));
  }
  const uint64_t width =
      type.dtype == nullptr ? 1 : c10::elementSize(type.dtype->type);
  if (count < 0 || found->bytes % width != 0 ||
      static_cast<uint64_t>(count) != found->bytes / width) {
    return push(
        bad("the data of a tensor have another size than it says",
            std::to_string(found->bytes) + " bytes in record data/" + key,
            std::to_string(count) + " numbers of " + std::to_string(width) +
                " bytes"));
  }
  storages_.push_back({.storage = *found, .dtype = type.dtype});
  push({.tag = Tag::kStorage, .index = storages_.size() - 1});
}

}  // namespace bolt::detail
