#include <ATen/ATen.h>
#include <torchbolt/data/augmented_dataset.h>

#include <utility>

namespace bolt {

AugmentedDataset::AugmentedDataset(TensorDataset samples,
                                   transforms::Transform transform)
    : samples_(std::move(samples)), transform_(std::move(transform)) {
  transform_.check(samples_.data());
}

torch::data::Example<> AugmentedDataset::get_batch(
    std::span<const int64_t> indices, Rng& rng) const {
  at::Tensor data = transform_.gather(samples_.data(), indices, rng);
  const at::Tensor index =
      at::from_blob(const_cast<int64_t*>(indices.data()),
                    {static_cast<int64_t>(indices.size())}, at::kLong);
  const at::Tensor& target = samples_.target();
  return {std::move(data), target.index_select(0, index.to(target.device()))};
}

}  // namespace bolt
