#pragma once

#include <torchbolt/data/index_view.h>

#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>

namespace bolt {

namespace detail {

/// Calls `f` with what it takes: the value, or the value and a generator.
template <class F, class T>
auto call_with(const F& f, T&& value, Rng& rng) {
  if constexpr (std::is_invocable_v<const F&, T&&, Rng&>) {
    return f(std::forward<T>(value), rng);
  } else {
    static_assert(std::is_invocable_v<const F&, T&&>,
                  "The function doesn't take what the dataset gives: it is "
                  "called with a sample (map) or a batch (map_batch), and a "
                  "bolt::Rng& if it takes one; and it must be callable while "
                  "const, since several threads may share it.");
    return f(std::forward<T>(value));
  }
}

}  // namespace detail

/// A dataset's samples, each changed by a function; see map().
template <class D, class F>
class MapView {
 public:
  MapView(std::shared_ptr<D> dataset, F f)
      : dataset_(std::move(dataset)), f_(std::move(f)) {}

  int64_t size() const { return detail::dataset_size(*dataset_); }
  auto get(std::size_t index, Rng& rng) const {
    return detail::call_with(
        f_, detail::sample_at(*dataset_, static_cast<int64_t>(index), rng),
        rng);
  }

 private:
  std::shared_ptr<D> dataset_;
  F f_;
};

/// A dataset's batches, each changed by a function; see map_batch().
template <class D, class F>
class MapBatchView {
 public:
  MapBatchView(std::shared_ptr<D> dataset, F f)
      : dataset_(std::move(dataset)), f_(std::move(f)) {}

  int64_t size() const { return detail::dataset_size(*dataset_); }
  auto get_batch(std::span<const int64_t> indices, Rng& rng) const {
    return detail::call_with(f_, detail::gather(*dataset_, indices, rng), rng);
  }
  // Runs come without a generator: a function that draws has none of them.
  auto get_range(int64_t first, int64_t count) const
    requires detail::RangeDataset<D> &&
             requires(const D& d, const F& f) { f(d.get_range(0, 0)); }
  {
    return f_(std::as_const(*dataset_).get_range(first, count));
  }

 private:
  std::shared_ptr<D> dataset_;
  F f_;
};

/// The dataset whose sample is `f(sample)`, or `f(sample, rng)` where `f` takes
/// a `bolt::Rng&`: what it draws then depends on (seed, epoch, batch) alone.
/// `f` runs each time a sample is read, on the loader's threads. For a dataset
/// that makes samples; one that makes whole batches has map_batch().
///
///     auto flipped = bolt::map(images, [](torch::Tensor x, bolt::Rng& rng) {
///       return rng.uniform() < 0.5 ? x.flip(-1) : x;
///     });
template <class D, class F>
MapView<detail::Held<D>, F> map(D dataset, F f) {
  static_assert(detail::SampleDataset<detail::Held<D>>,
                "The dataset makes batches, not samples: use map_batch.");
  return {detail::hold(std::move(dataset)), std::move(f)};
}

/// The same for whole batches: `f(batch)`, or `f(batch, rng)`. One call for a
/// batch is what is fast.
///
///     auto scaled = bolt::map_batch(data, [](torch::data::Example<> batch) {
///       batch.data = batch.data / 255;
///       return batch;
///     });
template <class D, class F>
MapBatchView<detail::Held<D>, F> map_batch(D dataset, F f) {
  return {detail::hold(std::move(dataset)), std::move(f)};
}

}  // namespace bolt
