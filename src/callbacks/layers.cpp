#include "callbacks/layers.h"

#include <torch/nn/modules/batchnorm.h>

#include <unordered_set>

namespace bolt {
namespace {

void collect(torch::nn::Module& module,
             std::unordered_set<const torch::nn::Module*>& seen,
             std::vector<torch::nn::Module*>& all) {
  if (!seen.insert(&module).second) return;
  all.push_back(&module);
  for (const auto& child : module.named_children()) {
    if (child.value()) collect(*child.value(), seen, all);
  }
}

template <class Norm>
std::optional<BatchNormLayer> as(torch::nn::Module& module) {
  auto* norm = dynamic_cast<Norm*>(&module);
  if (norm == nullptr) return std::nullopt;
  return BatchNormLayer{norm, norm->running_mean, norm->running_var,
                        norm->num_batches_tracked, &norm->options.momentum()};
}

}  // namespace

std::vector<torch::nn::Module*> layers_of(torch::nn::Module& root) {
  std::unordered_set<const torch::nn::Module*> seen;
  std::vector<torch::nn::Module*> all;
  collect(root, seen, all);
  return all;
}

std::optional<BatchNormLayer> as_batch_norm(torch::nn::Module& module) {
  if (auto norm = as<torch::nn::BatchNorm1dImpl>(module)) return norm;
  if (auto norm = as<torch::nn::BatchNorm2dImpl>(module)) return norm;
  return as<torch::nn::BatchNorm3dImpl>(module);
}

void set_momentum(KeptMomenta& kept, const BatchNormLayer& norm,
                  std::optional<double> momentum) {
  if (kept.try_emplace(norm.layer, *norm.momentum).second) {
    *norm.momentum = momentum;
  }
}

void restore_momentum(KeptMomenta& kept, torch::nn::Module& layer) {
  const auto found = kept.find(&layer);
  if (found == kept.end()) return;
  *as_batch_norm(layer)->momentum = found->second;
  kept.erase(found);
}

void restore_momenta(KeptMomenta& kept) {
  while (!kept.empty()) restore_momentum(kept, *kept.begin()->first);
}

}  // namespace bolt
