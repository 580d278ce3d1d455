#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <map>
#include <optional>
#include <vector>

namespace bolt {

/// A module and all below it, each once, outer ones first. Not modules(): that
/// needs a module which lives in a shared_ptr.
std::vector<torch::nn::Module*> layers_of(torch::nn::Module& root);

/// A batch normalization of libtorch, of any number of dimensions.
struct BatchNormLayer {
  torch::nn::Module* layer;
  // Undefined where it keeps no running statistics.
  at::Tensor running_mean;
  at::Tensor running_var;
  at::Tensor num_batches_tracked;
  std::optional<double>* momentum;
};

/// The module as a batch normalization; none when it is something else.
std::optional<BatchNormLayer> as_batch_norm(torch::nn::Module& module);

/// Momenta of batch normalizations, as they were before they were set.
using KeptMomenta = std::map<torch::nn::Module*, std::optional<double>>;

/// Sets one, and keeps what it was, unless that is kept already.
void set_momentum(KeptMomenta& kept, const BatchNormLayer& norm,
                  std::optional<double> momentum);
/// Gives a layer, or all, back what was kept of it.
/// @{
void restore_momentum(KeptMomenta& kept, torch::nn::Module& layer);
void restore_momenta(KeptMomenta& kept);
/// @}

}  // namespace bolt
