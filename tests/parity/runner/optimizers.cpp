#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "job.h"
#include "support/schedules.h"

namespace parity {
namespace {

using Optimizer = std::shared_ptr<torch::optim::Optimizer>;
using Parameters = std::vector<torch::Tensor>;

template <typename Value>
void take(const Json& json, Value& value) {
  json.get_to(value);
}

// Adafactor's eps.
void take(const Json& json, std::pair<std::optional<double>, double>& value) {
  if (!json[0].is_null()) value.first = json[0].get<double>();
  value.second = json[1];
}

// The arguments of a constructor that stand in a scenario, under Python's
// names; torch's options have functions for them, torchbolt's are plain.
#define PARITY_ARGUMENT(name)                          \
  if (spec.contains(#name)) {                          \
    if constexpr (requires { options.name(); }) {      \
      take(spec[#name], options.name());               \
    } else if constexpr (requires { options.name; }) { \
      take(spec[#name], options.name);                 \
    }                                                  \
  }

template <typename Optimizer, typename Options>
std::shared_ptr<torch::optim::Optimizer> make(
    const Json& spec, const std::vector<torch::Tensor>& parameters) {
  Options options{spec.value("lr", 0.1)};
  PARITY_ARGUMENT(momentum)
  PARITY_ARGUMENT(dampening)
  PARITY_ARGUMENT(weight_decay)
  PARITY_ARGUMENT(nesterov)
  PARITY_ARGUMENT(betas)
  PARITY_ARGUMENT(eps)
  PARITY_ARGUMENT(amsgrad)
  PARITY_ARGUMENT(maximize)
  PARITY_ARGUMENT(alpha)
  PARITY_ARGUMENT(centered)
  PARITY_ARGUMENT(lr_decay)
  PARITY_ARGUMENT(initial_accumulator_value)
  PARITY_ARGUMENT(momentum_decay)
  PARITY_ARGUMENT(decoupled_weight_decay)
  PARITY_ARGUMENT(beta2_decay)
  PARITY_ARGUMENT(d)
  return std::make_shared<Optimizer>(parameters, options);
}
#undef PARITY_ARGUMENT

using Maker = std::shared_ptr<torch::optim::Optimizer> (*)(
    const Json&, const std::vector<torch::Tensor>&);

#define PARITY_OPTIMIZER(space, name) \
  {#name, &make<space::name, space::name##Options>}
// torchbolt's own: those that remember their first rates, as Python's do.
const std::map<std::string, Maker> kOwn = {
    PARITY_OPTIMIZER(bolt::optim, SGD),
    PARITY_OPTIMIZER(bolt::optim, AdamW),
    PARITY_OPTIMIZER(bolt::optim, Adam),
    PARITY_OPTIMIZER(bolt::optim, RMSprop),
    PARITY_OPTIMIZER(bolt::optim, Adagrad),
    PARITY_OPTIMIZER(bolt::optim, NAdam),
    PARITY_OPTIMIZER(bolt::optim, RAdam),
    PARITY_OPTIMIZER(bolt::optim, Adafactor),
};
const std::map<std::string, Maker> kTorchs = {
    PARITY_OPTIMIZER(torch::optim, SGD),
    PARITY_OPTIMIZER(torch::optim, AdamW),
    PARITY_OPTIMIZER(torch::optim, Adam),
    PARITY_OPTIMIZER(torch::optim, RMSprop),
    PARITY_OPTIMIZER(torch::optim, Adagrad),
};
#undef PARITY_OPTIMIZER

}  // namespace

std::shared_ptr<torch::optim::Optimizer> make_optimizer(
    const Json& spec, const std::vector<torch::Tensor>& parameters, bool own) {
  const auto type = spec.value("type", "SGD");
  if (!own && kTorchs.contains(type)) {
    return kTorchs.at(type)(spec, parameters);
  }
  if (kOwn.contains(type)) return kOwn.at(type)(spec, parameters);
  throw bolt::ConfigError(
      {.where = "scenario", .what = "the optimizer is not known", .got = type});
}

bolt::LRSchedulerConfig make_scheduler(
    const Json& spec,
    const std::shared_ptr<torch::optim::Optimizer>& optimizer) {
  bolt::LRSchedulerConfig config{
      .scheduler = bolt::testing::schedule_from(spec, optimizer)};
  if (spec.value("interval", "epoch") == "step") {
    config.interval = bolt::Interval::kStep;
  }
  config.frequency = spec.value("frequency", config.frequency);
  if (spec.contains("monitor")) config.monitor = spec["monitor"];
  config.strict = spec.value("strict", config.strict);
  if (spec.contains("name")) config.name = spec["name"];
  return config;
}

}  // namespace parity
