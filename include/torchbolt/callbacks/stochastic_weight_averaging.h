#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <torchbolt/core/count_or_share.h>
#include <torchbolt/export.h>
#include <torchbolt/optim/schedules/swa_lr.h>
#include <torchbolt/trainer/callback.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace torch::nn {
class Module;
}

namespace bolt {

/// Settings of StochasticWeightAveraging.
struct StochasticWeightAveragingOptions {
  /// Gives the new average of a parameter, from the average, the weights, and
  /// how many were averaged so far.
  using AverageFunction = std::function<at::Tensor(
      const at::Tensor& average, const at::Tensor& weights, int64_t n)>;

  /// The learning rate while weights are averaged: one for all parameter
  /// groups, or one for each. Required.
  std::vector<double> swa_lrs{};
  /// The epoch in which averaging begins: the n-th (`3` is the third), or a
  /// share of all, which needs a limit of them (`0.8` of ten is the eighth).
  CountOrShare swa_epoch_start = 0.8;
  /// Epochs in which the learning rate goes there; 0: at once.
  int64_t annealing_epochs = 10;
  optim::AnnealStrategy annealing_strategy = optim::AnnealStrategy::kCos;
  /// Default: the mean of all.
  AverageFunction avg_fn{};
  /// Where the average is kept; none: with the weights.
  std::optional<at::Device> device = at::Device(at::kCPU);
};

/// Averages the weights that the last epochs begin with, at a learning rate
/// that no longer falls, and leaves the average in the module (Izmailov et al.,
/// "Averaging Weights Leads to Wider Optima and Better Generalization", 2018).
/// From the epoch `swa_epoch_start` on, the schedule is `optim::SWALR`. A
/// module with batch normalizations gets one more epoch, without backward
/// passes and steps, in which these measure their statistics anew with the
/// averaged weights.
///
///     .callbacks = {bolt::StochasticWeightAveraging({.swa_lrs = {0.05}})}
///
/// A fit that ends before its last epoch (EarlyStopping) keeps the weights of
/// training; `weights()` has the average. Under manual optimization the module
/// steps the schedule itself: `lr_schedulers()` has it from its epoch on.
class TORCHBOLT_API StochasticWeightAveraging final : public Callback {
 public:
  /// Throws ConfigError.
  explicit StochasticWeightAveraging(StochasticWeightAveragingOptions options);
  /// A copy begins anew with the same settings.
  StochasticWeightAveraging(const StochasticWeightAveraging& other);
  StochasticWeightAveraging& operator=(const StochasticWeightAveraging&) =
      delete;

  /// How many times weights have been averaged.
  int64_t n_averaged() const { return n_averaged_; }
  /// The averaged parameters by name: a map of tensors.
  State weights() const;

  /// Throws ConfigError for several optimizers or schedules, for learning rates
  /// that don't fit the parameter groups, and for a share without a limit;
  /// CheckpointError when the state that was loaded is another module's.
  void on_fit_start(Trainer& trainer, Module& module) override;
  void on_train_start(Trainer& trainer, Module& module) override;
  void on_train_epoch_start(Trainer& trainer, Module& module) override;
  void on_train_epoch_end(Trainer& trainer, Module&) override;
  void on_train_end(Trainer& trainer, Module& module) override;
  void on_fit_end(Trainer& trainer, Module& module) override;
  void on_exception(Trainer& trainer, Module& module,
                    std::exception_ptr) override;
  State state() const override;
  void load_state(const State& state) override;

 private:
  bool adds_epoch() const { return has_batch_norm_ && max_epochs_ > 0; }
  void collect(Module& module);
  void swap_schedule(Trainer& trainer);
  void update(Module& module);
  void transfer(Module& module) const;
  void hand_over(Trainer& trainer, Module& module);
  void begin_batch_norm_epoch(Trainer& trainer, Module& module);
  void load_average();

  StochasticWeightAveragingOptions options_;
  int64_t start_ = 0;
  // The Trainer's limit, without the epoch that is added; -1: none.
  int64_t max_epochs_ = -1;
  bool has_batch_norm_ = false;
  bool handed_over_ = false;  // the average to the module, in this fit
  int64_t n_averaged_ = 0;
  int64_t latest_update_epoch_ = -1;
  std::vector<std::string> names_{};
  std::vector<at::Tensor> average_{};
  // Of the batch normalizations, during their epoch.
  std::map<torch::nn::Module*, std::optional<double>> momenta_{};
  std::shared_ptr<optim::SWALR> schedule_{};
  State schedule_state_{};
  State loaded_{};
};

}  // namespace bolt
