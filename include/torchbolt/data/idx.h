#pragma once

#include <ATen/core/Tensor.h>
#include <torchbolt/export.h>

#include <filesystem>

namespace bolt {

/// Reads a file of the IDX format (MNIST and its successors; described on
/// yann.lecun.com/exdb/mnist), plain or compressed with gzip, into a tensor of
/// its shape and type. Throws DataError naming the file and what is wrong with
/// it; takes no memory for what the file only announces.
TORCHBOLT_API at::Tensor read_idx(const std::filesystem::path& path);

}  // namespace bolt
