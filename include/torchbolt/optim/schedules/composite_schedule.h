#pragma once

#include <torchbolt/export.h>
#include <torchbolt/optim/schedule.h>
#include <torchbolt/optim/shared_schedule.h>

#include <cstddef>
#include <string_view>
#include <vector>

namespace bolt::optim {

/// Base of the schedules that are made of others of the same optimizer. As in
/// Python, each part made its own first step when it was made; an optimizer of
/// torch's then has lost its first rates, which this finds again.
class TORCHBOLT_API CompositeSchedule : public Schedule {
 protected:
  /// Throws ConfigError, naming the class, for no parts, null pointers, those
  /// of another optimizer, and those that wait for `set_total_steps()`.
  CompositeSchedule(OptimizerRef optimizer, std::vector<SharedSchedule> parts,
                    std::string_view where);
  CompositeSchedule(CompositeSchedule&&) = default;
  CompositeSchedule& operator=(CompositeSchedule&&) = default;

  /// The parts, in the order in which they were given.
  std::size_t size() const { return parts_.size(); }
  /// A part.
  Schedule& part(std::size_t k) const { return *parts_[k]; }
  /// Takes back that a part made its first step.
  void undo_part(std::size_t k) { part(k).undo(); }
  /// A part makes its first step.
  void begin_part(std::size_t k) { part(k).initial_step(); }
  /// A part goes to its epoch 0.
  void restart_part(std::size_t k) { part(k).restart(); }
  /// Whether parts had taken other rates for the first ones.
  bool rebased() const { return rebased_; }

  /// "_schedulers", as Python has it.
  State part_states() const;
  /// Throws CheckpointError when there are more or fewer states.
  void load_parts(const State& state);

  void rebase(const std::vector<double>& lrs) override;

 private:
  void get_lr(std::vector<double>&) override {}
  std::vector<double> rates_before() const;

  std::vector<SharedSchedule> parts_;
  bool rebased_ = false;
};

}  // namespace bolt::optim
