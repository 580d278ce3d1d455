#pragma once

// Device, precision and processes.

#include <torchbolt/engine/autocast.h>
#include <torchbolt/engine/fabric.h>
#include <torchbolt/engine/grad_scaler.h>
#include <torchbolt/engine/mixed_precision.h>
#include <torchbolt/engine/options.h>
#include <torchbolt/engine/precision.h>
