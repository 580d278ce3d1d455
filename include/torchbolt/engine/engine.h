#pragma once

// Device, precision and processes.

#include <torchbolt/engine/autocast_scope.h>
#include <torchbolt/engine/default_dtype_scope.h>
#include <torchbolt/engine/fabric.h>
#include <torchbolt/engine/grad_scaler.h>
#include <torchbolt/engine/mixed_precision.h>
#include <torchbolt/engine/options.h>
#include <torchbolt/engine/precision.h>
#include <torchbolt/engine/precision_context.h>
#include <torchbolt/engine/precision_plugin.h>
#include <torchbolt/engine/true_precision.h>
