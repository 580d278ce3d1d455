#pragma once

#include <ATen/core/Tensor.h>
#include <torchbolt/state/rng.h>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "data/transforms/image_op.h"
#include "data/transforms/rows.h"
#include "data/transforms/window.h"

namespace bolt::detail {

/// Transforms that are done in one pass. Never changes once it is made.
class Stage {
 public:
  /// Whether `op` can be done in this pass too: padding must have one value.
  bool takes(const ImageOp& op) const;
  /// Adds an op that it takes. Throws ConfigError when two of them are for
  /// different numbers of channels.
  void add(const ImageOp& op);

  /// Images `indices` of `source`, [N, C, H, W] or [N, H, W], as a batch; all
  /// of them without `indices`. Throws DataError.
  at::Tensor run(const at::Tensor& source,
                 std::optional<std::span<const int64_t>> indices,
                 Rng& rng) const;
  /// Throws DataError when `run` would; else an empty batch of what it gives.
  at::Tensor check(const at::Tensor& source) const;

 private:
  struct Images;
  Images images_of(const at::Tensor& source) const;
  Window draw(const Images& images, Rng& rng) const;
  void write(const Images& images, int64_t index, const Window& window,
             std::byte* out) const;
  template <class Row>
  void write_planes(const Images& images, int64_t index, const Window& window,
                    std::byte* out, std::size_t out_width, Row row) const;

  std::vector<ImageOp> ops_{};
  bool maps_ = false;
  bool pads_ = false;
  // For each channel (or one for all): what becomes of a float, of a byte (256
  // entries), and of padding.
  std::vector<std::vector<MeanStd>> maps_of_{{}};
  std::vector<float> tables_{};
  std::vector<float> fill_{0};
};

}  // namespace bolt::detail
