#pragma once

#include <ATen/core/Tensor.h>
#include <torchbolt/export.h>
#include <torchbolt/state/state.h>

#include <string_view>

namespace bolt::metrics {

/// A quantity over many batches: update it in a step, `log()` the object
/// itself, and the Trainer computes and resets it at the right time. Its state
/// merges exactly: the metric of all parts together is that of the whole,
/// whatever the split (counts to the last bit; sums are sums of doubles, whose
/// last bits depend on their order). A metric is a plain member of its module,
/// made known by `register_metric`. Updates wait for no device. Not
/// thread-safe.
///
/// Each metric has its own `update(…)`. Derive from this to write one.
class TORCHBOLT_API Metric {
 public:
  virtual ~Metric() = default;

  virtual std::string_view name() const = 0;
  /// Forgets all updates.
  virtual void reset() = 0;
  /// The value over all updates: 0-d. NaN before the first, where there is
  /// nothing to say.
  virtual at::Tensor compute() const = 0;
  /// The value of the last update alone, for `on_step`.
  virtual at::Tensor last() const = 0;

  /// What `merge` and checkpoints need.
  virtual State state() const = 0;
  /// Takes back what `state()` gave. Throws CheckpointError.
  virtual void load_state(const State& state) = 0;
  /// Adds what another metric of the same kind has seen. Throws CheckpointError
  /// when it is of another kind.
  virtual void merge(const State& other) = 0;
  /// Moves to a device.
  virtual void to(const at::Device& device) = 0;
};

}  // namespace bolt::metrics
