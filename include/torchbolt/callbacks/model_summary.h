#pragma once

#include <torchbolt/callbacks/summarize.h>
#include <torchbolt/export.h>
#include <torchbolt/trainer/callback.h>

#include <cstdint>

namespace bolt {

/// Settings of ModelSummary.
struct ModelSummaryOptions {
  /// 1: the module's children; 2: theirs too; -1: all; 0: nothing is printed.
  int64_t max_depth = 1;
};

/// Prints what the module consists of when a fit starts: layers, types,
/// parameters, modes, totals; with sizes and operations where the module sets
/// `example_input_array` and has a `forward` that takes it. The Trainer adds
/// one unless `enable_model_summary` is false. docs/display.md shows it.
///
///     .callbacks = {bolt::ModelSummary({.max_depth = -1})}
class TORCHBOLT_API ModelSummary final : public Callback {
 public:
  /// Throws ConfigError.
  explicit ModelSummary(ModelSummaryOptions options = {});

  const ModelSummaryOptions& options() const { return options_; }
  void on_fit_start(Trainer& trainer, Module& module) override;

 private:
  ModelSummaryOptions options_;
};

}  // namespace bolt
