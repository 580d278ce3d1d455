#pragma once

#include <ATen/core/Tensor.h>
#include <torch/data/example.h>
#include <torchbolt/export.h>

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace bolt {

namespace detail {

template <class T>
struct IsTuple : std::false_type {};
template <class... T>
struct IsTuple<std::tuple<T...>> : std::true_type {};
template <class A, class B>
struct IsTuple<std::pair<A, B>> : std::true_type {};

template <class T>
struct IsSequence : std::false_type {};
template <class T, class A>
struct IsSequence<std::vector<T, A>> : std::true_type {};
template <class T, std::size_t N>
struct IsSequence<std::array<T, N>> : std::true_type {};

template <class T>
struct IsMapping : std::false_type {};
template <class K, class V, class C, class A>
struct IsMapping<std::map<K, V, C, A>> : std::true_type {};
template <class K, class V, class H, class E, class A>
struct IsMapping<std::unordered_map<K, V, H, E, A>> : std::true_type {};

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};

template <class T>
struct IsVariant : std::false_type {};
template <class... T>
struct IsVariant<std::variant<T...>> : std::true_type {};

template <class T>
concept HasTensors = requires(T& value) { value.tensors(); };

template <class T>
concept IsExample =
    requires(T& value) {
      value.data;
      value.target;
    } &&
    std::is_same_v<
        T, torch::data::Example<decltype(T::data), decltype(T::target)>>;

template <class T>
concept IsDataOnlyExample = std::is_same_v<T, torch::data::TensorExample>;

/// Numbers, enums and text: parts of a batch that hold no tensor.
template <class T>
concept IsPlainLeaf = std::is_arithmetic_v<T> || std::is_enum_v<T> ||
                      std::is_same_v<T, std::string>;

template <class T>
inline constexpr bool kAlwaysFalse = false;

}  // namespace detail

/// Calls `visit(leaf)` for each leaf of a batch, depth first: for each
/// `at::Tensor`, and for each number or text. A batch may be a tensor,
/// `torch::data::Example`, a vector, array, map, optional, tuple, pair or
/// variant of them, or any struct with
/// `auto tensors() { return std::tie(a, b); }`.
template <class T, class Visit>
void visit_leaves(T& value, Visit&& visit) {
  using U = std::remove_const_t<T>;
  if constexpr (std::is_same_v<U, at::Tensor> || detail::IsPlainLeaf<U>) {
    visit(value);
  } else if constexpr (detail::IsDataOnlyExample<U>) {
    visit(value.data);
  } else if constexpr (detail::IsExample<U>) {
    visit_leaves(value.data, visit);
    visit_leaves(value.target, visit);
  } else if constexpr (detail::IsSequence<U>::value) {
    for (auto& item : value) visit_leaves(item, visit);
  } else if constexpr (detail::IsMapping<U>::value) {
    for (auto& entry : value) visit_leaves(entry.second, visit);
  } else if constexpr (detail::IsOptional<U>::value) {
    if (value.has_value()) visit_leaves(*value, visit);
  } else if constexpr (detail::IsVariant<U>::value) {
    std::visit([&](auto& item) { visit_leaves(item, visit); }, value);
  } else if constexpr (detail::IsTuple<U>::value) {
    std::apply([&](auto&... items) { (visit_leaves(items, visit), ...); },
               value);
  } else if constexpr (detail::HasTensors<U>) {
    auto members = const_cast<U&>(value).tensors();
    std::apply([&](auto&... items) { (visit_leaves(items, visit), ...); },
               members);
  } else {
    static_assert(detail::kAlwaysFalse<U>,
                  "torchbolt can't see the tensors of this batch type: give "
                  "the struct a member `auto tensors() { return std::tie(a, "
                  "b); }` that names them.");
  }
}

/// How many samples a batch holds, as the first tensor in it says.
struct BatchSize {
  /// size(0) of the first tensor, 1 for a tensor without dimensions; none when
  /// the batch holds no tensor.
  std::optional<int64_t> samples{};
  /// A later leaf says otherwise (or can't say).
  bool ambiguous = false;
};

/// What the loops need to know of a batch type, behind one table, so that they
/// are compiled once for all batch types.
struct BatchOps {
  const std::type_info& type;
  void* (*create)();
  void (*destroy)(void* storage) noexcept;
  /// Lets go of the value, keeps the storage.
  void (*clear)(void* storage) noexcept;
  /// Copies `from` into `storage`; null for a type that can't be copied.
  void (*copy)(void* storage, const void* from);
  void* (*value)(void* storage) noexcept;
  void (*to)(void* value, const at::Device& device);
  /// Gives tensors whose memory somebody else uses too memory of their own.
  void (*isolate)(void* value);
  bool (*lives_on)(const void* value, const at::Device& device);
  BatchSize (*size)(const void* value);
  /// Calls `visit(self, tensor)` for each tensor.
  void (*visit)(void* value, void (*visit)(void* self, at::Tensor& tensor),
                void* self);
};

/// The table of batch type `B`.
template <class B>
const BatchOps& batch_ops();

/// A batch of any type: either holds one, or refers to one that lives
/// elsewhere. Its storage is kept from batch to batch, so that filling it
/// allocates nothing. Callbacks get one, and read it with `as<MyBatch>()`.
/// Not thread-safe.
class TORCHBOLT_API AnyBatch {
 public:
  AnyBatch() = default;
  AnyBatch(AnyBatch&& other) noexcept { swap(other); }
  AnyBatch& operator=(AnyBatch&& other) noexcept {
    swap(other);
    return *this;
  }
  ~AnyBatch();

