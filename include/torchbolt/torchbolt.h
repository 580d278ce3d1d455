#pragma once

// Everything. For a program or two; in a larger one, include what a file needs:
// this header costs what torch/nn/module.h costs, and a little.

#include <torchbolt/callbacks/callbacks.h>
#include <torchbolt/checkpoint/checkpoint.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/log.h>
#include <torchbolt/data/data.h>
#include <torchbolt/distributed/rank.h>
#include <torchbolt/engine/engine.h>
#include <torchbolt/loggers/loggers.h>
#include <torchbolt/metrics/metrics.h>
#include <torchbolt/optim/optim.h>
#include <torchbolt/state/hyperparameters_mixin.h>
#include <torchbolt/state/rng.h>
#include <torchbolt/state/state.h>
#include <torchbolt/trainer/load_from_checkpoint.h>
#include <torchbolt/trainer/trainer.h>
#include <torchbolt/version.h>
