#pragma once

#include <torchbolt/core/error.h>
#include <torchbolt/core/mode.h>
#include <torchbolt/export.h>
#include <torchbolt/trainer/callback.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace bolt {

/// What SpikeDetection does about a spike.
enum class SpikeAction {
  kThrow,  ///< Throws TrainingSpikeError.
  kStop,   ///< Leaves the step out, and asks the Trainer to stop.
  kSkip    ///< Leaves the step out, and goes on.
};

/// Settings of SpikeDetection.
struct SpikeDetectionOptions {
  /// Losses get better downwards (kMin) or upwards.
  Mode mode = Mode::kMin;
  /// Losses in the running mean.
  int64_t window = 10;
  /// Losses seen before one may be a spike; one that isn't finite always may.
  int64_t warmup = 1;
  /// A spike is at least this far from the running mean.
  std::optional<double> atol{};
  /// A spike is at least this share of the running mean away from it.
  std::optional<double> rtol = 2.0;
  /// Whether a loss that is NaN or infinite is a spike.
  bool finite_only = true;
  SpikeAction action = SpikeAction::kThrow;
};

/// Training can't go on: the loss of a batch jumped, or isn't finite.
class TORCHBOLT_API TrainingSpikeError : public Error {
 public:
  TrainingSpikeError(ErrorText text, int64_t epoch, int64_t batch_idx)
      : Error(std::move(text)), epoch(epoch), batch_idx(batch_idx) {}
  int64_t epoch;
  int64_t batch_idx;
};

/// Looks at every loss before its backward pass, and says which batch it came
/// from when it jumps or isn't finite; the weights haven't been touched then.
/// Reading the loss waits for the device that computes it.
///
///     .callbacks = {bolt::SpikeDetection({.action =
///     bolt::SpikeAction::kSkip})}
///
/// With accumulation the whole optimizer step is left out, with several
/// optimizers under automatic optimization that of each, and under manual
/// optimization the next one of those whose parameters got gradients of that
/// loss.
class TORCHBOLT_API SpikeDetection final : public Callback {
 public:
  /// A batch whose loss was a spike.
  struct Spike {
    int64_t epoch = 0;
    int64_t batch_idx = 0;
    double loss = 0;
  };

  /// Throws ConfigError.
  explicit SpikeDetection(SpikeDetectionOptions options = {});

  /// All that were found, in order.
  const std::vector<Spike>& spikes() const { return spikes_; }

  void on_fit_start(Trainer&, Module&) override;
  void on_train_batch_start(Trainer&, Module&, const AnyBatch&,
                            const StepContext& step) override;
  void on_before_backward(Trainer& trainer, Module& module,
                          const at::Tensor& loss) override;
  void on_after_backward(Trainer& trainer, Module&) override;
  void on_before_optimizer_step(Trainer& trainer, Module&,
                                torch::optim::Optimizer& optimizer) override;
  State state() const override;
  void load_state(const State& state) override;

 private:
  // An optimizer's gradients: their tensors, and how often each was written to.
  using Gradients = std::vector<std::pair<const void*, uint32_t>>;

  bool is_spike(double loss) const;
  void remember(double loss);

  SpikeDetectionOptions options_;
  int64_t batch_idx_ = 0;
  // Before the backward pass of a spike (manual optimization).
  std::vector<Gradients> before_{};
  bool restarting_ = false;
  // Whose next step is left out, by position.
  std::set<std::size_t> leaving_out_{};
  double last_ = 0;
  std::deque<double> recent_{};
  std::vector<Spike> spikes_{};
};

}  // namespace bolt
