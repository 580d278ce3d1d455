#pragma once

#include <torchbolt/callbacks/base_finetuning.h>
#include <torchbolt/export.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace bolt {

/// Settings of BackboneFinetuning.
struct BackboneFinetuningOptions {
  /// The epoch, counted from 0, in which the backbone begins to train.
  int64_t unfreeze_backbone_at_epoch = 10;
  /// By how much the backbone's learning rate grows from the epoch before to
  /// this one; it gets the number of the epoch, counted from 1. Default: 2.
  std::function<double(int64_t epoch)> lambda_func{};
  /// The backbone's first learning rate, as a share of the first group's.
  double backbone_initial_ratio_lr = 0.1;
  /// The backbone's first learning rate itself; in place of the share.
  std::optional<double> backbone_initial_lr{};
  /// The backbone's learning rate doesn't outgrow that of the first group.
  bool should_align = true;
  /// Whether batch normalizations of the backbone train all the time; else they
  /// stand still with it.
  bool train_bn = true;
  /// Says in the log when the backbone begins, and its learning rate.
  bool verbose = false;
  /// The submodule: its name where it was registered.
  std::string backbone = "backbone";
};

/// Trains the head of a module alone at first, then its backbone too, with a
/// learning rate that grows from a small one.
///
///     .callbacks = {bolt::BackboneFinetuning(
///         {.unfreeze_backbone_at_epoch = 5,
///          .lambda_func = [](int64_t) { return 1.5; }})}
class TORCHBOLT_API BackboneFinetuning final : public BaseFinetuning {
 public:
  /// Throws ConfigError.
  explicit BackboneFinetuning(BackboneFinetuningOptions options = {});

  /// The backbone's learning rate in the epoch that runs; none while it is
  /// frozen.
  std::optional<double> backbone_lr() const { return backbone_lr_; }

  /// Throws ConfigError when there is no such submodule.
  void freeze_before_training(Module& module) override;
  void finetune_function(Module& module, int64_t epoch,
                         torch::optim::Optimizer& optimizer) override;
  /// Throws ConfigError for several optimizers.
  void on_fit_start(Trainer& trainer, Module& module) override;
  State state() const override;
  void load_state(const State& state) override;

 private:
  torch::nn::Module& backbone_of(Module& module) const;

  BackboneFinetuningOptions options_;
  std::optional<double> backbone_lr_{};
};

}  // namespace bolt
