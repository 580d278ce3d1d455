#include <torchbolt/checkpoint/checkpoint_file.h>
#include <torchbolt/checkpoint/state_dict.h>
#include <torchbolt/core/error.h>
#include <torchbolt/trainer/load_from_checkpoint.h>

#include <utility>

#include "trainer/checks.h"

namespace bolt::detail {
namespace {

constexpr const char* kHyperParameters = "hyper_parameters";

}  // namespace

State open_checkpoint(const std::filesystem::path& path,
                      const State& overrides) {
  if (!overrides.is_map()) {
    throw ConfigError({.where = "load_from_checkpoint",
                       .what = "overrides is no map",
                       .got = std::string(to_string(overrides.kind())),
                       .tip = "State::map({{\"lr\", 1e-3}})"});
  }
  State checkpoint = read_checkpoint(path);
  if (!checkpoint.is_map() || checkpoint.find("state_dict") == nullptr) {
    throw CheckpointError({.where = path.string(),
                           .what = "the file is no checkpoint of a module: it "
                                   "has no \"state_dict\""});
  }
  if (overrides.size() == 0) return checkpoint;
  State params = hyper_parameters(checkpoint);
  if (!params.is_map()) {
    throw CheckpointError({.where = path.string(),
                           .what = "its hyper-parameters are no map, which "
                                   "overrides could be put into",
                           .got = std::string(to_string(params.kind()))});
  }
  for (const auto& [key, value] : overrides.entries()) params.set(key, value);
  checkpoint[kHyperParameters] = std::move(params);
  return checkpoint;
}

State hyper_parameters(const State& checkpoint) {
  const State* params = checkpoint.find(kHyperParameters);
  return params != nullptr ? *params : State::map();
}

void load_into(Module& module, const State& checkpoint,
               const std::filesystem::path& path,
               const LoadFromCheckpointOptions& options) {
  module.configure_model();
  module.on_load_checkpoint(checkpoint);
  StateDictDifference difference;
  try {
    difference =
        load_state_dict(module, checkpoint.at("state_dict"),
                        options.strict.value_or(module.strict_loading));
  } catch (const CheckpointError& error) {
    ErrorText text = error.text();
    text.where = path.string();
    throw CheckpointError(std::move(text));
  }
  warn_of_difference(path, difference);
  if (options.map_location) module.to(*options.map_location);
}

}  // namespace bolt::detail
