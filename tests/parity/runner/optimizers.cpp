#include "job.h"

namespace parity {
namespace {

bolt::LRScheduler scheduler_of(const Json& spec,
                               torch::optim::Optimizer& optimizer) {
  const auto type = spec["type"].get<std::string>();
  const Json args = spec.value("args", Json::object());
  if (type == "StepLR") {
    torch::optim::StepLR scheduler(optimizer, args.value("step_size", 1U),
                                   args.value("gamma", 0.1));
    scheduler.step();  // Python's makes the first one itself
    return scheduler;
  }
  if (type == "ReduceLROnPlateau") {
    using Plateau = torch::optim::ReduceLROnPlateauScheduler;
    return Plateau(
        optimizer,
        args.value("mode", "min") == "max" ? Plateau::max : Plateau::min,
        args.value("factor", 0.1F), args.value("patience", 10));
  }
  throw bolt::ConfigError(
      {.where = "scenario", .what = "the schedule is not known", .got = type});
}

}  // namespace

std::shared_ptr<torch::optim::Optimizer> make_optimizer(
    const Json& spec, const std::vector<torch::Tensor>& parameters) {
  const auto type = spec.value("type", "SGD");
  const double lr = spec.value("lr", 0.1);
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
  bolt::LRSchedulerConfig config{.scheduler = scheduler_of(spec, *optimizer)};
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
