#pragma once

#include <ATen/core/Tensor.h>
#include <torchbolt/export.h>

#include <concepts>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace bolt {

/// A tree of values: what everything with state gives and takes, what
/// checkpoints hold, and what hyper-parameters are. Its kinds are those of
/// Python's checkpoints. Maps keep their order; their keys are strings or
/// integers; tensors may share storage. Copies of a State share tensors (use
/// `clone()` for tensors of its own), not structure. Not thread-safe.
///
///     auto s = State::map({{"lr", 1e-3}, {"betas", State::tuple({0.9, 1})}});
///     s["step"] = 7;
///     double lr = s.at("lr").as_double();
class TORCHBOLT_API State {
 public:
  enum class Kind {
    kNone,
    kBool,
    kInt,
    kDouble,
    kString,
    kTensor,
    kList,
    kTuple,
    kMap
  };
  using Key = std::variant<int64_t, std::string>;
  using Entry = std::pair<Key, State>;

  State() = default;
  State(bool value) : value_(value) {}
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  State(T value) : value_(static_cast<int64_t>(value)) {}
  template <std::floating_point T>
  State(T value) : value_(static_cast<double>(value)) {}
  State(const char* value) : value_(std::string(value)) {}
  State(std::string value) : value_(std::move(value)) {}
  State(std::string_view value) : value_(std::string(value)) {}
  State(at::Tensor value) : value_(std::move(value)) {}
  /// Not a pointer by mistake.
  template <class T>
  State(T*) = delete;

  static State list(std::vector<State> items = {});
  static State tuple(std::vector<State> items = {});
  static State map(std::vector<Entry> entries = {});

  Kind kind() const { return static_cast<Kind>(value_.index()); }
  bool is_none() const { return kind() == Kind::kNone; }
  bool is_bool() const { return kind() == Kind::kBool; }
  bool is_int() const { return kind() == Kind::kInt; }
  bool is_double() const { return kind() == Kind::kDouble; }
  bool is_string() const { return kind() == Kind::kString; }
  bool is_tensor() const { return kind() == Kind::kTensor; }
  bool is_list() const { return kind() == Kind::kList; }
  bool is_tuple() const { return kind() == Kind::kTuple; }
  bool is_map() const { return kind() == Kind::kMap; }

  /// The value. Throws CheckpointError naming both kinds when it is of another.
  bool as_bool() const;
  int64_t as_int() const;
  /// An integer counts as a number too, and so does a tensor of one element.
  double as_double() const;
  const std::string& as_string() const;
  const at::Tensor& as_tensor() const;

  /// Number of items or entries; 0 for the other kinds.
  std::size_t size() const;
  /// Items of a list or tuple.
  const std::vector<State>& items() const;
  std::vector<State>& items();
  void push_back(State item);

  /// Entries of a map, in order. They stay where they are when others are
  /// added.
  const std::deque<Entry>& entries() const;
  /// The value of a key; a map gets it, as none, when it isn't there. A none
  /// becomes a map.
  State& operator[](const Key& key);
  State& operator[](const char* key) { return (*this)[Key(std::string(key))]; }
  State& operator[](std::string_view key) {
    return (*this)[Key(std::string(key))];
  }
  State& operator[](const std::string& key) { return (*this)[Key(key)]; }
  template <std::integral T>
  State& operator[](T key) {
    return (*this)[Key(static_cast<int64_t>(key))];
  }
  void set(const Key& key, State value) { (*this)[key] = std::move(value); }
  /// The value of a key. Throws CheckpointError naming the keys there are.
  const State& at(const Key& key) const;
  const State& at(std::string_view key) const {
    return at(Key(std::string(key)));
  }
  const State& at(const char* key) const { return at(std::string_view(key)); }
  const State& at(const std::string& key) const { return at(Key(key)); }
  /// The value of a key, or null.
  const State* find(const Key& key) const;
  const State* find(std::string_view key) const {
    return find(Key(std::string(key)));
  }
  const State* find(const char* key) const {
    return find(std::string_view(key));
  }
  const State* find(const std::string& key) const { return find(Key(key)); }
  bool contains(std::string_view key) const { return find(key) != nullptr; }
  /// Takes out a key; false when it isn't there.
  bool erase(const Key& key);

  /// The same tree with tensors of its own; those that shared storage share it
  /// again.
  State clone() const;
  /// For people: {"lr": 0.001, "w": tensor[2, 3] float}.
  std::string to_string() const;

  /// Same kinds, values and order; tensors: same type, shape and bits; doubles:
  /// the same bits (so that NaN equals itself).
  friend TORCHBOLT_API bool operator==(const State& a, const State& b);

 private:
  struct List {
    std::vector<State> items{};
  };
  struct Tuple {
    std::vector<State> items{};
  };
  class Map;

  template <class T>
  const T& get(const char* expected) const;

  // The order of the alternatives is that of Kind.
  std::variant<std::monostate, bool, int64_t, double, std::string, at::Tensor,
               std::shared_ptr<List>, std::shared_ptr<Tuple>,
               std::shared_ptr<Map>>
      value_{};

 public:
  State(const State& other);
  State(State&& other) noexcept = default;
  State& operator=(const State& other);
  State& operator=(State&& other) noexcept = default;
  ~State() = default;
};

/// "none", "int", "map", …
TORCHBOLT_API std::string_view to_string(State::Kind kind);

}  // namespace bolt
