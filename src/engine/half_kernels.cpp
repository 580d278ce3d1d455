#include "engine/half_kernels.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <exception>

namespace bolt::detail {

bool computes_in(c10::ScalarType dtype, const c10::Device& device) {
  const c10::InferenceMode training(false);
  const at::AutoGradMode grad(true);
  const auto options = at::TensorOptions().device(device).dtype(dtype);
  const auto leaf = [&](at::IntArrayRef sizes) {
    return at::ones(sizes, options).requires_grad_();
  };
  try {
    const at::Tensor image = leaf({1, 1, 4, 4});
    const at::Tensor filter = leaf({2, 1, 3, 3});
    const at::Tensor weight = leaf({8, 3});
    const at::Tensor loss =
        at::conv2d(image, filter).reshape({1, 8}).mm(weight).sum();
    loss.backward();
    // 9 in each of 8 places, times 3 columns.
    return loss.item<double>() == 216 &&
           weight.grad().eq(9).all().item<bool>() &&
           filter.grad().eq(12).all().item<bool>();
  } catch (const std::exception&) {
    return false;
  }
}

}  // namespace bolt::detail
