#pragma once

#include <ATen/core/Tensor.h>
#include <torchbolt/export.h>
#include <torchbolt/trainer/callback.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace torch::nn {
class Module;
}

namespace bolt {

/// How `unfreeze_and_add_param_group` adds a group.
struct UnfreezeOptions {
  /// Learning rate of the new group; none: that of the first, divided by
  /// `initial_denom_lr`.
  std::optional<double> lr{};
  double initial_denom_lr = 10;
  /// Whether the group gets the parameters of batch normalizations too.
  bool train_bn = true;
};

/// Base of callbacks that train parts of a module at first, and more of it
/// later. Override the two functions; the optimizer in `configure_optimizers`
/// gets the parameters that have `requires_grad()`, or those of the parts that
/// are never frozen.
///
///     struct Later : bolt::BaseFinetuning {
///       void freeze_before_training(bolt::Module& module) override {
///         freeze(*module.named_children()["features"]);
///       }
///       void finetune_function(bolt::Module& module, int64_t epoch,
///                              torch::optim::Optimizer& optimizer) override {
///         if (epoch != 5) return;
///         unfreeze_and_add_param_group(*module.named_children()["features"],
///                                      optimizer);
///       }
///     };
///
/// Its state names the groups that were added and what is frozen, so that a run
/// that goes on has both before the optimizer's own state is loaded. What a
/// derived class keeps besides goes into `state()` next to the base's.
class TORCHBOLT_API BaseFinetuning : public Callback {
 public:
  /// Freezes what isn't trained at first. Called before
  /// `configure_optimizers`.
  virtual void freeze_before_training(Module& module) = 0;
  /// Called as each epoch starts, once for each optimizer.
  virtual void finetune_function(Module& module, int64_t epoch,
                                 torch::optim::Optimizer& optimizer) = 0;

  void setup(Trainer&, Module& module, Stage stage) override;
  /// Throws CheckpointError when the state that was loaded is another module's.
  void on_fit_start(Trainer& trainer, Module& module) override;
  void on_train_epoch_start(Trainer& trainer, Module& module) override;
  void on_exception(Trainer&, Module&, std::exception_ptr) override;
  void teardown(Trainer&, Module&, Stage stage) override;
  State state() const override;
  void load_state(const State& state) override;

 protected:
  /// Turns off the gradients of a module and all below it. With `train_bn`,
  /// batch normalizations stay as they are trained; without it, their running
  /// statistics stand still too.
  void freeze(torch::nn::Module& module, bool train_bn = true);
  /// The reverse.
  void make_trainable(torch::nn::Module& module);
  /// Parameters of a module and all below it that do (or don't) get gradients;
  /// without `train_bn`, none of batch normalizations.
  static std::vector<at::Tensor> filter_params(torch::nn::Module& module,
                                               bool train_bn = true,
                                               bool requires_grad = true);
  /// Makes the module trainable, and gives its parameters to the optimizer as a
  /// new group; those that the optimizer has already are left out, with a
  /// warning.
  void unfreeze_and_add_param_group(torch::nn::Module& module,
                                    torch::optim::Optimizer& optimizer,
                                    const UnfreezeOptions& options = {});

  /// Whether the fit that starts goes on from a state that was loaded.
  bool restarting() const { return restarting_; }

 private:
  struct Group {
    std::vector<std::string> names{};
    double lr = 0;
  };
  using Groups = std::vector<Group>;

  Groups groups_of(torch::optim::Optimizer& optimizer, Module& module) const;
  void restore_groups(torch::optim::Optimizer& optimizer, Module& module,
                      const Groups& saved) const;
  void restore_frozen(Module& module);

  // Of each optimizer.
  std::vector<Groups> groups_{};
  std::vector<std::string> frozen_{};
  // Of batch normalizations that stand still.
  std::map<torch::nn::Module*, std::optional<double>> momenta_{};
  bool restarting_ = false;
};

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
