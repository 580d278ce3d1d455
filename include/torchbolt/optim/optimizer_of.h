#pragma once

#include <torchbolt/optim/optimizer.h>

#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace bolt::optim {

/// What the optimizers share that depends on the type of their options.
template <class O>
class TORCHBOLT_API OptimizerOf : public Optimizer {
 public:
  /// One group.
  explicit OptimizerOf(std::vector<at::Tensor> parameters, O options = {});
  /// Several; see `param_groups()`.
  explicit OptimizerOf(const std::vector<ParamGroup>& groups, O options = {});

  /// The options of a group, to read or to change between steps.
  O& options(std::size_t group = 0);
  /// The settings of a parameter group; changes count from the next step on.
  const O& options(std::size_t group = 0) const;

  /// As Optimizer has it.
  std::string_view name() const override;
  /// As Optimizer has it.
  double* momentum(std::size_t group = 0) override;
  /// As Optimizer has it.
  double* weight_decay(std::size_t group = 0) override;

 protected:
  /// As Optimizer has it.
  std::span<const std::string_view> columns() const override;
  /// As Optimizer has it.
  unsigned columns_used(const GroupOptions& options,
                        const at::Tensor& parameter) const override;
  /// As Optimizer has it.
  at::Tensor make_column(std::size_t column, const GroupOptions& options,
                         const at::Tensor& parameter) const override;
  /// As Optimizer has it.
  void update(const GroupOptions& options, const detail::Rows& rows) override;
  /// As Optimizer has it.
  std::unique_ptr<GroupOptions> options_for(
      const ParamGroup& group) const override;
  /// As Optimizer has it.
  State options_state(const GroupOptions& options) const override;
  /// As Optimizer has it.
  std::unique_ptr<GroupOptions> options_from(
      State& state, const GroupOptions& now) const override;
};

}  // namespace bolt::optim
