#include <torchbolt/core/error.h>
#include <torchbolt/state/hyperparameters_mixin.h>

#include <string_view>

namespace bolt {

void HyperparametersMixin::add_hyperparameters(State params, bool logger) {
  if (!params.is_map()) {
    throw ConfigError({.where = "save_hyperparameters",
                       .what = "hyper-parameters must be a map",
                       .got = std::string(to_string(params.kind())),
                       .tip = "save_hyperparameters({{\"name\", value}})"});
  }
  if (hparams_.is_none()) hparams_ = State::map();
  if (hparams_initial_.is_none() && logger) hparams_initial_ = State::map();
  for (const auto& [key, value] : params.entries()) {
    hparams_[key] = value;
    if (logger) hparams_initial_[key] = value.clone();
  }
}

void HyperparametersMixin::save_hyperparameters(
    std::initializer_list<std::pair<std::string, State>> params, bool logger) {
  State map = State::map();
  for (const auto& [name, value] : params) map[std::string_view(name)] = value;
  add_hyperparameters(std::move(map), logger);
}

}  // namespace bolt