  /// Whether there is a batch.
  explicit operator bool() const { return value_ != nullptr; }

  /// The batch as a `B`. Throws DataError naming both types when it is of
  /// another type, or when there is none.
  template <class B>
  B& as() const {
    check_type(batch_ops<std::remove_const_t<B>>());
    return *static_cast<B*>(value_);
  }

  /// Stores a batch.
  template <class B>
  B& emplace(B batch) {
    std::optional<B>& slot =
        *static_cast<std::optional<B>*>(storage_for(batch_ops<B>()));
    slot.emplace(std::move(batch));
    value_ = &*slot;
    return *slot;
  }

  /// Refers to a batch that outlives its use here; nothing is copied.
  template <class B>
  void refer(const B& batch) {
    ops_ = &batch_ops<B>();
    value_ = const_cast<B*>(&batch);
  }

  /// Lets go of the batch (its tensors are freed), keeps the storage.
  void reset() noexcept;

  /// Makes sure that the batch is our own, so that it may be changed. Throws
  /// DataError when it is somebody else's and its type can't be copied.
  void own();

  /// `own()`, and tensors that share memory with others get their own, so that
  /// they may be changed in place.
  void isolate();

  /// Moves all tensors to `device`, without waiting where the device allows.
  /// Does nothing to a batch that is there already.
  void to(const at::Device& device);

  /// Puts `convert(tensor)` in the place of each tensor. A batch that somebody
  /// else keeps stays as it is there; one of which no tensor changes isn't
  /// copied.
  void map(const std::function<at::Tensor(const at::Tensor&)>& convert);

  /// Number of samples. See BatchSize.
  BatchSize size() const;

  /// Type of the batch; `typeid(void)` when there is none.
  const std::type_info& type() const;

 private:
  void swap(AnyBatch& other) noexcept;
  void* storage_for(const BatchOps& ops);
  void check_type(const BatchOps& wanted) const;

  const BatchOps* ops_ = nullptr;
  const BatchOps* storage_ops_ = nullptr;
  void* storage_ = nullptr;
  void* value_ = nullptr;
};

/// A type's name as a person would write it, for messages.
TORCHBOLT_API std::string type_name(const std::type_info& type);

namespace detail {
TORCHBOLT_API void add_leaf(BatchSize& size, bool& first,
                            std::optional<int64_t> samples);
TORCHBOLT_API std::optional<int64_t> leaf_samples(const at::Tensor& tensor);
TORCHBOLT_API void move_leaf(at::Tensor& tensor, const at::Device& device);
TORCHBOLT_API void isolate_leaf(at::Tensor& tensor);
}  // namespace detail

template <class B>
const BatchOps& batch_ops() {
  using Slot = std::optional<B>;
  static const BatchOps ops{
      .type = typeid(B),
      .create = []() -> void* { return new Slot(); },
      .destroy = [](void* s) noexcept { delete static_cast<Slot*>(s); },
      .clear = [](void* s) noexcept { static_cast<Slot*>(s)->reset(); },
      .copy =
          [] {
            using Copy = void (*)(void*, const void*);
            if constexpr (std::is_copy_constructible_v<B>) {
              return Copy([](void* s, const void* from) {
                static_cast<Slot*>(s)->emplace(*static_cast<const B*>(from));
              });
            } else {
              return Copy(nullptr);
            }
          }(),
      .value = [](void* s) noexcept -> void* {
        return &**static_cast<Slot*>(s);
      },
      .to =
          [](void* v, const at::Device& device) {
            visit_leaves(*static_cast<B*>(v), [&](auto& leaf) {
              using Leaf = std::remove_cvref_t<decltype(leaf)>;
              if constexpr (std::is_same_v<Leaf, at::Tensor>) {
                detail::move_leaf(leaf, device);
              }
            });
          },
      .isolate =
          [](void* v) {
            visit_leaves(*static_cast<B*>(v), [](auto& leaf) {
              using Leaf = std::remove_cvref_t<decltype(leaf)>;
              if constexpr (std::is_same_v<Leaf, at::Tensor>) {
                detail::isolate_leaf(leaf);
              }
            });
          },
      .lives_on =
          [](const void* v, const at::Device& device) {
            bool there = true;
            visit_leaves(*static_cast<const B*>(v), [&](const auto& leaf) {
              using Leaf = std::remove_cvref_t<decltype(leaf)>;
              if constexpr (std::is_same_v<Leaf, at::Tensor>) {
                there = there && (!leaf.defined() || leaf.device() == device);
              }
            });
            return there;
          },
      .size =
          [](const void* v) {
            BatchSize size;
            bool first = true;
            visit_leaves(*static_cast<const B*>(v), [&](const auto& leaf) {
              using Leaf = std::remove_cvref_t<decltype(leaf)>;
              if constexpr (std::is_same_v<Leaf, at::Tensor>) {
                detail::add_leaf(size, first, detail::leaf_samples(leaf));
              } else {
                detail::add_leaf(size, first, std::nullopt);
              }
            });
            return size;
          },
      .visit =
          [](void* v, void (*visit)(void*, at::Tensor&), void* self) {
            visit_leaves(*static_cast<B*>(v), [&](auto& leaf) {
              using Leaf = std::remove_cvref_t<decltype(leaf)>;
              if constexpr (std::is_same_v<Leaf, at::Tensor>) {
                visit(self, leaf);
              }
            });
          },
  };
  return ops;
}

}  // namespace bolt
