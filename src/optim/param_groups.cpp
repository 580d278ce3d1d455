#include <torch/nn/module.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/number.h>
#include <torchbolt/optim/param_groups.h>

#include <algorithm>
#include <unordered_set>

namespace bolt::optim {
namespace {

// Each parameter once, in the order of `named_parameters()`.
void collect(const torch::nn::Module& module, const std::string& prefix,
             std::unordered_set<const void*>& seen,
             std::vector<NamedParameter>& found) {
  const bool norm = module.name().find("Norm") != std::string::npos;
  for (const auto& item : module.named_parameters(/*recurse=*/false)) {
    if (!seen.insert(item.value().unsafeGetTensorImpl()).second) continue;
    found.push_back(
        {.name = prefix + item.key(), .value = item.value(), .of_norm = norm});
  }
  for (const auto& child : module.named_children()) {
    collect(*child.value(), prefix + child.key() + ".", seen, found);
  }
}

bool lies_under(const std::string& name, const std::string& part) {
  return part.empty() || name == part || name.starts_with(part + ".");
}

// All names that `under` can have.
std::vector<std::string> parts_of(const std::vector<NamedParameter>& all) {
  std::vector<std::string> parts;
  for (const NamedParameter& parameter : all) {
    const std::string& name = parameter.name;
    for (std::size_t dot = name.find('.'); dot != std::string::npos;
         dot = name.find('.', dot + 1)) {
      const std::string part = name.substr(0, dot);
      if (std::ranges::find(parts, part) == parts.end()) parts.push_back(part);
    }
    parts.push_back(name);
  }
  return parts;
}

void check_names(const std::vector<ParamRule>& rules,
                 const std::vector<NamedParameter>& all) {
  for (const ParamRule& rule : rules) {
    const auto here = [&](const NamedParameter& parameter) {
      return lies_under(parameter.name, rule.under);
    };
    if (std::ranges::any_of(all, here)) continue;
    const std::string near = did_you_mean(rule.under, parts_of(all));
    throw ConfigError({.where = "param_groups",
                       .what = "no parameter lies under this name",
                       .got = "\"" + rule.under + "\"",
                       .tip = near.empty() ? "" : "\"" + near + "\""});
  }
}

ParamGroup settings_of(const NamedParameter& parameter,
                       const std::vector<ParamRule>& rules) {
  ParamGroup group;
  for (const ParamRule& rule : rules) {
    if (!lies_under(parameter.name, rule.under)) continue;
    if (rule.when && !rule.when(parameter)) continue;
    if (rule.lr) group.lr = rule.lr;
    group.lr_scale *= rule.lr_scale;
    if (rule.weight_decay) group.weight_decay = rule.weight_decay;
    if (!rule.name.empty()) group.name = rule.name;
  }
  return group;
}

bool same_settings(const ParamGroup& a, const ParamGroup& b) {
  return a.lr == b.lr && a.lr_scale == b.lr_scale &&
         a.weight_decay == b.weight_decay && a.name == b.name;
}

}  // namespace

bool is_bias_or_norm(const NamedParameter& parameter) {
  const std::string& name = parameter.name;
  return parameter.of_norm || parameter.value.dim() < 2 || name == "bias" ||
         name.ends_with(".bias");
}

std::vector<ParamGroup> param_groups(const torch::nn::Module& module,
                                     const std::vector<ParamRule>& rules) {
  std::unordered_set<const void*> seen;
  std::vector<NamedParameter> all;
  collect(module, "", seen, all);
  if (all.empty()) {
    throw ConfigError({.where = "param_groups",
                       .what = "the module has no parameters",
                       .got = module.name(),
                       .tip = "make the layers in the module's constructor, "
                              "and register them"});
  }
  check_names(rules, all);
  std::vector<ParamGroup> groups;
  for (const NamedParameter& parameter : all) {
    ParamGroup settings = settings_of(parameter, rules);
    auto at = std::ranges::find_if(groups, [&](const ParamGroup& group) {
      return same_settings(group, settings);
    });
    if (at == groups.end()) {
      at = groups.insert(groups.end(), std::move(settings));
    }
    at->parameters.push_back(parameter.value);
  }
  return groups;
}

std::vector<ParamRule> layer_wise_lr(const std::vector<std::string>& layers,
                                     double decay) {
  if (!(decay > 0 && decay <= 1)) {
    throw ConfigError({.where = "layer_wise_lr",
                       .what = "decay is out of range",
                       .got = shortest(decay),
                       .expected = "above 0, at most 1"});
  }
  std::vector<ParamRule> rules;
  double scale = 1;
  for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) {
    rules.push_back({.under = *layer, .lr_scale = scale});
    scale *= decay;
  }
  return rules;
}

}  // namespace bolt::optim
