#pragma once

#include <torch/optim/optimizer.h>
#include <torchbolt/export.h>
#include <torchbolt/optim/param_groups.h>
#include <torchbolt/state/state.h>

#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace bolt::optim {

namespace detail {
struct Rows;
}

/// Base of torchbolt's optimizers. Each is a `torch::optim::Optimizer`: torch's
/// schedulers, clipping and the Trainer work with it as with torch's own. What
/// it adds are state in the layout of Python's `state_dict()`, and speed.
///
/// Like torch's, it skips parameters without a gradient and makes the state of
/// a parameter at its first step. Construction throws ConfigError for no
/// parameters, undefined or non-leaf ones, one given twice, and options out of
/// range; a step does for gradients that are sparse. Not thread-safe.
class TORCHBOLT_API Optimizer : public torch::optim::Optimizer {
 public:
  ~Optimizer() override;
  Optimizer(Optimizer&& other) noexcept;
  Optimizer& operator=(Optimizer&& other) noexcept;

  /// "AdamW", …
  virtual std::string_view name() const = 0;

  /// One step. With a closure: calls it first, with gradients enabled, and
  /// gives back its loss.
  at::Tensor step(LossClosure closure = nullptr) override;

  /// {"state": {0: {"step": …}}, "param_groups": [{"lr": …, "params": [0]}]}:
  /// the layout and the names of Python's `state_dict()`. Its tensors are the
  /// optimizer's own; `clone()` it to keep it over further steps.
  State state() const;
  /// Takes what `state()` of this kind of optimizer gave, or Python's
  /// `state_dict()`. Values are copied to each parameter's device and type.
  /// Throws CheckpointError, and changes nothing, when it doesn't fit.
  void load_state(const State& state);

  /// Adds parameters; may be called between steps.
  void add_param_group(const ParamGroup& group);

  /// What momentum schedules change: the group's momentum or first beta; null
  /// where there is none.
  virtual double* momentum(std::size_t group = 0) = 0;
  /// The group's weight decay; null where there is none.
  virtual double* weight_decay(std::size_t group = 0) = 0;

  /// A group's entries of other makers ("initial_lr", …). They are part of its
  /// state, and kept when state is loaded.
  State& extras(std::size_t group = 0);

  /// torch's archives: throws ConfigError, use `state()`.
  void save(torch::serialize::OutputArchive& archive) const override;
  void load(torch::serialize::InputArchive& archive) override;

 protected:
  using GroupOptions = torch::optim::OptimizerOptions;

  explicit Optimizer(std::unique_ptr<GroupOptions> defaults);

  /// Checks and adds; the torch group gets these options.
  void add_group(const ParamGroup& group,
                 std::unique_ptr<GroupOptions> options);
  /// Makes all parameters' state now, as Python's Adagrad does.
  void make_state();

  /// Names of the columns, in Python's order.
  virtual std::span<const std::string_view> columns() const = 0;
  /// Which of them a parameter needs: bit i for column i.
  virtual unsigned columns_used(const GroupOptions& options,
                                const at::Tensor& parameter) const = 0;
  virtual at::Tensor make_column(std::size_t column,
                                 const GroupOptions& options,
                                 const at::Tensor& parameter) const = 0;
  /// One step of parameters of one group, on one device and of one type; beside
  /// them their gradients and their state, a column for each kind.
  virtual void update(const GroupOptions& options,
                      const detail::Rows& rows) = 0;

  /// The defaults with a group's own settings.
  virtual std::unique_ptr<GroupOptions> options_for(
      const ParamGroup& group) const = 0;
  virtual State options_state(const GroupOptions& options) const = 0;
  /// Options from a group's state; takes what it knows out of it.
  virtual std::unique_ptr<GroupOptions> options_from(
      State& state, const GroupOptions& now) const = 0;

  /// The "state" entry.
  virtual State parameter_state() const;
  /// Prepares to take the "state" entry: the function that it returns does it,
  /// and can't fail. `ids` are the parameters' keys.
  virtual std::function<void()> prepare_state(
      const State& state, const std::vector<int64_t>& ids,
      const std::vector<std::unique_ptr<GroupOptions>>& options);

 private:
  struct Group;
  struct Store;

  Group& synced(std::size_t group) const;
  void step_group(std::size_t group);
  void update_mixed(const GroupOptions& options, Group& rows);
  void make_missing(Group& rows, std::size_t i, unsigned missing,
                    const GroupOptions& options) const;
  State row_state(const Group& rows, std::size_t i) const;
  void load_row(Group& rows, const State& row, int64_t id,
                const GroupOptions& options) const;

  std::unique_ptr<Store> store_;
};

}  // namespace bolt::optim
