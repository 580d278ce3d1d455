#pragma once

#include <ATen/core/Tensor.h>
#include <torchbolt/data/batch.h>
#include <torchbolt/data/collate.h>
#include <torchbolt/export.h>
#include <torchbolt/state/rng.h>

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace bolt {

/// Tensors in memory, sample by sample along their first dimension. Batches are
/// gathered with one operation each, and without shuffling not copied at all.
///
///     bolt::TensorDataset data(images, labels);   // batches: Example<>
class TORCHBOLT_API TensorDataset {
 public:
  /// Throws DataError when the first dimensions differ, or one has none.
  TensorDataset(at::Tensor data, at::Tensor target);

  int64_t size() const { return data_.size(0); }
  torch::data::Example<> get_batch(std::span<const int64_t> indices) const;
  /// Samples first … first + count - 1, as views.
  torch::data::Example<> get_range(int64_t first, int64_t count) const;
  const at::Tensor& data() const { return data_; }
  const at::Tensor& target() const { return target_; }

 private:
  at::Tensor data_;
  at::Tensor target_;
};

namespace detail {

template <class D>
int64_t dataset_size(const D& dataset) {
  if constexpr (requires {
                  { dataset.size().value() };
                }) {
    return static_cast<int64_t>(dataset.size().value());
  } else {
    return static_cast<int64_t>(dataset.size());
  }
}

/// Datasets that make whole batches.
template <class D>
concept BatchDataset = requires(D& d, std::span<const int64_t> indices,
                                Rng& rng) {
  d.get_batch(indices, rng);
} || requires(D& d, std::span<const int64_t> indices) { d.get_batch(indices); };

/// Datasets that make samples.
template <class D>
concept SampleDataset =
    requires(D& d, std::size_t index, Rng& rng) { d.get(index, rng); } ||
    requires(D& d, std::size_t index) { d.get(index); } ||
    requires(D& d) { d[std::size_t{0}]; };

/// Datasets that can be had in runs without a copy.
template <class D>
concept RangeDataset = requires(const D& d, int64_t n) { d.get_range(n, n); };

template <class D>
auto sample_at(D& dataset, int64_t index, Rng& rng) {
  const auto at = static_cast<std::size_t>(index);
  if constexpr (requires { dataset.get(at, rng); }) {
    return dataset.get(at, rng);
  } else if constexpr (requires { dataset.get(at); }) {
    return dataset.get(at);
  } else {
    return dataset[at];
  }
}

/// Whether what it gives for an index depends on a generator.
template <class D>
inline constexpr bool kDrawsRandomNumbers =
    requires(D& d, std::span<const int64_t> indices, Rng& rng) {
      d.get_batch(indices, rng);
    } || requires(D& d, std::size_t index, Rng& rng) { d.get(index, rng); };

/// Passes on the exception at hand, with the samples that were being read.
[[noreturn]] TORCHBOLT_API void rethrow_with_samples(
    std::span<const int64_t> indices);

[[noreturn]] TORCHBOLT_API void throw_no_dataset();
template <class D>
D& dataset_of(const std::shared_ptr<D>& dataset) {
  if (dataset == nullptr) throw_no_dataset();
  return *dataset;
}

/// By the user's `collate`, where there is one.
template <class Sample>
auto collate_samples(std::vector<Sample> samples) {
  if constexpr (requires { collate(std::move(samples)); }) {
    return collate(std::move(samples));
  } else {
    return default_collate(std::move(samples));
  }
}

template <class D>
auto gather(D& dataset, std::span<const int64_t> indices, Rng& rng) {
  if constexpr (BatchDataset<D>) {
    try {
      if constexpr (requires { dataset.get_batch(indices, rng); }) {
        return dataset.get_batch(indices, rng);
      } else {
        return dataset.get_batch(indices);
      }
    } catch (...) {
      rethrow_with_samples(indices);
    }
  } else {
    using Sample = std::remove_cvref_t<decltype(sample_at(dataset, 0, rng))>;
    std::vector<Sample> samples;
    samples.reserve(indices.size());
    for (const int64_t& index : indices) {
      try {
        samples.push_back(sample_at(dataset, index, rng));
      } catch (...) {
        rethrow_with_samples({&index, 1});
      }
    }
    return collate_samples(std::move(samples));
  }
}

}  // namespace detail

/// A dataset that a DataLoader can read: has `size()`, and either
/// `get_batch(std::span<const int64_t>)`, or `get(index)`, or `[index]`.
/// Datasets of torch::data and vectors of samples are such. One that draws
/// random numbers takes them from a `bolt::Rng&`, as the last argument of
/// `get_batch` or `get`: what it draws then depends on (seed, epoch, batch)
/// alone, however many threads load, and a resumed run repeats it.
template <class D>
concept Dataset = requires(D& d) { d.size(); } &&
                  (detail::BatchDataset<D> || detail::SampleDataset<D>);

}  // namespace bolt
