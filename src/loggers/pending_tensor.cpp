#include "loggers/pending_tensor.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>

namespace bolt::detail {

PendingTensor::PendingTensor(const at::Tensor& tensor) {
  if (!tensor.defined()) return;
  const at::NoGradGuard no_grad;
  copy_ = tensor.detach().clone();
  if (copy_.is_cpu()) return;
  ready_ = std::make_shared<c10::Event>(copy_.device().type());
  const c10::impl::VirtualGuardImpl guard(copy_.device().type());
  ready_->record(guard.getStream(copy_.device()));
}

at::Tensor PendingTensor::read() const {
  if (ready_ == nullptr) return copy_;
  ready_->synchronize();
  return copy_.cpu();
}

}  // namespace bolt::detail
