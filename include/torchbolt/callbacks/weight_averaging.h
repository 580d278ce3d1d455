#pragma once

#include <ATen/core/Tensor.h>
#include <torchbolt/export.h>
#include <torchbolt/trainer/callback.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace bolt {

/// Keeps an average of the weights over training beside the weights, and puts
/// it in their place for every validation inside the fit and, at the end of
/// training, for good. This class averages the weights after every optimizer
/// step, all alike; override `should_update` to choose others. See
/// EMAWeightAveraging for the moving average. A fit has one average: a second
/// one, or StochasticWeightAveraging, beside it is a ConfigError.
///
///     struct EachEpoch : bolt::WeightAveraging {
///       bool should_update(std::optional<int64_t> step,
///                          std::optional<int64_t> epoch) const override {
///         return epoch && *epoch >= 10;
///       }
///     };
class TORCHBOLT_API WeightAveraging : public Callback {
 public:
  /// `use_buffers`: buffers of floating point are averaged too; those of
  /// integers are copied. Without it, buffers stay the module's own.
  explicit WeightAveraging(bool use_buffers = true)
      : use_buffers_(use_buffers) {}

  /// Whether the weights of now count: asked with the index of an optimizer
  /// step after each, and with that of an epoch at its end.
  virtual bool should_update(std::optional<int64_t> step_idx,
                             std::optional<int64_t> epoch_idx) const;

  /// How many times weights have been averaged.
  int64_t n_averaged() const { return n_averaged_; }
  /// The averaged weights by name, counters last: a map of tensors.
  /// While they are in the module's place (validation), those of training.
  State weights() const { return named(average_); }

  void on_fit_start(Trainer& trainer, Module& module) override;
  void on_train_batch_end(Trainer& trainer, Module& module, const StepOutput&,
                          const AnyBatch&, const StepContext&) override;
  void on_train_epoch_end(Trainer& trainer, Module& module) override;
  void on_train_end(Trainer& trainer, Module& module) override;
  void on_fit_end(Trainer& trainer, Module& module) override;
  void on_validation_epoch_start(Trainer& trainer, Module& module) override;
  void on_validation_epoch_end(Trainer& trainer, Module& module) override;
  void on_exception(Trainer& trainer, Module& module,
                    std::exception_ptr) override;
  /// `state_dict` becomes the average; the module's own weights go to
  /// `current_model_state`, and counters to `averaging_state`, as in Lightning.
  void on_save_checkpoint(Trainer&, Module&, State& checkpoint) override;
  /// Takes that back for a fit; evaluations and `load_from_checkpoint` get the
  /// average. Throws CheckpointError when it is another module's.
  void on_load_checkpoint(Trainer& trainer, Module& module,
                          const State& checkpoint) override;
  /// The average, and how far it is.
  State state() const override;
  /// Where the next fit begins; inside a fit, at once. Throws CheckpointError,
  /// then, when it is another module's.
  void load_state(const State& state) override;

 protected:
  /// How far the average moves towards the weights of now, 0 to 1. The first
  /// time the weights are copied.
  virtual double weight_of_update() const {
    return 1.0 / static_cast<double>(n_averaged_ + 1);
  }

 private:
  State named(const std::vector<at::Tensor>& tensors) const;
  void refuse_others(const Trainer& trainer) const;
  void collect(Module& module);
  void restore();
  void update();
  void swap();
  void hand_over();

  bool use_buffers_;
  int64_t n_averaged_ = 0;
  int64_t latest_update_step_ = 0;
  bool swapped_ = false;
  bool fitting_ = false;
  bool handed_over_ = false;  // the average to the module, in this fit
  std::vector<std::string> names_{};
  // Further names of tensors that have several (tied weights), and which they
  // are.
  std::vector<std::pair<std::string, std::size_t>> aliases_{};
  // The module's own tensors, and the average of each. Floating point first:
  // they move in one call.
  std::vector<at::Tensor> live_{};
  std::vector<at::Tensor> average_{};
  std::size_t floating_ = 0;
  State loaded_{};
};

}  // namespace bolt
