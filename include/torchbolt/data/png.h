#pragma once

#include <ATen/core/Tensor.h>
#include <torchbolt/export.h>

#include <filesystem>
#include <string>

namespace bolt {

/// Writes a picture as a PNG file of 8 bits a channel, at once or not at all
/// (see write_atomic); folders on the way are made.
///
///     bolt::write_png("samples/epoch_3.png", bolt::make_grid(images));
///
/// `image` has shape [height, width] (grey) or [channels, height, width] with 1
/// (grey), 2 (grey, alpha), 3 (red, green, blue) or 4 (with alpha) channels, on
/// any device. Numbers of type uint8 are stored as they are; those of floating
/// point are 0 to 1, what lies beyond is cut off, and rounded to the next of
/// 256 steps. Throws DataError for another shape or type, an empty picture, and
/// a NaN; Error when it can't be written. May run on any thread.
///
/// The format: www.w3.org/TR/png-3.
TORCHBOLT_API void write_png(const std::filesystem::path& path,
                             const at::Tensor& image);

/// The content that `write_png` would write. `where` is the beginning of the
/// error messages.
TORCHBOLT_API std::string encode_png(const at::Tensor& image,
                                     const std::string& where = "encode_png");

}  // namespace bolt
