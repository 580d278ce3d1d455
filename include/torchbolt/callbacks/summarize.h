#pragma once

#include <torch/nn/module.h>
#include <torchbolt/export.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace bolt {

/// A module among others in a Summary.
struct LayerSummary {
  /// "net.0"; "other params" for what the summarised module holds itself.
  std::string name{};
  /// Name of its class, without namespace and Impl: "Linear".
  std::string type{};
  /// 1 for a child of the summarised module, 2 for a child of that.
  int64_t depth = 1;
  /// Parameters in it and below, each counted once.
  int64_t parameters = 0;
  /// Train or eval mode.
  bool training = true;
  /// Shapes of its input and its output; none where they aren't known.
  std::optional<std::vector<int64_t>> in_size{};
  std::optional<std::vector<int64_t>> out_size{};
  /// Floating-point operations of its matrix products and convolutions.
  int64_t flops = 0;
};

/// What a module consists of.
struct Summary {
  std::vector<LayerSummary> layers{};
  int64_t trainable_parameters = 0;
  int64_t non_trainable_parameters = 0;
  int64_t total_parameters() const {
    return trainable_parameters + non_trainable_parameters;
  }
  /// Size of the parameters, in megabytes (10^6 bytes), by their types.
  double model_size = 0;
  /// Submodules in each mode.
  int64_t modules_in_train_mode = 0;
  int64_t modules_in_eval_mode = 0;
  /// Whether it ran, so that there are sizes and operations.
  bool ran = false;
  int64_t total_flops = 0;
};

/// What to look at.
struct SummarizeOptions {
  /// 1: the children; 2: theirs too; -1: all; 0: the totals alone.
  int64_t max_depth = 1;
  /// Runs the module on an example, so that sizes are known. It runs in eval
  /// mode and without gradients; modes and random state are as before after it.
  std::function<void()> forward{};
};

/// Looks at a module, which may be on the stack. Parameters that several
/// modules share count once.
///
/// libtorch has no forward hooks. So sizes are read off the operations that use
/// a layer's weights, for layers of libtorch that are one operation: Linear,
/// Bilinear, convolutions, normalisations, embeddings, PReLU, RNN, LSTM, GRU.
/// Others are known inside of a Sequential, from their neighbours; activations
/// and dropout give what they take.
///
/// Throws ConfigError for a depth below -1, and what `forward` throws.
TORCHBOLT_API Summary summarize(torch::nn::Module& module,
                                const SummarizeOptions& options = {});

/// The table and the totals as text, in at most `width` columns; 0: as wide as
/// it has to be.
TORCHBOLT_API std::string to_text(const Summary& summary, int width = 0,
                                  bool unicode = true);

}  // namespace bolt
