#include "tools/version.h"

#include <torch/version.h>
#include <torchbolt/core/error.h>
#include <torchbolt/engine/fabric.h>
#include <torchbolt/version.h>

namespace bolt::tools {
namespace {

std::string compiler() {
#if defined(__clang__)
  return "clang " __clang_version__;
#else
  return "g++ " __VERSION__;
#endif
}

bool has_cuda() {
  try {
    Fabric({.accelerator = Accelerator::kCUDA});
    return true;
  } catch (const ConfigError&) {
    return false;
  }
}

}  // namespace

std::string version_text() {
  return "torchbolt " TORCHBOLT_VERSION
         "\n"
         "libtorch  " TORCH_VERSION
         "\n"
         "compiler  " +
         compiler() + "\nCUDA      " +
         (has_cuda() ? "can be used here" : "not here");
}

}  // namespace bolt::tools
