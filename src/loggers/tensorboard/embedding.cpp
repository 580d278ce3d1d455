#include "loggers/tensorboard/embedding.h"

#include <ATen/ATen.h>
#include <torchbolt/core/files.h>
#include <torchbolt/data/make_grid.h>
#include <torchbolt/data/png.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "loggers/media_path.h"
#include "loggers/utf8_text.h"

namespace bolt::detail {
namespace {

namespace fs = std::filesystem;

std::string table_of(const at::Tensor& vectors) {
  const at::Tensor all = vectors.to(at::kFloat).contiguous();
  const float* at = all.const_data_ptr<float>();
  std::string out;
  for (int64_t row = 0; row < all.size(0); ++row) {
    for (int64_t k = 0; k < all.size(1); ++k, ++at) {
      std::array<char, 32> digits{};
      const auto end =
          std::to_chars(digits.data(), digits.data() + digits.size(), *at).ptr;
      if (k > 0) out += '\t';
      out.append(digits.data(), end);
    }
    out += '\n';
  }
  return out;
}

// A line of a file is a label.
std::string label_lines(std::vector<std::string> labels) {
  std::string out;
  for (std::string& label : labels) {
    std::ranges::replace_if(
        label, [](char c) { return c == '\n' || c == '\t' || c == '\r'; }, ' ');
    out += as_utf8(label) + "\n";
  }
  return out;
}

// A square of pictures; what is missing of it is black.
at::Tensor sprite_of(const at::Tensor& images) {
  const int64_t count = images.size(0);
  const auto side =
      static_cast<int64_t>(std::ceil(std::sqrt(static_cast<double>(count))));
  std::vector<int64_t> shape = images.sizes().vec();
  shape[0] = side * side - count;
  const at::Tensor all = at::cat({images, at::zeros(shape, images.options())});
  return make_grid(all, {.nrow = side, .padding = 0});
}

std::string in_quotes(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out + "\"";
}

}  // namespace

void write_embedding(const fs::path& folder, const std::string& name,
                     int64_t step, const at::Tensor& vectors,
                     const std::vector<std::string>& labels,
                     const at::Tensor& images) {
  std::array<char, 32> number{};
  std::snprintf(number.data(), number.size(), "%05lld",
                static_cast<long long>(step));
  const fs::path place = fs::path(number.data()) / media_path(name);
  const auto path_of = [&](const char* file) {
    return in_quotes((place / file).generic_string());
  };
  std::string entry =
      "embeddings {\n  tensor_name: " + in_quotes(name + ":" + number.data()) +
      "\n  tensor_path: " + path_of("tensors.tsv") + "\n";
  write_atomic(folder / place / "tensors.tsv", table_of(vectors));
  if (!labels.empty()) {
    write_atomic(folder / place / "metadata.tsv", label_lines(labels));
    entry += "  metadata_path: " + path_of("metadata.tsv") + "\n";
  }
  if (images.defined()) {
    write_png(folder / place / "sprite.png", sprite_of(images));
    entry += "  sprite {\n    image_path: " + path_of("sprite.png") +
             "\n    single_image_dim: " + std::to_string(images.size(3)) +
             "\n    single_image_dim: " + std::to_string(images.size(2)) +
             "\n  }\n";
  }
  entry += "}\n";
  const fs::path config = folder / "projector_config.pbtxt";
  std::error_code error;
  std::string all = fs::exists(config, error) ? read_file(config) : "";
  if (all.find(entry) == std::string::npos) write_atomic(config, all + entry);
}

}  // namespace bolt::detail
