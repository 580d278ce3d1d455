#pragma once

#include <torchbolt/data/batch.h>

#include <array>
#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

namespace bolt {

/// How a batch is put together from the batches of several loaders, its parts,
/// behind one table. A `std::vector<P>` has any number of parts, a tuple, pair
/// or array its own number, a `std::map<std::string, P>` parts with names; `P`
/// is the batch of a loader, in a `std::optional` where it may be absent.
struct PartOps {
  /// Parts that can't be left out.
  std::size_t min_parts;
  /// None: any number.
  std::optional<std::size_t> max_parts;
  /// Whether parts have names.
  bool named;
  /// Type of part k, without the `std::optional`.
  const std::type_info& (*type)(std::size_t k);
  /// Whether part k may be absent.
  bool (*optional)(std::size_t k);
  /// Moves the parts into a batch. A part without a batch is absent.
  void (*assemble)(AnyBatch& batch, std::span<AnyBatch> parts,
                   std::span<const std::string> names);
};

namespace detail {

template <class P>
struct Part {
  using type = P;
};
template <class P>
struct Part<std::optional<P>> {
  using type = P;
};

template <class B>
struct IsArray : std::false_type {};
template <class P, std::size_t N>
struct IsArray<std::array<P, N>> : std::true_type {};

template <class B>
inline constexpr bool kFixedParts = IsTuple<B>::value || IsArray<B>::value;
template <class B>
inline constexpr bool kListedParts = IsSequence<B>::value && !IsArray<B>::value;
template <class B>
inline constexpr bool kNamedParts = false;
template <class P, class C, class A>
inline constexpr bool kNamedParts<std::map<std::string, P, C, A>> = true;

/// Type of part K of batch type B as B has it; void where there is none.
template <class B, std::size_t K>
struct RawPart {
  using type = void;
};
template <class B, std::size_t K>
  requires(kListedParts<B>)
struct RawPart<B, K> {
  using type = typename B::value_type;
};
template <class B, std::size_t K>
  requires(kNamedParts<B>)
struct RawPart<B, K> {
  using type = typename B::mapped_type;
};
template <class B, std::size_t K>
  requires(kFixedParts<B>)
struct RawPart<B, K> {
  using type = typename decltype([] {
    if constexpr (K < std::tuple_size_v<B>) {
      return std::type_identity<std::tuple_element_t<K, B>>();
    } else {
      return std::type_identity<void>();
    }
  }())::type;
};

/// What loader K of a combination must give; void where there is no such part.
template <class B, std::size_t K>
using PartAt = typename Part<typename RawPart<B, K>::type>::type;

template <class P>
P take_part(std::span<AnyBatch> parts, std::size_t k) {
  if constexpr (IsOptional<P>::value) {
    if (k >= parts.size() || !parts[k]) return std::nullopt;
    return take_part<typename P::value_type>(parts, k);
  } else {
    // What somebody else keeps is copied: its tensors are shared, not their
    // data.
    parts[k].own();
    P value = std::move(parts[k].as<P>());
    parts[k].reset();
    return value;
  }
}

template <class B>
PartOps listed_part_ops() {
  using P = typename RawPart<B, 0>::type;
  return {.min_parts = 1,
          .max_parts = std::nullopt,
          .named = kNamedParts<B>,
          .type = [](std::size_t) -> const std::type_info& {
            return typeid(typename Part<P>::type);
          },
          .optional = [](std::size_t) { return IsOptional<P>::value; },
          .assemble =
              [](AnyBatch& batch, std::span<AnyBatch> parts,
                 std::span<const std::string> names) {
                B whole;
                for (std::size_t k = 0; k < parts.size(); ++k) {
                  if constexpr (kNamedParts<B>) {
                    whole.emplace(names[k], take_part<P>(parts, k));
                  } else {
                    if (k == 0) whole.reserve(parts.size());
                    whole.push_back(take_part<P>(parts, k));
                  }
                }
                (void)names;
                batch.emplace<B>(std::move(whole));
              }};
}

template <class B, std::size_t... K>
PartOps fixed_part_ops(std::index_sequence<K...>) {
  constexpr auto optional = [](std::size_t k) {
    bool found = false;
    ((found =
          found || (k == K && IsOptional<std::tuple_element_t<K, B>>::value)),
     ...);
    return found;
  };
  std::size_t needed = sizeof...(K);
  while (needed > 1 && optional(needed - 1)) --needed;
  return {.min_parts = needed,
          .max_parts = sizeof...(K),
          .named = false,
          .type = [](std::size_t k) -> const std::type_info& {
            const std::type_info* found = &typeid(void);
            ((found = k == K ? &typeid(PartAt<B, K>) : found), ...);
            return *found;
          },
          .optional = optional,
          .assemble =
              [](AnyBatch& batch, std::span<AnyBatch> parts,
                 std::span<const std::string>) {
                batch.emplace<B>(
                    B{take_part<std::tuple_element_t<K, B>>(parts, K)...});
              }};
}

}  // namespace detail

/// The table of batch type `B`; null where it can't be put together of parts.
template <class B>
const PartOps* part_ops() {
  if constexpr (detail::kListedParts<B> || detail::kNamedParts<B>) {
    static const PartOps ops = detail::listed_part_ops<B>();
    return &ops;
  } else if constexpr (detail::kFixedParts<B>) {
    if constexpr (std::tuple_size_v<B> == 0) {
      return nullptr;
    } else {
      static const PartOps ops = detail::fixed_part_ops<B>(
          std::make_index_sequence<std::tuple_size_v<B>>());
      return &ops;
    }
  } else {
    return nullptr;
  }
}

}  // namespace bolt
