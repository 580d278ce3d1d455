#pragma once

#include <torchbolt/core/error.h>
#include <torchbolt/state/state.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "checkpoint/pickle_globals.h"
#include "checkpoint/tree_path.h"

namespace bolt::detail {

/// A tensor as a pickle describes it; what it uses is inside of its storage.
struct TensorSpec {
  /// Without a storage: on the meta device.
  static constexpr std::size_t kNoStorage =
      std::numeric_limits<std::size_t>::max();
  std::size_t storage = kNoStorage;
  at::ScalarType type = at::ScalarType::Undefined;
  int64_t offset = 0;
  std::vector<int64_t> sizes{};
  std::vector<int64_t> strides{};
  bool conj = false;
  bool neg = false;
};

/// Reads a pickle of protocol 2 to 5 that holds what a State can hold, and
/// nothing else. It executes nothing; memory is taken in proportion to the
/// pickle; lists that hold themselves, and trees deeper than kDeepest, are
/// refused. Errors are CheckpointErrors that name the byte, and the place in
/// the tree.
class Unpickler {
 public:
  /// The number and the size of the storage with this key; none without it.
  struct Storage {
    std::size_t number = 0;
    uint64_t bytes = 0;
  };
  using FindStorage =
      std::function<std::optional<Storage>(const std::string& key)>;

  /// `pickle` must outlive this; `where` begins its errors.
  Unpickler(std::string_view pickle, std::string where,
            FindStorage find_storage);
  /// Reads all of it.
  void run();
  /// What was read; `make` makes each tensor that is in the tree, once.
  State tree(const std::function<at::Tensor(const TensorSpec&)>& make);

 private:
  enum class Tag : uint8_t {
    kNone,
    kBool,
    kInt,
    kDouble,
    kText,
    kBytes,
    kComplex,
    kGlobal,
    kStorage,
    kTensor,
    kList,
    kTuple,
    kSet,
    kMap,
    kBad  ///< what can't be in a State; where it is, the tree will show
  };
  // Small, since a byte of the pickle can make one.
  struct Value {
    Tag tag = Tag::kNone;
    union {
      int64_t integer = 0;
      double number;
      std::size_t index;  // in the vector of its tag
    };
  };
  struct Node {
    std::vector<Value> items{};  // of a map: key, value, key, value, …
    bool open = false;           // a walk is inside of it
  };
  struct StorageUse {
    Storage storage{};
    const DtypeNames* dtype = nullptr;  // null: bytes
  };

  [[noreturn]] void refuse(const std::string& what, std::string got = {},
                           std::string expected = {},
                           std::string tip = {}) const;
  [[noreturn]] void refuse_opcode(unsigned char code) const;
  /// A value that has no place in a State. Reading goes on, since only then is
  /// it known where in the tree it stands.
  Value bad(const std::string& what, std::string got = {},
            std::string expected = {}, std::string tip = {});
  std::string at_byte() const;

  // The bytes.
  std::string_view take(uint64_t bytes);
  uint64_t unsigned_number(int bytes);
  std::string_view line();

  // The stack. What lies below the last mark isn't to be had.
  std::size_t base() const { return marks_.empty() ? 0 : marks_.back(); }
  void push(Value value) { stack_.push_back(value); }
  void push_node(Tag tag, std::vector<Value> items = {});
  void push_text(Tag tag, std::string_view text);
  Value pop();
  Value& top();
  std::vector<Value> pop_mark();
  Node& node(const Value& value) { return nodes_[value.index]; }

  // The opcodes.
  bool step(unsigned char code);
  bool scalar(unsigned char code);
  bool container(unsigned char code);
  bool memo(unsigned char code);
  void big_integer(uint64_t bytes);
  void text(uint64_t bytes);
  void global(std::string_view module, std::string_view name);
  void stack_global();
  void append(std::vector<Value> items);
  void set_items(std::vector<Value> items);
  void add_items(std::vector<Value> items);
  void build();
  void persistent();
  void remember(uint64_t number);
  void recall(uint64_t number);

  // The calls.
  std::vector<Value> copy_of(const Value& value);
  Value call(const Value& function, const Value& arguments);
  Value call_map(const std::vector<Value>& arguments);
  Value call_tensor(PickleFunction function,
                    const std::vector<Value>& arguments);
  Value call_meta_tensor(const std::vector<Value>& arguments);
  Value call_from_type(const std::vector<Value>& arguments);
  Value call_device(const std::vector<Value>& arguments);
  Value call_bytes(const std::vector<Value>& arguments, bool from_text);
  Value call_set(const std::vector<Value>& arguments);
  Value call_complex(const std::vector<Value>& arguments);
  std::optional<Value> check_bounds(const TensorSpec& spec, uint64_t bytes);
  std::vector<int64_t> integers(const Value& value);
  std::string_view as_text(const Value& value) const;
  int64_t as_integer(const Value& value) const;
  const PickleGlobal& as_global(const Value& value,
                                PickleFunction function) const;
  Value make_text(Tag tag, std::string text);
  Value make_node(Tag tag, std::vector<Value> items);

  // The tree.
  State convert(const Value& value);
  State::Key convert_key(const Value& value) const;
  State convert_node(const Value& value);
  State convert_bytes(std::string_view bytes) const;
  void spend(uint64_t bytes);
  uint64_t full_budget() const {
    return (uint64_t{64} << 20) + 256 * static_cast<uint64_t>(pickle_.size());
  }
  [[noreturn]] void refuse_value(const std::string& what,
                                 std::string got = {}) const;

  std::string_view pickle_;
  std::string where_;
  FindStorage find_storage_;
  std::size_t at_ = 0;      // the next byte
  std::size_t opcode_ = 0;  // the byte of the opcode being read
  std::vector<Value> stack_{};
  std::vector<std::size_t> marks_{};
  std::unordered_map<uint64_t, Value> memo_{};
  std::vector<Node> nodes_{};
  std::vector<std::string_view> texts_{};
  std::deque<std::string> made_texts_{};  // which the pickle doesn't hold
  std::vector<PickleGlobal> globals_{};
  std::vector<StorageUse> storages_{};
  std::vector<TensorSpec> specs_{};
  std::vector<std::pair<double, double>> complexes_{};
  std::vector<ErrorText> bad_{};

  const std::function<at::Tensor(const TensorSpec&)>* make_ = nullptr;
  std::vector<at::Tensor> tensors_{};
  TreePath path_{};
  uint64_t budget_ = full_budget();
};

}  // namespace bolt::detail
