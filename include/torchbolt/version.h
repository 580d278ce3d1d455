#pragma once

/// The library's version. CMake reads it from here.
#define TORCHBOLT_VERSION_MAJOR 0
#define TORCHBOLT_VERSION_MINOR 1
#define TORCHBOLT_VERSION_PATCH 0
#define TORCHBOLT_VERSION "0.1.0"
