#pragma once

// Everything about optimization.

#include <torchbolt/optim/adafactor.h>
#include <torchbolt/optim/adagrad.h>
#include <torchbolt/optim/adam.h>
#include <torchbolt/optim/adamw.h>
#include <torchbolt/optim/clip.h>
#include <torchbolt/optim/clip_algorithm.h>
#include <torchbolt/optim/grad_norm.h>
#include <torchbolt/optim/lbfgs.h>
#include <torchbolt/optim/lion.h>
#include <torchbolt/optim/nadam.h>
#include <torchbolt/optim/optimizer.h>
#include <torchbolt/optim/optimizer_config.h>
#include <torchbolt/optim/optimizer_of.h>
#include <torchbolt/optim/param_groups.h>
#include <torchbolt/optim/radam.h>
#include <torchbolt/optim/rmsprop.h>
#include <torchbolt/optim/sgd.h>
