#pragma once

#include <ATen/core/Tensor.h>
#include <torchbolt/export.h>
#include <torchbolt/state/rng.h>

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace bolt {

namespace detail {
class TransformSteps;
struct ImageOp;
}  // namespace detail

namespace transforms {

/// What is done with images on their way from a dataset into a batch: base of
/// Normalize, RandomCrop, the flips and Compose, and what any callable
/// `Tensor(Tensor)` or `Tensor(Tensor, Rng&)` becomes. A value that never
/// changes: copies share it, and threads may use it at the same time, each with
/// an Rng of its own. What is random is drawn from that Rng alone: sample by
/// sample, for each in the order of the transforms.
///
/// Images are [C, H, W] or [H, W], on the CPU; batches have a dimension more in
/// front. What comes out is contiguous. Throws DataError naming the transform
/// when images have another rank or type, or are too small.
///
///     bolt::transforms::RandomCrop crop({.height = 28, .width = 28,
///                                        .padding = 4});
///     at::Tensor one = crop(image, rng);
///     at::Tensor all = crop.batch(images, rng);
class TORCHBOLT_API Transform {
 public:
  using Function = std::function<at::Tensor(const at::Tensor&, Rng&)>;

  /// A callable. It is given what there is at that point: the whole batch where
  /// a batch is made, else the sample (see PerSample).
  template <class F>
    requires(!std::derived_from<std::remove_cvref_t<F>, Transform> &&
             (std::is_invocable_r_v<at::Tensor, F&, const at::Tensor&, Rng&> ||
              std::is_invocable_r_v<at::Tensor, F&, const at::Tensor&>))
  Transform(F function)
      : Transform(with_rng(std::move(function)), /*per_sample=*/false) {}

  /// One image.
  at::Tensor operator()(const at::Tensor& sample, Rng& rng) const;
  /// Images along the first dimension; each is drawn for by itself.
  at::Tensor batch(const at::Tensor& samples, Rng& rng) const;
  /// Those images of `source`, in this order, as a batch: the same as
  /// `batch(source.index_select(0, indices), rng)`, in one pass over the
  /// memory.
  at::Tensor gather(const at::Tensor& source, std::span<const int64_t> indices,
                    Rng& rng) const;
  /// Throws the DataError that `batch(samples, rng)` would; draws and computes
  /// nothing. What follows a callable can't be checked.
  void check(const at::Tensor& samples) const;

 protected:
  explicit Transform(detail::ImageOp op);
  explicit Transform(const std::vector<Transform>& in_order);
  Transform(Function function, bool per_sample);

  template <class F>
  static Function with_rng(F function) {
    if constexpr (std::is_invocable_v<F&, const at::Tensor&, Rng&>) {
      return Function(std::move(function));
    } else {
      return [f = std::move(function)](const at::Tensor& tensor,
                                       Rng&) mutable -> at::Tensor {
        return f(tensor);
      };
    }
  }

 private:
  std::shared_ptr<const detail::TransformSteps> steps_;
};

/// A callable that is given sample by sample also where a batch is made.
class TORCHBOLT_API PerSample : public Transform {
 public:
  template <class F>
    requires(!std::derived_from<std::remove_cvref_t<F>, Transform>)
  explicit PerSample(F function)
      : Transform(with_rng(std::move(function)), /*per_sample=*/true) {}
};

}  // namespace transforms
}  // namespace bolt
