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
  const O& options(std::size_t group = 0) const;

  std::string_view name() const override;
  double* momentum(std::size_t group = 0) override;

 protected:
  std::span<const std::string_view> columns() const override;
  unsigned columns_used(const GroupOptions& options,
                        const at::Tensor& parameter) const override;
  at::Tensor make_column(std::size_t column, const GroupOptions& options,
                         const at::Tensor& parameter) const override;
  void update(const GroupOptions& options, const detail::Rows& rows) override;
  std::unique_ptr<GroupOptions> options_for(
      const ParamGroup& group) const override;
  State options_state(const GroupOptions& options) const override;
  std::unique_ptr<GroupOptions> options_from(
      State& state, const GroupOptions& now) const override;
};

}  // namespace bolt::optim
