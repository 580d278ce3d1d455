#pragma once

#include <torchbolt/data/dataset.h>
#include <torchbolt/export.h>

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace bolt {

namespace detail {

template <class D>
struct IsSharedPtr : std::false_type {};
template <class D>
struct IsSharedPtr<std::shared_ptr<D>> : std::true_type {};

/// Keeps a dataset, or shares it.
template <class D>
auto hold(D dataset) {
  if constexpr (IsSharedPtr<D>::value) {
    return dataset;
  } else {
    return std::make_shared<D>(std::move(dataset));
  }
}
template <class D>
using Held = typename decltype(hold(std::declval<D>()))::element_type;

/// Which samples of a dataset a view shows: `first`, `first + step`, …, or
/// those of a list, which views share.
struct Selection {
  int64_t size = 0;
  int64_t first = 0;
  int64_t step = 1;
  std::shared_ptr<const std::vector<int64_t>> listed{};

  /// The sample behind the view's sample k. With a list, `first` is where the
  /// view's part of it begins.
  int64_t at(int64_t k) const {
    const int64_t place = first + k * step;
    return listed ? (*listed)[static_cast<std::size_t>(place)] : place;
  }
  bool contiguous() const { return !listed && step == 1; }
};
TORCHBOLT_API Selection select(std::vector<int64_t> indices, int64_t size);
TORCHBOLT_API Selection select_range(int64_t first, int64_t last, int64_t size);
TORCHBOLT_API Selection select_shard(int64_t index, int64_t count,
                                     int64_t size);
TORCHBOLT_API Selection select_shuffled(uint64_t seed, int64_t size);

}  // namespace detail

/// A share of a dataset (0.8) or a number of samples (800).
class TORCHBOLT_API SplitPart {
 public:
  template <std::floating_point T>
  SplitPart(T share) : value_(static_cast<double>(share)), is_share_(true) {}
  template <std::integral T>
  SplitPart(T count) : value_(static_cast<double>(count)) {}
  double value() const { return value_; }
  bool is_share() const { return is_share_; }

 private:
  double value_;
  bool is_share_ = false;
};

namespace detail {
TORCHBOLT_API std::vector<Selection> select_split(
    std::span<const SplitPart> parts, uint64_t seed, int64_t size);
}  // namespace detail

/// Some samples of a dataset, in an order; made by subset(), random_split(),
/// shuffled() and shard(). Copies nothing: a batch is one batch of the dataset
/// behind it, and a run of a contiguous view is one of its runs. As safe with
/// threads as the dataset behind it.
///
///     auto parts = bolt::random_split(data, {0.8, 0.2}, 42);
///     bolt::DataLoader train(parts[0], {.batch_size = 64, .shuffle = true});
///     bolt::DataLoader few(bolt::subset(data, 0, 100), {.batch_size = 10});
template <class D>
class IndexView {
 public:
  IndexView(std::shared_ptr<D> dataset, detail::Selection selection)
      : dataset_(std::move(dataset)), selection_(std::move(selection)) {}

  int64_t size() const { return selection_.size; }
  D& dataset() const { return *dataset_; }

  auto get(std::size_t index, Rng& rng) const
    requires detail::SampleDataset<D>
  {
    return detail::sample_at(*dataset_,
                             selection_.at(static_cast<int64_t>(index)), rng);
  }
  auto get_batch(std::span<const int64_t> indices, Rng& rng) const
    requires detail::BatchDataset<D>
  {
    std::vector<int64_t> behind(indices.begin(), indices.end());
    for (int64_t& index : behind) index = selection_.at(index);
    return detail::gather(*dataset_, std::span<const int64_t>(behind), rng);
  }
  auto get_range(int64_t first, int64_t count) const
    requires detail::RangeDataset<D>
  {
    if (selection_.contiguous()) {
      return dataset_->get_range(selection_.at(first), count);
    }
    std::vector<int64_t> behind(static_cast<std::size_t>(count));
    for (int64_t k = 0; k < count; ++k) {
      behind[static_cast<std::size_t>(k)] = selection_.at(first + k);
    }
    Rng unused(0);  // a dataset that has runs draws nothing
    return detail::gather(*dataset_, std::span<const int64_t>(behind), unused);
  }

 private:
  std::shared_ptr<D> dataset_;
  detail::Selection selection_;
};

/// The samples of these indices, in this order; repeats are fine. All functions
/// here take a dataset, which they keep, or a `shared_ptr` to one. Throws
/// DataError naming an index that the dataset doesn't have.
template <class D>
IndexView<detail::Held<D>> subset(D dataset, std::vector<int64_t> indices) {
  auto held = detail::hold(std::move(dataset));
  const int64_t size = detail::dataset_size(*held);
  return {std::move(held), detail::select(std::move(indices), size)};
}

/// Samples first … last - 1. Throws DataError when they aren't there.
template <class D>
IndexView<detail::Held<D>> subset(D dataset, int64_t first, int64_t last) {
  auto held = detail::hold(std::move(dataset));
  const int64_t size = detail::dataset_size(*held);
  return {std::move(held), detail::select_range(first, last, size)};
}

/// Parts without a sample in common, drawn with `seed`: shares that add up to 1
/// (what rounding leaves goes to the first ones, a sample each), or counts that
/// add up to the dataset. Throws ConfigError otherwise.
template <class D>
std::vector<IndexView<detail::Held<D>>> random_split(
    D dataset, std::initializer_list<SplitPart> parts, uint64_t seed) {
  auto held = detail::hold(std::move(dataset));
  const int64_t size = detail::dataset_size(*held);
  std::vector<IndexView<detail::Held<D>>> views;
  for (auto& part : detail::select_split(std::span(parts.begin(), parts.size()),
                                         seed, size)) {
    views.emplace_back(held, std::move(part));
  }
  return views;
}

/// All samples in an order drawn with `seed`, the same each epoch. (A
/// DataLoader's `shuffle` draws a new one each epoch.)
template <class D>
IndexView<detail::Held<D>> shuffled(D dataset, uint64_t seed) {
  auto held = detail::hold(std::move(dataset));
  const int64_t size = detail::dataset_size(*held);
  return {std::move(held), detail::select_shuffled(seed, size)};
}

/// Every `count`-th sample from sample `index` on: the shards of one dataset
/// have no sample in common, and sizes that differ by one at most. Throws
/// ConfigError unless 0 <= index < count.
template <class D>
IndexView<detail::Held<D>> shard(D dataset, int64_t index, int64_t count) {
  auto held = detail::hold(std::move(dataset));
  const int64_t size = detail::dataset_size(*held);
  return {std::move(held), detail::select_shard(index, count, size)};
}

}  // namespace bolt
