#include <ATen/ATen.h>
#include <torchbolt/trainer/step.h>

#include <algorithm>

namespace bolt {

at::Tensor& Outputs::operator[](std::string_view name) {
  const auto found = std::ranges::find(items_, name, &Item::first);
  if (found != items_.end()) return found->second;
  return items_.emplace_back(std::string(name), at::Tensor()).second;
}

const at::Tensor* Outputs::find(std::string_view name) const {
  const auto found = std::ranges::find(items_, name, &Item::first);
  return found == items_.end() ? nullptr : &found->second;
}

void StepOutput::detach() {
  if (!loss_.defined() || !loss_.requires_grad()) return;
  // In place, where nobody else has it: no new tensor, and the graph goes now.
  if (loss_.use_count() == 1 && !loss_.is_view() && !loss_.is_leaf()) {
    loss_.detach_();
  } else {
    loss_ = loss_.detach();
  }
}

}  // namespace bolt
