#pragma once

#include <ATen/core/Tensor.h>
#include <torchbolt/export.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace torch::nn {
class Module;
}

namespace bolt::optim {

/// Parameters that an optimizer treats alike. What isn't given comes from the
/// optimizer's options.
///
///     AdamW({{.parameters = backbone->parameters(), .lr = 1e-5},
///            {.parameters = head->parameters()}}, {.lr = 1e-3})
struct ParamGroup {
  std::vector<at::Tensor> parameters{};
  /// Learning rate; none: the options'.
  std::optional<double> lr{};
  /// Times that learning rate.
  double lr_scale = 1;
  /// Weight decay; none: the options'.
  std::optional<double> weight_decay{};
  /// For those who report learning rates.
  std::string name{};
};

/// A parameter of a module, as predicates see it.
struct NamedParameter {
  /// As `named_parameters()` has it: "net.0.weight".
  std::string name{};
  at::Tensor value{};
  /// Whether the layer that owns it is a normalization: its type's name holds
  /// "Norm".
  bool of_norm = false;
};

/// Chooses parameters.
using ParameterPredicate = std::function<bool(const NamedParameter&)>;

/// Whether a parameter is a bias, belongs to a normalization, or has fewer than
/// two dimensions: what one doesn't decay as a rule.
TORCHBOLT_API bool is_bias_or_norm(const NamedParameter& parameter);

/// What is different for some parameters. With neither `under` nor `when` it
/// holds for all of them.
struct ParamRule {
  /// Those of this submodule, or this parameter: "backbone" or "net.0.weight".
  /// One that isn't there is an error.
  std::string under{};
  /// And those for which this is true.
  ParameterPredicate when{};
  /// Learning rate; none: as it was.
  std::optional<double> lr{};
  /// Times that learning rate.
  double lr_scale = 1;
  /// Weight decay; none: as it was.
  std::optional<double> weight_decay{};
  /// The group's name.
  std::string name{};
};

/// The parameters of a module in groups. All rules that hold for a parameter
/// apply to it, in order: the last `lr`, `weight_decay` and `name` win, the
/// scales multiply. Parameters with the same outcome form a group; groups stand
/// in the order of their first parameters. Tied parameters are taken once.
/// Throws ConfigError where `under` names nothing.
///
///     // No decay on biases and norms:
///     AdamW(param_groups(*this, {{.when = is_bias_or_norm,
///                                 .weight_decay = 0}}),
///           {.lr = 1e-3, .weight_decay = 0.1})
TORCHBOLT_API std::vector<ParamGroup> param_groups(
    const torch::nn::Module& module, const std::vector<ParamRule>& rules = {});

/// Learning rates that fall from the last of these submodules to the first, by
/// the factor `decay` each: `decay`^0 for the last, `decay`^1 for the one
/// before it, and so on. Throws ConfigError unless 0 < decay <= 1.
///
///     AdamW(param_groups(*this, layer_wise_lr({"embed", "body", "head"}, .5)))
TORCHBOLT_API std::vector<ParamRule> layer_wise_lr(
    const std::vector<std::string>& layers, double decay);

}  // namespace bolt::optim
