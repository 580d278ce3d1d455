#pragma once

#include <string>

namespace bolt::tools {

/// What `torchbolt --version` says: its version, libtorch's, the compiler, and
/// whether CUDA can be used here.
std::string version_text();

}  // namespace bolt::tools
