#include "data/transforms/stage.h"

#include <ATen/ATen.h>
#include <torchbolt/core/error.h>

#include <algorithm>
#include <string>

#include "data/flat_tensor.h"

namespace bolt::detail {
namespace {

constexpr std::size_t kBytes = 256;

bool is_padding(const ImageOp& op) {
  const auto* crop = std::get_if<CropOp>(&op.what);
  return crop != nullptr && crop->padding > 0;
}

float mapped(float value, std::span<const MeanStd> maps) {
  for (const auto [mean, std] : maps) value = (value - mean) / std;
  return value;
}

std::string size_text(int64_t height, int64_t width) {
  return std::to_string(height) + " x " + std::to_string(width);
}

[[noreturn]] void refuse(const std::string& name, std::string what,
                         std::string got, std::string expected) {
  throw DataError({.where = name,
                   .what = std::move(what),
                   .got = std::move(got),
                   .expected = std::move(expected)});
}

}  // namespace

// The images of a source, and the size that they will have.
struct Stage::Images {
  const std::byte* data = nullptr;
  std::size_t width = 0;  // bytes of a number
  bool bytes = false;     // uint8
  int64_t count = 0;
  int64_t channels = 1;
  int64_t rows = 0;
  int64_t columns = 0;
  // In numbers.
  int64_t sample_stride = 0;
  int64_t channel_stride = 0;
  int64_t row_stride = 0;
  int64_t column_stride = 0;
  std::vector<int64_t> sample_shape{};
  at::ScalarType out_type{};
};

bool Stage::takes(const ImageOp& op) const { return !pads_ || !is_padding(op); }

void Stage::add(const ImageOp& op) {
  ops_.push_back(op);
  pads_ = pads_ || is_padding(op);
  const auto* map = std::get_if<PixelMap>(&op.what);
  if (map == nullptr) return;
  maps_ = true;
  const std::size_t have = maps_of_.size();
  const std::size_t more = std::max(map->mean.size(), map->std.size());
  if (have > 1 && more > 1 && have != more) {
    throw ConfigError(
        {.where = "Compose",
         .what = "two transforms are for different channels",
         .got = std::to_string(more) + " and " + std::to_string(have),
         .expected = "the same number, or one for all"});
  }
  // One map for all becomes one for each.
  maps_of_.resize(std::max(have, more), maps_of_.front());
  fill_.resize(maps_of_.size(), fill_.front());
  tables_.resize(maps_of_.size() * kBytes);
  for (std::size_t c = 0; c < maps_of_.size(); ++c) {
    const MeanStd one{.mean = map->mean[map->mean.size() > 1 ? c : 0],
                      .std = map->std[map->std.size() > 1 ? c : 0]};
    maps_of_[c].push_back(one);
    // Padding that is there already is mapped like any pixel.
    if (pads_) fill_[c] = mapped(fill_[c], {&one, 1});
    for (std::size_t byte = 0; byte < kBytes; ++byte) {
      tables_[c * kBytes + byte] =
          mapped(static_cast<float>(byte) / 255, maps_of_[c]);
    }
  }
}

Stage::Images Stage::images_of(const at::Tensor& source) const {
  const std::string& name = ops_.front().name;
  const bool good = source.defined() && source.device().is_cpu() &&
                    source.layout() == at::kStrided &&
                    (source.dim() == 3 || source.dim() == 4);
  if (!good) {
    refuse(name, "these are no images",
           !source.defined()
               ? "an undefined tensor"
               : source.toString() + " " + shape_text(source.sizes()) + " on " +
                     source.device().str(),
           "a batch [N, C, H, W] or [N, H, W], a sample [C, H, W] or [H, W], "
           "on the CPU");
  }
  const bool channels = source.dim() == 4;
  Images images{.data = static_cast<const std::byte*>(source.const_data_ptr()),
                .width = static_cast<std::size_t>(source.element_size()),
                .bytes = source.scalar_type() == at::kByte,
                .count = source.size(0),
                .channels = channels ? source.size(1) : 1,
                .rows = source.size(-2),
                .columns = source.size(-1),
                .sample_stride = source.stride(0),
                .channel_stride = channels ? source.stride(1) : 0,
                .row_stride = source.stride(-2),
                .column_stride = source.stride(-1),
                .out_type = maps_ ? at::kFloat : source.scalar_type()};
  int64_t height = images.rows;
  int64_t width = images.columns;
  for (const ImageOp& op : ops_) {
    if (const auto* map = std::get_if<PixelMap>(&op.what)) {
      const auto wanted =
          static_cast<int64_t>(std::max(map->mean.size(), map->std.size()));
      if (wanted > 1 && wanted != images.channels) {
        refuse(op.name, "the images have another number of channels",
               std::to_string(images.channels), std::to_string(wanted));
      }
      if (!images.bytes && source.scalar_type() != at::kFloat) {
        refuse(op.name, "it can't work on numbers of this type",
               c10::toString(source.scalar_type()), "Byte (uint8) or Float");
      }
    } else if (const auto* crop = std::get_if<CropOp>(&op.what)) {
      const int64_t around = 2 * crop->padding;
      if (crop->height > height + around || crop->width > width + around) {
        refuse(op.name, "the images are too small",
               size_text(height, width) +
                   (around > 0 ? ", with padding " +
                                     size_text(height + around, width + around)
                               : ""),
               "at least " + size_text(crop->height, crop->width));
      }
      height = crop->height;
      width = crop->width;
    }
  }
  images.sample_shape = {height, width};
  if (channels) {
    images.sample_shape.insert(images.sample_shape.begin(), images.channels);
  }
  return images;
}

at::Tensor Stage::check(const at::Tensor& source) const {
  const Images images = images_of(source);
  std::vector<int64_t> shape = images.sample_shape;
  shape.insert(shape.begin(), 0);
  return at::empty(shape, images.out_type);
}

Window Stage::draw(const Images& images, Rng& rng) const {
  Window window{.rows = Axis::whole(images.rows),
                .columns = Axis::whole(images.columns)};
  for (const ImageOp& op : ops_) {
    if (const auto* crop = std::get_if<CropOp>(&op.what)) {
      window.apply(*crop, rng);
    } else if (const auto* flip = std::get_if<FlipOp>(&op.what)) {
      window.apply(*flip, rng);
    }
  }
  return window;
}

at::Tensor Stage::run(const at::Tensor& source,
                      std::optional<std::span<const int64_t>> indices,
                      Rng& rng) const {
  const Images images = images_of(source);
  const int64_t count =
      indices ? static_cast<int64_t>(indices->size()) : images.count;
  std::vector<int64_t> shape = images.sample_shape;
  shape.insert(shape.begin(), count);
  const at::Tensor batch = at::empty(shape, images.out_type);
  auto* out = static_cast<std::byte*>(batch.data_ptr());
  const std::size_t bytes =
      count == 0 ? 0 : batch.nbytes() / static_cast<std::size_t>(count);
  for (int64_t k = 0; k < count; ++k, out += bytes) {
    const int64_t index = indices ? (*indices)[static_cast<std::size_t>(k)] : k;
    if (index < 0 || index >= images.count) {
      refuse(ops_.front().name, "there is no such sample",
             std::to_string(index), "0 to " + std::to_string(images.count - 1));
    }
    write(images, index, draw(images, rng), out);
  }
  return batch;
}

template <class Row>
void Stage::write_planes(const Images& images, int64_t index,
                         const Window& window, std::byte* out,
                         std::size_t out_width, Row row) const {
  const Axis& rows = window.rows;
  const Axis& columns = window.columns;
  const int64_t inside = columns.end - columns.begin;
  for (int64_t c = 0; c < images.channels; ++c) {
    const std::size_t map =
        maps_of_.size() > 1 ? static_cast<std::size_t>(c) : 0;
    const auto pad = [&, map](std::byte* to, int64_t n) {
      if (maps_) {
        std::fill_n(reinterpret_cast<float*>(to), n, fill_[map]);
      } else {
        std::fill_n(to, static_cast<std::size_t>(n) * out_width, std::byte{0});
      }
      return to + static_cast<std::size_t>(n) * out_width;
    };
    const int64_t plane =
        index * images.sample_stride + c * images.channel_stride +
        (columns.first + columns.step * columns.begin) * images.column_stride;
    out = pad(out, rows.begin * columns.length);
    for (int64_t r = rows.begin; r < rows.end; ++r) {
      out = pad(out, columns.begin);
      const int64_t at =
          plane + (rows.first + rows.step * r) * images.row_stride;
      row(out, images.data + at * static_cast<int64_t>(images.width),
          columns.step * images.column_stride, inside, map);
      out = pad(out + static_cast<std::size_t>(inside) * out_width,
                columns.length - columns.end);
    }
    out = pad(out, (rows.length - rows.end) * columns.length);
  }
}

void Stage::write(const Images& images, int64_t index, const Window& window,
                  std::byte* out) const {
  if (!maps_) {
    write_planes(
        images, index, window, out, images.width,
        [&](std::byte* to, const std::byte* from, int64_t step, int64_t n,
            std::size_t) { copy_numbers(to, from, step, n, images.width); });
  } else if (images.bytes) {
    write_planes(images, index, window, out, sizeof(float),
                 [&](std::byte* to, const std::byte* from, int64_t step,
                     int64_t n, std::size_t map) {
                   map_bytes(reinterpret_cast<float*>(to),
                             reinterpret_cast<const uint8_t*>(from), step, n,
                             &tables_[map * kBytes]);
                 });
  } else {
    write_planes(images, index, window, out, sizeof(float),
                 [&](std::byte* to, const std::byte* from, int64_t step,
                     int64_t n, std::size_t map) {
                   map_floats(reinterpret_cast<float*>(to),
                              reinterpret_cast<const float*>(from), step, n,
                              maps_of_[map]);
                 });
  }
}

}  // namespace bolt::detail
