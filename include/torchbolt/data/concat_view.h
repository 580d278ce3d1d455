#pragma once

#include <torchbolt/data/batch.h>
#include <torchbolt/data/index_view.h>
#include <torchbolt/export.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

namespace bolt {

namespace detail {

/// The leaves of several batches, joined along their first dimension: row k of
/// the result is row order[k] of them all (empty: as they are).
TORCHBOLT_API std::vector<at::Tensor> join_leaves(
    const std::vector<std::vector<at::Tensor>>& batches,
    std::span<const int64_t> order);
[[noreturn]] TORCHBOLT_API void throw_cant_join();
[[noreturn]] TORCHBOLT_API void throw_no_sample(int64_t index, int64_t size);

template <class B>
std::vector<at::Tensor> leaves_of(B& batch) {
  std::vector<at::Tensor> leaves;
  visit_leaves(batch, [&](auto& leaf) {
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(leaf)>,
                                 at::Tensor>) {
      leaves.push_back(leaf);
    } else {
      throw_cant_join();
    }
  });
  return leaves;
}

template <class B>
B join(std::vector<B> batches, std::span<const int64_t> order) {
  std::vector<std::vector<at::Tensor>> leaves;
  for (B& batch : batches) leaves.push_back(leaves_of(batch));
  std::vector<at::Tensor> joined = join_leaves(leaves, order);
  std::size_t k = 0;
  visit_leaves(batches.front(), [&](auto& leaf) {
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(leaf)>,
                                 at::Tensor>) {
      leaf = std::move(joined[k++]);
    }
  });
  return std::move(batches.front());
}

}  // namespace detail

/// Datasets one behind the other; see concat(). A batch is one batch of each
/// dataset that it touches, joined where it touches several.
template <class... D>
class ConcatView {
 public:
  explicit ConcatView(std::shared_ptr<D>... datasets)
      : datasets_(std::move(datasets)...) {
    std::size_t k = 0;
    std::apply(
        [&](const auto&... one) {
          ((ends_[k] = (k > 0 ? ends_[k - 1] : 0) + detail::dataset_size(*one),
            ++k),
           ...);
        },
        datasets_);
  }

  int64_t size() const { return ends_.back(); }

  auto get(std::size_t index, Rng& rng) const
    requires(detail::SampleDataset<D> && ...)
  {
    const auto at = static_cast<int64_t>(index);
    const std::size_t k = place_of(at);
    return with(k, [&](auto& dataset) {
      return detail::sample_at(dataset, at - begin_of(k), rng);
    });
  }

  auto get_batch(std::span<const int64_t> indices, Rng& rng) const
    requires(detail::BatchDataset<D> && ...)
  {
    std::array<std::vector<int64_t>, sizeof...(D)> wanted;
    std::array<std::vector<int64_t>, sizeof...(D)> rows;
    for (std::size_t row = 0; row < indices.size(); ++row) {
      const std::size_t k = place_of(indices[row]);
      wanted[k].push_back(indices[row] - begin_of(k));
      rows[k].push_back(static_cast<int64_t>(row));
    }
    const auto part = [&](std::size_t k) {
      return with(k, [&](auto& dataset) {
        return detail::gather(dataset, std::span<const int64_t>(wanted[k]),
                              rng);
      });
    };
    std::vector<decltype(part(0))> parts;
    std::vector<int64_t> order(indices.size());
    int64_t joined = 0;
    for (std::size_t k = 0; k < sizeof...(D); ++k) {
      if (wanted[k].empty()) continue;
      parts.push_back(part(k));
      for (const int64_t row : rows[k]) {
        order[static_cast<std::size_t>(row)] = joined++;
      }
    }
    if (parts.empty()) return part(0);
    if (parts.size() == 1) return std::move(parts.front());
    return detail::join(std::move(parts), order);
  }

  auto get_range(int64_t first, int64_t count) const
    requires(detail::RangeDataset<D> && ...)
  {
    const auto part = [&](std::size_t k, int64_t from, int64_t n) {
      return with(k, [&](auto& dataset) {
        return std::as_const(dataset).get_range(from - begin_of(k), n);
      });
    };
    std::vector<decltype(part(0, 0, 0))> parts;
    for (std::size_t k = 0; k < sizeof...(D) && count > 0; ++k) {
      const int64_t n = std::min(count, ends_[k] - first);
      if (n <= 0) continue;
      parts.push_back(part(k, first, n));
      first += n;
      count -= n;
    }
    if (parts.empty()) return part(0, 0, 0);
    if (parts.size() == 1) return std::move(parts.front());
    return detail::join(std::move(parts), {});
  }

 private:
  std::size_t place_of(int64_t index) const {
    if (index < 0 || index >= size()) detail::throw_no_sample(index, size());
    return static_cast<std::size_t>(std::ranges::upper_bound(ends_, index) -
                                    ends_.begin());
  }
  int64_t begin_of(std::size_t k) const { return k > 0 ? ends_[k - 1] : 0; }

  template <std::size_t K = 0, class F>
  auto with(std::size_t k, F&& f) const {
    if constexpr (K + 1 < sizeof...(D)) {
      if (k != K) return with<K + 1>(k, std::forward<F>(f));
    }
    return f(*std::get<K>(datasets_));
  }

  std::tuple<std::shared_ptr<D>...> datasets_;
  std::array<int64_t, sizeof...(D)> ends_{};
};

/// The samples of the first dataset, then those of the next, and so on. They
/// must give samples (or batches) of one type; batches that are joined must
/// consist of tensors (DataError). Reading an index that isn't there throws
/// DataError.
///
///     bolt::DataLoader all(bolt::concat(real, synthetic), {.shuffle = true});
template <class... D>
ConcatView<detail::Held<D>...> concat(D... datasets) {
  static_assert(sizeof...(D) > 0, "concat() needs a dataset.");
  return ConcatView<detail::Held<D>...>(detail::hold(std::move(datasets))...);
}

}  // namespace bolt
