#include "support/schedules.h"

#include <cmath>
#include <functional>
#include <map>
#include <set>
#include <stdexcept>

namespace bolt::testing {
namespace {

using Json = nlohmann::json;
using Optimizer = std::shared_ptr<torch::optim::Optimizer>;
using Part = std::shared_ptr<optim::Schedule>;

// The functions of make_lr_golden.py.
const std::map<std::string, optim::LRLambda::Function> kLambdas{
    {"power", [](int64_t t) { return std::pow(0.97, t); }},
    {"inverse", [](int64_t t) { return 1.0 / static_cast<double>(1 + t); }},
    {"ramp",
     [](int64_t t) { return std::min(1.0, static_cast<double>(t + 1) / 30); }},
    {"late", [](int64_t t) { return t < 50 ? 1.0 : 0.98; }},
    {"double", [](int64_t) { return 2.0; }}};
const std::map<std::string, std::function<double(double)>> kScales{
    {"half", [](double x) { return std::pow(0.5, x - 1); }},
    {"decay", [](double x) { return std::pow(0.99, x); }}};

// Keyword arguments; at the end each must have been asked for.
class Arguments {
 public:
  explicit Arguments(const Json& spec)
      : of_(spec.at("type")), all_(spec.value("args", Json::object())) {}

  template <class T>
  void operator()(const char* name, T& field) {
    if (const Json* value = find(name)) read(*value, field);
  }
  template <class E>
  void operator()(const char* name, E& field,
                  const std::map<std::string, E>& names) {
    if (const Json* value = find(name)) {
      field = names.at(value->get<std::string>());
    }
  }
  const Json* find(const char* name) {
    known_.insert(name);
    return all_.contains(name) ? &all_.at(name) : nullptr;
  }
  void done() const {
    for (const auto& [name, value] : all_.items()) {
      if (known_.count(name) > 0) continue;
      throw std::invalid_argument(of_ + " has no argument " + name);
    }
  }

 private:
  template <class T>
  static void read(const Json& value, T& field) {
    field = value.get<T>();
  }
  template <class T>
  static void read(const Json& value, std::optional<T>& field) {
    field = value.get<T>();
  }
  static void read(const Json& value, optim::PerGroup& field) {
    field = value.is_array() ? optim::PerGroup(value.get<std::vector<double>>())
                             : optim::PerGroup(value.get<double>());
  }
  static void read(const Json& value, optim::LRLambda& field) {
    if (!value.is_array()) {
      field = kLambdas.at(value.get<std::string>());
      return;
    }
    std::vector<optim::LRLambda::Function> functions;
    for (const Json& name : value) {
      functions.push_back(kLambdas.at(name.get<std::string>()));
    }
    field = functions;
  }

