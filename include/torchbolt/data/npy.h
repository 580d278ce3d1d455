#pragma once

#include <ATen/core/Tensor.h>
#include <torchbolt/export.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace bolt {

/// Reads a NumPy array file (`np.save`) of version 1, 2 or 3 into a contiguous
/// tensor of its shape and type; either byte order, C or Fortran order. The
/// types are those that torch has too: bool, (u)int8 … (u)int64, float16,
/// float32, float64, complex64, complex128. Throws DataError naming the file
/// and what is wrong with it; takes no memory for what the file only announces.
/// The format: numpy.org/doc/stable/reference/generated/numpy.lib.format.html.
///
///     at::Tensor x = bolt::read_npy("features.npy");
TORCHBOLT_API at::Tensor read_npy(const std::filesystem::path& path);

/// Reads the arrays of a NumPy archive (`np.savez`, `np.savez_compressed`), by
/// name; with `names`, these alone. An archive is a zip file (PKWARE's
/// APPNOTE.TXT), stored or deflated, zip64 included; its checksums are
/// compared. Throws DataError, also for a name that isn't there.
///
///     auto arrays = bolt::read_npz("data.npz");
///     bolt::TensorDataset train(arrays.at("x"), arrays.at("y"));
TORCHBOLT_API std::map<std::string, at::Tensor> read_npz(
    const std::filesystem::path& path,
    const std::vector<std::string>& names = {});

/// Writes a tensor for `np.load` and `read_npy`: version 1, C order, little
/// endian, at once or not at all (see write_atomic). Throws DataError for a
/// type that NumPy doesn't have, such as bfloat16, and Error when it can't be
/// written.
TORCHBOLT_API void write_npy(const std::filesystem::path& path,
                             const at::Tensor& tensor);

}  // namespace bolt
