#include <ATen/ATen.h>
#include <torchbolt/data/collate.h>
#include <torchbolt/data/transforms/transform.h>

#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "data/transforms/image_op.h"
#include "data/transforms/stage.h"

namespace bolt {
namespace detail {

/// The parts of a transform as they were given, and the passes made of them.
class TransformSteps {
 public:
  struct Call {
    transforms::Transform::Function function{};
    bool per_sample = false;
  };
  using Part = std::variant<ImageOp, Call>;
  using Indices = std::optional<std::span<const int64_t>>;

  explicit TransformSteps(std::vector<Part> parts) : parts_(std::move(parts)) {
    for (const Part& part : parts_) {
      if (const auto* call = std::get_if<Call>(&part)) {
        steps_.emplace_back(*call);
        continue;
      }
      const auto& op = std::get<ImageOp>(part);
      Stage* last =
          steps_.empty() ? nullptr : std::get_if<Stage>(&steps_.back());
      if (last == nullptr || !last->takes(op)) {
        last = &std::get<Stage>(steps_.emplace_back(Stage()));
      }
      last->add(op);
    }
  }

  const std::vector<Part>& parts() const { return parts_; }

  at::Tensor batch(at::Tensor tensor, Indices indices, Rng& rng) const {
    for (const auto& step : steps_) {
      if (const auto* stage = std::get_if<Stage>(&step)) {
        tensor = stage->run(tensor, std::exchange(indices, std::nullopt), rng);
      } else {
        if (indices) tensor = select(tensor, *std::exchange(indices, {}));
        tensor = call_batch(std::get<Call>(step), tensor, rng);
      }
    }
    return indices ? select(tensor, *indices) : tensor;
  }

  at::Tensor sample(at::Tensor tensor, Rng& rng) const {
    for (const auto& step : steps_) {
      if (const auto* stage = std::get_if<Stage>(&step)) {
        const at::Tensor one = tensor.defined() ? tensor.unsqueeze(0) : tensor;
        tensor = stage->run(one, std::nullopt, rng).squeeze(0);
      } else {
        tensor = std::get<Call>(step).function(tensor, rng);
      }
    }
    return tensor;
  }

  void check(at::Tensor tensor) const {
    for (const auto& step : steps_) {
      const auto* stage = std::get_if<Stage>(&step);
      if (stage == nullptr) return;
      tensor = stage->check(tensor);
    }
  }

 private:
  static at::Tensor select(const at::Tensor& tensor,
                           std::span<const int64_t> indices) {
    const at::Tensor index =
        at::from_blob(const_cast<int64_t*>(indices.data()),
                      {static_cast<int64_t>(indices.size())}, at::kLong);
    return tensor.index_select(0, index.to(tensor.device()));
  }

  static at::Tensor call_batch(const Call& call, const at::Tensor& tensor,
                               Rng& rng) {
    if (!call.per_sample) return call.function(tensor, rng);
    std::vector<at::Tensor> samples;
    samples.reserve(static_cast<std::size_t>(tensor.size(0)));
    for (int64_t k = 0; k < tensor.size(0); ++k) {
      samples.push_back(call.function(tensor.select(0, k), rng));
    }
    if (samples.empty()) return tensor;
    return stack_samples(samples, "the transformed image");
  }

  std::vector<Part> parts_;
  std::vector<std::variant<Stage, Call>> steps_{};
};

}  // namespace detail

namespace transforms {

using detail::TransformSteps;

Transform::Transform(detail::ImageOp op)
    : steps_(std::make_shared<TransformSteps>(
          std::vector<TransformSteps::Part>{std::move(op)})) {}

Transform::Transform(Function function, bool per_sample)
    : steps_(std::make_shared<TransformSteps>(std::vector<TransformSteps::Part>{
          TransformSteps::Call{std::move(function), per_sample}})) {}

Transform::Transform(const std::vector<Transform>& in_order) {
  std::vector<TransformSteps::Part> parts;
  for (const Transform& one : in_order) {
    const auto& more = one.steps_->parts();
    parts.insert(parts.end(), more.begin(), more.end());
  }
  steps_ = std::make_shared<TransformSteps>(std::move(parts));
}

at::Tensor Transform::operator()(const at::Tensor& sample, Rng& rng) const {
  return steps_->sample(sample, rng);
}

at::Tensor Transform::batch(const at::Tensor& samples, Rng& rng) const {
  return steps_->batch(samples, std::nullopt, rng);
}

at::Tensor Transform::gather(const at::Tensor& source,
                             std::span<const int64_t> indices, Rng& rng) const {
  return steps_->batch(source, indices, rng);
}

void Transform::check(const at::Tensor& samples) const {
  steps_->check(samples);
}

}  // namespace transforms
}  // namespace bolt