  std::string of_;
  Json all_;
  std::set<std::string> known_{};
};

Part part_from(const Json& spec, const Optimizer& optimizer);

std::vector<optim::SharedSchedule> parts_from(const Json* specs,
                                              const Optimizer& optimizer) {
  std::vector<optim::SharedSchedule> parts;
  if (specs == nullptr) return parts;
  for (const Json& spec : *specs) parts.push_back(part_from(spec, optimizer));
  return parts;
}

const std::map<std::string, optim::AnnealStrategy> kStrategies{
    {"cos", optim::AnnealStrategy::kCos},
    {"linear", optim::AnnealStrategy::kLinear}};

void fill(Arguments& a, optim::StepLROptions& o) {
  a("step_size", o.step_size);
  a("gamma", o.gamma);
  a("last_epoch", o.last_epoch);
}
void fill(Arguments& a, optim::MultiStepLROptions& o) {
  a("milestones", o.milestones);
  a("gamma", o.gamma);
  a("last_epoch", o.last_epoch);
}
void fill(Arguments& a, optim::ConstantLROptions& o) {
  a("factor", o.factor);
  a("total_iters", o.total_iters);
  a("last_epoch", o.last_epoch);
}
void fill(Arguments& a, optim::LinearLROptions& o) {
  a("start_factor", o.start_factor);
  a("end_factor", o.end_factor);
  a("total_iters", o.total_iters);
  a("last_epoch", o.last_epoch);
}
void fill(Arguments& a, optim::ExponentialLROptions& o) {
  a("gamma", o.gamma);
  a("last_epoch", o.last_epoch);
}
void fill(Arguments& a, optim::PolynomialLROptions& o) {
  a("total_iters", o.total_iters);
  a("power", o.power);
  a("last_epoch", o.last_epoch);
}
void fill(Arguments& a, optim::CosineAnnealingLROptions& o) {
  a("T_max", o.t_max);
  a("eta_min", o.eta_min);
  a("last_epoch", o.last_epoch);
}
void fill(Arguments& a, optim::CosineAnnealingWarmRestartsOptions& o) {
  a("T_0", o.t_0);
  a("T_mult", o.t_mult);
  a("eta_min", o.eta_min);
  a("last_epoch", o.last_epoch);
}
void fill(Arguments& a, optim::LambdaLROptions& o) {
  a("lr_lambda", o.lr_lambda);
  a("last_epoch", o.last_epoch);
}
void fill(Arguments& a, optim::MultiplicativeLROptions& o) {
  a("lr_lambda", o.lr_lambda);
  a("last_epoch", o.last_epoch);
}
void fill(Arguments& a, optim::OneCycleLROptions& o) {
  a("max_lr", o.max_lr);
  a("total_steps", o.total_steps);
  a("epochs", o.epochs);
  a("steps_per_epoch", o.steps_per_epoch);
  a("pct_start", o.pct_start);
  a("anneal_strategy", o.anneal_strategy, kStrategies);
  a("cycle_momentum", o.cycle_momentum);
  a("base_momentum", o.base_momentum);
  a("max_momentum", o.max_momentum);
  a("div_factor", o.div_factor);
  a("final_div_factor", o.final_div_factor);
  a("three_phase", o.three_phase);
  a("last_epoch", o.last_epoch);
}
void fill(Arguments& a, optim::CyclicLROptions& o) {
  a("base_lr", o.base_lr);
  a("max_lr", o.max_lr);
  a("step_size_up", o.step_size_up);
  a("step_size_down", o.step_size_down);
  a("mode", o.mode,
    {{"triangular", optim::CyclicMode::kTriangular},
     {"triangular2", optim::CyclicMode::kTriangular2},
     {"exp_range", optim::CyclicMode::kExpRange}});
  a("gamma", o.gamma);
  a("scale_fn", o.scale_fn, kScales);
  a("scale_mode", o.scale_mode,
    {{"cycle", optim::ScaleMode::kCycle},
     {"iterations", optim::ScaleMode::kIterations}});
  a("cycle_momentum", o.cycle_momentum);
  a("base_momentum", o.base_momentum);
  a("max_momentum", o.max_momentum);
  a("last_epoch", o.last_epoch);
}
void fill(Arguments& a, optim::SWALROptions& o) {
  a("swa_lr", o.swa_lr);
  a("anneal_epochs", o.anneal_epochs);
  a("anneal_strategy", o.anneal_strategy, kStrategies);
  a("last_epoch", o.last_epoch);
}
void fill(Arguments& a, optim::ReduceLROnPlateauOptions& o) {
  a("mode", o.mode, {{"min", Mode::kMin}, {"max", Mode::kMax}});
  a("factor", o.factor);
  a("patience", o.patience);
  a("threshold", o.threshold);
  a("threshold_mode", o.threshold_mode,
    {{"rel", optim::ThresholdMode::kRel}, {"abs", optim::ThresholdMode::kAbs}});
  a("cooldown", o.cooldown);
  a("min_lr", o.min_lr);
  a("eps", o.eps);
}

template <class S, class O>
std::shared_ptr<S> made(const Json& spec, const Optimizer& optimizer) {
  Arguments arguments(spec);
  O options;
  fill(arguments, options);
  arguments.done();
  return std::make_shared<S>(optimizer, std::move(options));
}

Part part_from(const Json& spec, const Optimizer& optimizer) {
  using namespace optim;
  const auto type = spec.at("type").get<std::string>();
  if (type == "SequentialLR") {
    Arguments arguments(spec);
    SequentialLROptions options;
    options.schedulers = parts_from(arguments.find("schedulers"), optimizer);
    arguments("milestones", options.milestones);
    arguments.done();
    return std::make_shared<SequentialLR>(optimizer, std::move(options));
  }
  if (type == "ChainedScheduler") {
    Arguments arguments(spec);
    ChainedSchedulerOptions options;
    options.schedulers = parts_from(arguments.find("schedulers"), optimizer);
    arguments.done();
    return std::make_shared<ChainedScheduler>(optimizer, std::move(options));
  }
#define SCHEDULE(S) \
  if (type == #S) return made<S, S##Options>(spec, optimizer);
  SCHEDULE(StepLR)
  SCHEDULE(MultiStepLR)
  SCHEDULE(ConstantLR)
  SCHEDULE(LinearLR)
  SCHEDULE(ExponentialLR)
  SCHEDULE(PolynomialLR)
  SCHEDULE(CosineAnnealingLR)
  SCHEDULE(CosineAnnealingWarmRestarts)
  SCHEDULE(LambdaLR)
  SCHEDULE(MultiplicativeLR)
  SCHEDULE(OneCycleLR)
  SCHEDULE(CyclicLR)
  SCHEDULE(SWALR)
#undef SCHEDULE
  throw std::invalid_argument("there is no schedule " + type);
}

}  // namespace

LRScheduler schedule_from(const Json& spec, const Optimizer& optimizer) {
  if (spec.at("type") == "ReduceLROnPlateau") {
    return made<optim::ReduceLROnPlateau, optim::ReduceLROnPlateauOptions>(
        spec, optimizer);
  }
  return part_from(spec, optimizer);
}

optim::LRLambda::Function lambda_from(const std::string& name) {
  return kLambdas.at(name);
}

}  // namespace bolt::testing
