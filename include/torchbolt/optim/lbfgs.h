#pragma once

#include <torchbolt/optim/optimizer_of.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace bolt::optim {

/// Names and defaults are those of Python's `torch.optim.LBFGS`.
struct TORCHBOLT_API LBFGSOptions {
  double lr = 1;
  /// Iterations in a step.
  int64_t max_iter = 20;
  /// Calls of the closure in a step; none: max_iter * 5 / 4.
  std::optional<int64_t> max_eval{};
  /// Stops when no element of the gradient is larger.
  double tolerance_grad = 1e-7;
  /// Stops when neither the weights nor the loss change more.
  double tolerance_change = 1e-9;
  /// Updates that are kept.
  int64_t history_size = 100;
  /// "strong_wolfe", or none: steps of size lr.
  std::optional<std::string> line_search_fn{};
  /// Goes up the gradient.
  bool maximize = false;
};

extern template class OptimizerOf<LBFGSOptions>;

/// L-BFGS (Nocedal and Wright, Numerical Optimization, chapter 7), with the
/// settings and the stopping rules of torch. One group, all on one device. A
/// step calls the closure several times and waits for the device each time;
/// `step()` without one throws ConfigError, and so do parameters in float16.
///
///     return bolt::optim::LBFGS(parameters(),
///                               {.line_search_fn = "strong_wolfe"});
class TORCHBOLT_API LBFGS final : public OptimizerOf<LBFGSOptions> {
 public:
  explicit LBFGS(std::vector<at::Tensor> parameters, LBFGSOptions options = {});
  explicit LBFGS(const std::vector<ParamGroup>& groups,
                 LBFGSOptions options = {});
  ~LBFGS() override;
  LBFGS(LBFGS&& other) noexcept;
  LBFGS& operator=(LBFGS&& other) noexcept;

  at::Tensor step(LossClosure closure = nullptr) override;

 protected:
  State parameter_state() const override;
  std::function<void()> prepare_state(
      const State& state, const std::vector<int64_t>& ids,
      const std::vector<std::unique_ptr<GroupOptions>>& options) override;

 private:
  struct Memory;
  class Step;
  std::unique_ptr<Memory> memory_;
};

}  // namespace bolt::optim
