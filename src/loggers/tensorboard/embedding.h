#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace bolt::detail {

/// The files of the Projector page for some points: beside the event files, in
/// a folder of the step and name, and an entry in projector_config.pbtxt. The
/// tensors are on the CPU; `images` may be undefined.
void write_embedding(const std::filesystem::path& folder,
                     const std::string& name, int64_t step,
                     const at::Tensor& vectors,
                     const std::vector<std::string>& labels,
                     const at::Tensor& images);

}  // namespace bolt::detail
