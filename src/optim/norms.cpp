#include "optim/norms.h"

#include <ATen/ATen.h>

namespace bolt::optim::detail {

Norms norms_of(const std::vector<at::Tensor>& tensors, double p) {
  Norms norms{.each = at::_foreach_norm(tensors, p)};
  const at::Device device = tensors.front().device();
  for (at::Tensor& norm : norms.each) norm = norm.to(device);
  norms.total = at::stack(norms.each).norm(p);
  return norms;
}

}  // namespace bolt::optim::detail
