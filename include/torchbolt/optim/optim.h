#pragma once

// Everything about optimization.

#include <torchbolt/optim/adamw.h>
#include <torchbolt/optim/clip.h>
#include <torchbolt/optim/optimizer.h>
#include <torchbolt/optim/optimizer_config.h>
#include <torchbolt/optim/optimizer_of.h>
#include <torchbolt/optim/param_groups.h>
#include <torchbolt/optim/sgd.h>
