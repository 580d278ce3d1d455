#pragma once

#include <torchbolt/data/batch_parts.h>
#include <torchbolt/data/loader.h>

#include <cstddef>
#include <initializer_list>
#include <ranges>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace bolt::detail {

/// A range whose items are loaders of the parts of a `B`.
template <class B, class L>
concept SeveralParts =
    SeveralLoaders<L> && !std::is_same_v<typename BatchOf<L>::type, B> &&
    std::is_same_v<
        typename BatchOf<LoaderRef<std::ranges::range_value_t<L>>>::type,
        PartAt<B, 0>>;

/// Loaders whose batches are the parts of a `B`, or `B`s themselves.
template <class B>
class LoaderParts {
 public:
  /// A loader with a name.
  struct Named {
    template <class L>
    Named(std::string part, L&& one)
        : name(std::move(part)), loader(check<L, 0>(std::forward<L>(one))) {}
    std::string name;
    Loaders loader;
  };

  template <class First, class... Rest>
    requires(sizeof...(Rest) > 0 ||
             !std::is_same_v<std::remove_cvref_t<First>, LoaderParts>)
  LoaderParts(First&& first, Rest&&... rest) {
    append(std::index_sequence_for<First, Rest...>(),
           std::forward<First>(first), std::forward<Rest>(rest)...);
  }
  LoaderParts(std::initializer_list<Named> named) {
    for (const Named& one : named) {
      loaders.append(one.loader);
      names.push_back(one.name);
    }
  }

  Loaders loaders{};
  std::vector<std::string> names{};

 private:
  template <std::size_t... K, class... L>
  void append(std::index_sequence<K...>, L&&... parts) {
    (loaders.append(check<L, K>(std::forward<L>(parts))), ...);
  }

  template <class L, std::size_t K>
  static Loaders check(L&& loader) {
    if constexpr (std::is_convertible_v<L&&, Loaders> && !HasBatch<L>) {
      return std::forward<L>(loader);  // checked when it is combined
    } else if constexpr (!HasBatch<L>) {
      static_assert(kAlwaysFalse<L>,
                    "This is not a loader: pass a bolt::DataLoader, a loader "
                    "of torch::data, or a range of batches.");
      return {};
    } else {
      using Item = typename BatchOf<LoaderRef<L>>::type;
      if constexpr (std::is_same_v<Item, B> ||
                    std::is_same_v<Item, PartAt<B, K>>) {
        return Loaders(std::forward<L>(loader));
      } else if constexpr (SeveralLoaders<LoaderRef<L>>) {
        Loaders all;
        for (auto& one : loader_ref(loader)) {
          all.append(check<decltype(one), K>(one));
        }
        return all;
      } else {
        static_assert(
            kAlwaysFalse<L>,
            "The loader's batches are not a part of the combined batch: that "
            "is a std::vector, std::tuple or std::map<std::string, …> of what "
            "the loaders give, each in a std::optional where it may be "
            "absent.");
        return {};
      }
    }
  }
};

}  // namespace bolt::detail
