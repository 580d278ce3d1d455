#pragma once

#include <torchbolt/export.h>
#include <torchbolt/optim/group_extras.h>
#include <torchbolt/optim/optimizer_ref.h>
#include <torchbolt/state/state.h>

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace bolt::optim {

/// Base of the schedules of learning rates. A schedule works on any
/// `torch::optim::Optimizer`; its values, to the last digits, and its state's
/// keys are those of `torch.optim.lr_scheduler` of Python. Making one does the
/// first step already: the optimizer has the rate of epoch 0. What an "epoch"
/// is, whoever calls `step()` decides. Not thread-safe.
///
/// Several schedules of one optimizer share the rates that it had before all of
/// them. torchbolt's optimizers keep these; of torch's, a schedule takes the
/// rates that it finds, unless a SequentialLR or ChainedScheduler tells it.
///
/// A schedule of one's own says how the next rates come from the last:
///
///     class HalveLR final : public bolt::optim::Schedule {
///      public:
///       explicit HalveLR(bolt::optim::OptimizerRef optimizer)
///           : Schedule(std::move(optimizer)) {
///         initial_step();
///       }
///       std::string_view name() const override { return "HalveLR"; }
///
///      protected:
///       void get_lr(std::vector<double>& lrs) override {
///         for (double& lr : lrs) lr = base_lrs().front() / (1 + last_epoch());
///       }
///     };
class TORCHBOLT_API Schedule {
 public:
  virtual ~Schedule() = default;
  Schedule(const Schedule&) = delete;
  Schedule& operator=(const Schedule&) = delete;

  /// "StepLR", …
  virtual std::string_view name() const = 0;
  /// Goes to the next epoch and sets the rates of all parameter groups. A
  /// group that the optimizer got meanwhile begins with its rate.
  virtual void step();

  /// The rates that the last step set, one for each parameter group.
  const std::vector<double>& last_lr() const { return last_lr_; }
  /// Steps since the first one; -1 where a SequentialLR didn't begin it yet.
  int64_t last_epoch() const { return last_epoch_; }
  /// The rates of the groups before any schedule.
  const std::vector<double>& base_lrs() const { return base_lrs_; }
  /// Whose rates it sets.
  const torch::optim::Optimizer* optimizer() const { return optimizer_.get(); }

  /// Whether it can't begin before `set_total_steps()`; see WarmupLR.
  virtual bool needs_total_steps() const { return false; }
  /// Says how many steps there will be. The Trainer calls it where that is
  /// needed.
  virtual void set_total_steps(int64_t steps) { (void)steps; }

  /// What Python's `state_dict()` has, settings included. The rates
  /// themselves are in the optimizer's state: save and load both.
  State state() const;
  /// Takes what `state()`, or Python's `state_dict()`, gave; the settings too.
  /// It doesn't touch the optimizer. A group that the optimizer got after the
  /// state was saved begins with the rate that it has, except in cycles
  /// (CyclicLR, OneCycleLR) and SWALR, which know each group. Throws
  /// CheckpointError, and changes nothing, when the state lacks what it keeps.
  void load_state(const State& state);

 protected:
  /// `last_epoch` other than -1 goes on there; throws ConfigError when the
  /// first rates of the groups aren't known then, see GroupExtras.
  explicit Schedule(OptimizerRef optimizer, int64_t last_epoch = -1);
  Schedule(Schedule&&) = default;
  Schedule& operator=(Schedule&&) = default;

  /// The first step; for the end of a constructor.
  void initial_step();
  /// Whether the step that runs is the first one.
  bool is_initial() const { return is_initial_; }
  /// Steps that were made; 1 after the first.
  int64_t step_count() const { return step_count_; }

  /// Makes the rates of epoch `last_epoch()`: `lrs` has the groups' current
  /// rates and takes the next ones.
  virtual void get_lr(std::vector<double>& lrs) = 0;
  /// The same from `base_lrs()` alone, where there is a formula for it: how a
  /// SequentialLR begins a schedule in the middle of a run.
  virtual void get_closed_form_lr(std::vector<double>& lrs) { get_lr(lrs); }
  /// Adds to the state; call the base's, unless the layout is another.
  virtual void save(State& state) const;
  virtual void load(const State& state);

  // What composites do with their parts.
  /// Takes back the first step.
  virtual void undo() { --last_epoch_; }
  /// Goes to epoch 0 in the middle of a run.
  virtual void restart();

  /// Whose rates it sets, to change them.
  torch::optim::Optimizer& target() const { return *optimizer_; }
  /// What it keeps with the groups.
  GroupExtras& extras() { return extras_; }
  /// Other rates were there before any schedule; for composites.
  virtual void rebase(const std::vector<double>& lrs);
  /// Sets the rates of the epoch that `last_epoch()` is.
  void update(bool closed_form);
  /// Other values of what the functions of these names give.
  void set_last_epoch(int64_t epoch) { last_epoch_ = epoch; }
  /// The same.
  void set_base_lrs(std::vector<double> lrs) { base_lrs_ = std::move(lrs); }
  /// The same.
  void set_last_lr(std::vector<double> lrs) { last_lr_ = std::move(lrs); }
  /// Sets the rates of the groups, and nothing else.
  void set_lrs(const std::vector<double>& lrs);
  /// Notes the rates of the optimizer as those that were set last.
  void note_lrs();

 private:
  friend class CompositeSchedule;

  OptimizerRef optimizer_;
  GroupExtras extras_;
  std::vector<double> base_lrs_{};
  std::vector<double> last_lr_{};
  // Before its first step, whoever had set them.
  std::vector<double> found_lrs_{};
  int64_t last_epoch_ = -1;
  int64_t step_count_ = 0;
  bool is_initial_ = false;
};

}  // namespace bolt::optim
