#include <torchbolt/checkpoint/checkpoint.h>

#include <algorithm>
#include <set>

#include "job.h"

namespace parity {
namespace {

using bolt::State;

// Not in a trace: settings, and what torchbolt alone writes.
const std::set<std::string> kLeftOut{
    "pytorch-lightning_version", "hparams_name",
    "datamodule_hparams_name",   "datamodule_hyper_parameters",
    "hyper_parameters",          "hparams_type"};

Json plain(const State& state) {
  switch (state.kind()) {
    case State::Kind::kNone:
      return nullptr;
    case State::Kind::kBool:
      return state.as_bool();
    case State::Kind::kInt:
      return state.as_int();
    case State::Kind::kDouble:
    case State::Kind::kTensor:
      return number(state.as_double());
    case State::Kind::kString:
      return state.as_string();
    case State::Kind::kMap: {
      Json map = Json::object();
      for (const auto& [key, value] : state.entries()) {
        map[std::get<std::string>(key)] = plain(value);
      }
      return map;
    }
    default:
      return "?";
  }
}

Json describe(const State& c) {
  Json made;
  made["epoch"] = c.at("epoch").as_int();
  made["global_step"] = c.at("global_step").as_int();
  const torch::Tensor w = c.at("state_dict").at("w").as_tensor();
  for (int64_t k = 0; k < w.size(0); ++k) {
    made["w"].push_back(number(w[k].item<double>()));
  }
  std::vector<std::string> keys, callbacks;
  for (const auto& [key, value] : c.entries()) {
    const auto& name = std::get<std::string>(key);
    if (!kLeftOut.contains(name)) keys.push_back(name);
  }
  std::ranges::sort(keys);
  made["keys"] = keys;
  made["lr"] = made["schedulers"] = Json::array();
  if (const State* optimizers = c.find("optimizer_states")) {
    for (const State& optimizer : optimizers->items()) {
      for (const State& group : optimizer.at("param_groups").items()) {
        made["lr"].push_back(number(group.at("lr").as_double()));
      }
    }
  }
  if (const State* schedulers = c.find("lr_schedulers")) {
    for (const State& scheduler : schedulers->items()) {
      Json one = Json::object();
      for (const char* key :
           {"last_epoch", "_step_count", "num_bad_epochs", "best"}) {
        if (const State* value = scheduler.find(key)) one[key] = plain(*value);
      }
      made["schedulers"].push_back(one);
    }
  }
  const State& fit = c.at("loops").at("fit_loop");
  made["epoch_progress"] = plain(fit.at("epoch_progress"));
  made["batch_progress"] = plain(fit.at("epoch_loop.batch_progress"));
  made["optimizer_progress"] =
      plain(fit.at("epoch_loop.automatic_optimization.optim_progress")
                .at("optimizer")
                .at("step"));
  if (const State* all = c.find("callbacks")) {
    for (const auto& [key, value] : all->entries()) {
      const auto& name = std::get<std::string>(key);
      callbacks.push_back(name.substr(0, name.find('{')));
    }
  }
  std::ranges::sort(callbacks);
  made["callbacks"] = callbacks;
  return made;
}

}  // namespace

Json describe_checkpoints(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == ".ckpt") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  Json all = Json::array();
  for (const auto& file : files) {
    Json one{{"file", file.lexically_relative(folder).string()}};
    one.update(describe(bolt::read_checkpoint(file)));
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace parity
