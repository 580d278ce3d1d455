#pragma once

// All transforms.

#include <torchbolt/data/transforms/compose.h>
#include <torchbolt/data/transforms/crop.h>
#include <torchbolt/data/transforms/flip.h>
#include <torchbolt/data/transforms/normalize.h>
#include <torchbolt/data/transforms/transform.h>
