#include <torchbolt/core/error.h>
#include <torchbolt/data/data_module.h>

#include <utility>

namespace bolt {

void LightningDataModule::save_hyperparameters(State params) {
  if (!params.is_map()) {
    throw ConfigError({.where = "save_hyperparameters",
                       .what = "hyper-parameters must be a map",
                       .got = std::string(to_string(params.kind())),
                       .tip = "State::map({{\"name\", value}})"});
  }
  hparams_ = std::move(params);
}

}  // namespace bolt
