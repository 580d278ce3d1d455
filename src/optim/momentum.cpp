#include <c10/util/Type.h>
#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/rmsprop.h>
#include <torch/optim/sgd.h>
#include <torchbolt/core/error.h>
#include <torchbolt/optim/momentum.h>
#include <torchbolt/optim/optimizer.h>
#include <torchbolt/optim/rmsprop.h>
#include <torchbolt/optim/sgd.h>

#include <string>
#include <tuple>

namespace bolt::optim {
namespace {

struct Found {
  MomentumKind kind = MomentumKind::kNone;
  double* value = nullptr;
};

Found in_torchs(torch::optim::OptimizerOptions& options) {
  const auto plain = [](double& value) {
    return Found{MomentumKind::kMomentum, &value};
  };
  const auto beta1 = [](auto& betas) {
    return Found{MomentumKind::kBeta1, &std::get<0>(betas)};
  };
  if (auto* o = dynamic_cast<torch::optim::SGDOptions*>(&options)) {
    return plain(o->momentum());
  }
  if (auto* o = dynamic_cast<torch::optim::RMSpropOptions*>(&options)) {
    return plain(o->momentum());
  }
  if (auto* o = dynamic_cast<torch::optim::AdamWOptions*>(&options)) {
    return beta1(o->betas());
  }
  if (auto* o = dynamic_cast<torch::optim::AdamOptions*>(&options)) {
    return beta1(o->betas());
  }
  return {};
}

Found find(torch::optim::Optimizer& optimizer, std::size_t group) {
  auto* ours = dynamic_cast<Optimizer*>(&optimizer);
  if (ours == nullptr) {
    return in_torchs(optimizer.param_groups().at(group).options());
  }
  double* value = ours->momentum(group);
  if (value == nullptr) return {};
  const bool plain = dynamic_cast<SGD*>(ours) != nullptr ||
                     dynamic_cast<RMSprop*>(ours) != nullptr;
  return {plain ? MomentumKind::kMomentum : MomentumKind::kBeta1, value};
}

ConfigError no_momentum(torch::optim::Optimizer& optimizer,
                        std::string_view where) {
  return ConfigError(
      {.where = std::string(where),
       .what = "the optimizer has no momentum that could be changed",
       .got = c10::demangle(typeid(optimizer).name()),
       .expected = "one with momentum (SGD, RMSprop) or betas (Adam, AdamW)",
       .tip = ".cycle_momentum = false"});
}

}  // namespace

MomentumKind momentum_kind(torch::optim::Optimizer& optimizer) {
  if (optimizer.param_groups().empty()) {
    return in_torchs(optimizer.defaults()).kind;
  }
  return find(optimizer, 0).kind;
}

std::optional<double> momentum(torch::optim::Optimizer& optimizer,
                               std::size_t group) {
  const Found found = find(optimizer, group);
  if (found.value == nullptr) return std::nullopt;
  return *found.value;
}

void set_momentum(torch::optim::Optimizer& optimizer, std::size_t group,
                  double value) {
  const Found found = find(optimizer, group);
  if (found.value == nullptr) throw no_momentum(optimizer, "set_momentum");
  *found.value = value;
}

void check_momentum(torch::optim::Optimizer& optimizer,
                    std::string_view schedule) {
  if (momentum_kind(optimizer) != MomentumKind::kNone) return;
  throw no_momentum(optimizer, schedule);
}

}  // namespace bolt::optim
