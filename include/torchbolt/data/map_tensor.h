#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/ScalarType.h>
#include <torchbolt/export.h>

#include <cstdint>
#include <filesystem>
#include <vector>

namespace bolt {

/// A tensor whose memory is the file itself (mmap): opening takes no time,
/// pages are read when they are touched, and processes and threads share them.
/// The file holds numbers of `type` in the machine's byte order, in C order,
/// from byte `offset` on (bools are looked at once, since other bytes than 0
/// and 1 must not be read as such). It stays open as long as a tensor uses it.
/// Writing into the tensor changes this process's copy of the page, never the
/// file. Throws DataError when the file is too short, or `offset` isn't a
/// multiple of the size of a number. The file must keep its length: reading a
/// page that is gone ends the process.
///
///     auto x = bolt::map_tensor("tokens.bin", at::kInt, {1'000'000, 128});
TORCHBOLT_API at::Tensor map_tensor(const std::filesystem::path& path,
                                    at::ScalarType type,
                                    const std::vector<int64_t>& shape,
                                    int64_t offset = 0);

/// The same for a NumPy array file: `np.load(path, mmap_mode="c")`. An array in
/// Fortran order gives a tensor with strides; one in the other byte order is
/// refused (`read_npy` reads it).
///
///     bolt::TensorDataset train(bolt::map_npy("x.npy"),
///     bolt::map_npy("y.npy"));
TORCHBOLT_API at::Tensor map_npy(const std::filesystem::path& path);

}  // namespace bolt
