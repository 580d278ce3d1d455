#pragma once

#include <torchbolt/export.h>
#include <torchbolt/optim/anneal.h>
#include <torchbolt/optim/per_group.h>
#include <torchbolt/optim/schedule.h>

namespace bolt::optim {

/// Settings of SWALR; names and defaults are Python's.
struct SWALROptions {
  /// The rate that it ends at; must be set.
  PerGroup swa_lr{};
  /// Epochs until then.
  int64_t anneal_epochs = 10;
  AnnealStrategy anneal_strategy = AnnealStrategy::kCos;
  /// Where it goes on; -1 begins.
  int64_t last_epoch = -1;
};

/// Goes from whatever the rate is to a constant one: for averaging weights at
/// the end of a run (Izmailov et al. 2018).
///
///     bolt::optim::SWALR schedule(sgd, {.swa_lr = 0.05});
class TORCHBOLT_API SWALR final : public Schedule {
 public:
  /// Throws ConfigError naming the option.
  SWALR(OptimizerRef optimizer, SWALROptions options);
  std::string_view name() const override { return "SWALR"; }

 private:
  double share(int64_t step) const;
  void get_lr(std::vector<double>& lrs) override;
  void save(State& state) const override;
  void load(const State& state) override;

  int64_t anneal_epochs_;
  AnnealStrategy strategy_;
};

}  // namespace bolt::optim
