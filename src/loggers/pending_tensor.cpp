#include "loggers/pending_tensor.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <dlfcn.h>

#include <exception>

namespace bolt::detail {
namespace {

// Each thread that works on a large tensor makes a team of threads of its own;
// a logger's would take the cores away from training. OpenMP counts by thread,
// torch's own setting is everybody's.
void stay_alone() {
  thread_local const bool done = [] {
    at::get_num_threads();  // which sets the thread's count, the first time
    void* set = ::dlsym(RTLD_DEFAULT, "omp_set_num_threads");
    if (set != nullptr) reinterpret_cast<void (*)(int)>(set)(1);
    return true;
  }();
  (void)done;
}

}  // namespace

PendingTensor::PendingTensor(const at::Tensor& tensor) {
  if (!tensor.defined()) return;
  const at::NoGradGuard no_grad;
  copy_ = tensor.detach().clone();
  if (copy_.is_cpu()) return;
  try {
    auto ready = std::make_shared<c10::Event>(copy_.device().type());
    const c10::impl::VirtualGuardImpl guard(copy_.device().type());
    ready->record(guard.getStream(copy_.device()));
    ready_ = std::move(ready);
  } catch (const std::exception&) {
    copy_ = copy_.cpu();  // a device without events
  }
}

at::Tensor PendingTensor::read() const {
  stay_alone();
  if (ready_ == nullptr) return copy_;
  ready_->synchronize();
  return copy_.cpu();
}

}  // namespace bolt::detail
