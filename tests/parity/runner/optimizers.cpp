#include "job.h"
#include "support/schedules.h"

namespace parity {
namespace {

using Optimizer = std::shared_ptr<torch::optim::Optimizer>;
using Parameters = std::vector<torch::Tensor>;

// torchbolt's own: those that remember their first rates, as Python's do.
Optimizer make_own(const Json& spec, const std::string& type, double lr,
                   const Parameters& parameters) {
  using namespace bolt::optim;
  if (type == "SGD") {
    return std::make_shared<SGD>(
        parameters, SGDOptions{.lr = lr,
                               .momentum = spec.value("momentum", 0.0),
                               .weight_decay = spec.value("weight_decay", 0.0),
                               .nesterov = spec.value("nesterov", false)});
  }
  if (type == "AdamW") {
    return std::make_shared<AdamW>(
        parameters,
        AdamWOptions{.lr = lr,
                     .weight_decay = spec.value("weight_decay", 1e-2)});
  }
  if (type == "Adam") {
    return std::make_shared<Adam>(
        parameters,
        AdamOptions{.lr = lr, .weight_decay = spec.value("weight_decay", 0.0)});
  }
  if (type == "RMSprop") {
    return std::make_shared<RMSprop>(parameters, RMSpropOptions{.lr = lr});
  }
  if (type == "Adagrad") {
    return std::make_shared<Adagrad>(parameters, AdagradOptions{.lr = lr});
  }
  return nullptr;
}

}  // namespace

std::shared_ptr<torch::optim::Optimizer> make_optimizer(
    const Json& spec, const std::vector<torch::Tensor>& parameters, bool own) {
  const auto type = spec.value("type", "SGD");
  const double lr = spec.value("lr", 0.1);
  if (own) {
    if (auto made = make_own(spec, type, lr, parameters)) return made;
  }
  if (type == "SGD") {
    torch::optim::SGDOptions options(lr);
    options.momentum(spec.value("momentum", 0.0));
    options.weight_decay(spec.value("weight_decay", 0.0));
    options.nesterov(spec.value("nesterov", false));
    return std::make_shared<torch::optim::SGD>(parameters, options);
  }
  if (type == "AdamW") {
    return std::make_shared<torch::optim::AdamW>(
        parameters, torch::optim::AdamWOptions(lr).weight_decay(
                        spec.value("weight_decay", 1e-2)));
  }
  if (type == "Adam") {
    return std::make_shared<torch::optim::Adam>(
        parameters, torch::optim::AdamOptions(lr).weight_decay(
                        spec.value("weight_decay", 0.0)));
  }
  if (type == "RMSprop") {
    return std::make_shared<torch::optim::RMSprop>(
        parameters, torch::optim::RMSpropOptions(lr));
  }
  if (type == "Adagrad") {
    return std::make_shared<torch::optim::Adagrad>(
        parameters, torch::optim::AdagradOptions(lr));
  }
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
