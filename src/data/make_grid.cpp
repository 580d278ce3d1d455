#include <ATen/ATen.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/number.h>
#include <torchbolt/data/make_grid.h>

#include <algorithm>
#include <string>

namespace bolt {
namespace {

void check(const at::Tensor& images, const GridOptions& options) {
  const auto config = [](const char* name, const std::string& got,
                         const char* expected) {
    throw ConfigError({.where = "make_grid",
                       .what = std::string(name) + " is out of range",
                       .got = got,
                       .expected = expected});
  };
  if (options.nrow < 1) {
    config("nrow", std::to_string(options.nrow), "at least 1");
  }
  if (options.padding < 0) {
    config("padding", std::to_string(options.padding), "at least 0");
  }
  if (options.value_range &&
      !(options.value_range->first < options.value_range->second)) {
    config("value_range",
           shortest(options.value_range->first) + " to " +
               shortest(options.value_range->second),
           "the smaller number first");
  }
  const auto data = [](std::string what, std::string got,
                       std::string expected) {
    throw DataError({.where = "make_grid",
                     .what = std::move(what),
                     .got = std::move(got),
                     .expected = std::move(expected)});
  };
  if (!images.defined()) data("the tensor is undefined", "", "pictures");
  if ((images.dim() != 3 && images.dim() != 4) || images.numel() == 0) {
    std::string shape;
    for (const int64_t n : images.sizes()) {
      shape += (shape.empty() ? "" : ", ") + std::to_string(n);
    }
    data("these are no pictures", "[" + shape + "]",
         "[n, channels, height, width] or [n, height, width], none of them 0");
  }
  if (options.normalize && !images.is_floating_point()) {
    data("only floating point can be normalized", images.toString(),
         "images.to(torch::kFloat)");
  }
}

at::Tensor normalized(const at::Tensor& images, const GridOptions& options) {
  const double low = options.value_range ? options.value_range->first
                                         : images.min().item<double>();
  const double high = options.value_range ? options.value_range->second
                                          : images.max().item<double>();
  // Pictures of one value become black, not NaN.
  return images.clamp(low, high).sub(low).div(std::max(high - low, 1e-5));
}

}  // namespace

at::Tensor make_grid(const at::Tensor& images, const GridOptions& options) {
  check(images, options);
  at::Tensor all = images.detach();
  if (images.dim() == 3) all = all.unsqueeze(1);
  if (options.normalize) all = normalized(all, options);
  const int64_t count = all.size(0);
  const int64_t columns = std::min(options.nrow, count);
  const int64_t rows = (count + columns - 1) / columns;
  const int64_t height = all.size(2) + options.padding;
  const int64_t width = all.size(3) + options.padding;
  const at::Tensor grid =
      at::full({all.size(1), rows * height + options.padding,
                columns * width + options.padding},
               options.pad_value, all.options());
  for (int64_t k = 0; k < count; ++k) {
    grid.narrow(1, k / columns * height + options.padding, all.size(2))
        .narrow(2, k % columns * width + options.padding, all.size(3))
        .copy_(all[k]);
  }
  return images.dim() == 3 ? grid.squeeze(0) : grid;
}

}  // namespace bolt
