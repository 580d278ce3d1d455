#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <memory>

namespace c10 {
struct Event;
}

namespace bolt::detail {

/// What a tensor holds now, for a thread that reads it later: the one that
/// makes it doesn't wait for the tensor's device, and may change the tensor
/// afterwards.
class PendingTensor {
 public:
  explicit PendingTensor(const at::Tensor& tensor);

  std::size_t nbytes() const { return copy_.defined() ? copy_.nbytes() : 0; }
  /// On the CPU; waits until it is there. From then on the calling thread works
  /// on tensors by itself, without torch's other threads.
  at::Tensor read() const;

 private:
  at::Tensor copy_{};
  // Comes when the device has made the copy.
  std::shared_ptr<c10::Event> ready_{};
};

}  // namespace bolt::detail
