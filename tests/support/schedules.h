#pragma once

#include <torchbolt/optim/optim.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

namespace bolt::testing {

/// A schedule by its name and Python's keyword arguments, as make_lr_golden.py
/// and the scenarios of parity have them:
/// {"type": "StepLR", "args": {"step_size": 3}}. Parts of a composite are
/// such specs, functions have names. Throws std::invalid_argument for an
/// argument that isn't known.
LRScheduler schedule_from(
    const nlohmann::json& spec,
    const std::shared_ptr<torch::optim::Optimizer>& optimizer);

/// A function of the epoch by its name there. Throws std::out_of_range.
optim::LRLambda::Function lambda_from(const std::string& name);

}  // namespace bolt::testing
