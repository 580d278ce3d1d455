#include <torch/torch.h>
#include <torchbolt/core/error.h>
#include <torchbolt/optim/momentum.h>
#if __has_include(<torchbolt/optim/optimizer.h>)
#include <torchbolt/optim/optimizer.h>
#define TORCHBOLT_OPTIMIZERS 1
#endif

#include <c10/util/Type.h>

#include <string>
#include <tuple>

namespace bolt::optim {
namespace {

struct Found {
  MomentumKind kind = MomentumKind::kNone;
  double* value = nullptr;
};

template <class Options>
bool look_for_momentum(torch::optim::OptimizerOptions& options, Found& found) {
  auto* known = dynamic_cast<Options*>(&options);
  if (known != nullptr) found = {MomentumKind::kMomentum, &known->momentum()};
  return known != nullptr;
}

template <class Options>
bool look_for_betas(torch::optim::OptimizerOptions& options, Found& found) {
  auto* known = dynamic_cast<Options*>(&options);
  if (known != nullptr) {
    found = {MomentumKind::kBeta1, &std::get<0>(known->betas())};
  }
  return known != nullptr;
}

Found find(torch::optim::Optimizer& optimizer,
           torch::optim::OptimizerOptions& options,
           [[maybe_unused]] std::size_t group) {
#ifdef TORCHBOLT_OPTIMIZERS
  if (auto* ours = dynamic_cast<Optimizer*>(&optimizer)) {
    double* value = ours->momentum(group);
    if (value == nullptr) return {};
    const bool plain = ours->name() == "SGD" || ours->name() == "RMSprop";
    return {plain ? MomentumKind::kMomentum : MomentumKind::kBeta1, value};
  }
#endif
  if (auto* own = dynamic_cast<MomentumOptions*>(&options)) {
    const MomentumKind kind = own->momentum_kind();
    if (kind == MomentumKind::kNone) return {};
    return {kind, &own->scheduled_momentum()};
  }
  Found found;
  (void)optimizer;
  (void)(look_for_momentum<torch::optim::SGDOptions>(options, found) ||
         look_for_momentum<torch::optim::RMSpropOptions>(options, found) ||
         look_for_betas<torch::optim::AdamOptions>(options, found) ||
         look_for_betas<torch::optim::AdamWOptions>(options, found));
  return found;
}

Found find(torch::optim::Optimizer& optimizer, std::size_t group) {
  return find(optimizer, optimizer.param_groups().at(group).options(), group);
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
    return find(optimizer, optimizer.defaults(), 0).kind;
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
