#include <ATen/ATen.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/files.h>
#include <torchbolt/data/npy.h>

#include <algorithm>
#include <array>
#include <set>

#include "core/byte_source.h"
#include "core/zip.h"
#include "data/flat_tensor.h"
#include "data/npy_header.h"

namespace bolt {
namespace {

constexpr std::string_view kSuffix = ".npy";

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    text += (text.empty() ? "" : ", ") + detail::quoted_text(name);
    if (text.size() > 200) break;
  }
  return text;
}

// (2, 3), (2,), ()
std::string python_tuple(at::IntArrayRef shape) {
  std::string text = "(";
  for (const int64_t n : shape) text += std::to_string(n) + ", ";
  if (shape.size() > 1) text.resize(text.size() - 2);
  if (shape.size() == 1) text.pop_back();
  return text + ")";
}

// Padded so that the numbers begin at a multiple of 64 bytes, as NumPy's do.
std::string npy_header(const std::string& descr, at::IntArrayRef shape) {
  std::string dict =
      "{'descr': '" + descr +
      "', 'fortran_order': False, 'shape': " + python_tuple(shape) + ", }";
  constexpr std::size_t kBefore = 10;
  constexpr std::size_t kAlign = 64;
  const std::size_t used = kBefore + dict.size() + 1;
  dict.append((kAlign - used % kAlign) % kAlign, ' ');
  dict += '\n';
  std::string header("\x93NUMPY\x01\0", 8);
  header += static_cast<char>(dict.size() & 0xff);
  header += static_cast<char>(dict.size() >> 8);
  return header + dict;
}

}  // namespace

at::Tensor read_npy(const std::filesystem::path& path) {
  const detail::InputFile file("read_npy", path);
  detail::FileSource source(file);
  return detail::read_npy_array(source);
}

std::map<std::string, at::Tensor> read_npz(
    const std::filesystem::path& path, const std::vector<std::string>& names) {
  const detail::InputFile file("read_npz", path);
  const detail::ZipReader zip(file);
  std::set<std::string> seen;
  std::vector<std::string> there;
  std::map<std::string, at::Tensor> arrays;
  for (const detail::ZipEntry& entry : zip.entries()) {
    if (!seen.insert(entry.name).second) {
      file.refuse("two of its arrays have one name",
                  detail::quoted_text(entry.name));
    }
    std::string name = entry.name;
    if (name.ends_with(kSuffix)) name.resize(name.size() - kSuffix.size());
    there.push_back(name);
    const bool wanted = names.empty() || std::find(names.begin(), names.end(),
                                                   name) != names.end();
    if (!wanted) continue;
    if (name == entry.name) {
      file.refuse("it holds something else than arrays",
                  detail::quoted_text(entry.name), "names that end in .npy");
    }
    arrays.emplace(name, detail::read_npy_array(*zip.open(entry)));
  }
  for (const std::string& name : names) {
    if (arrays.contains(name)) continue;
    const std::string meant = did_you_mean(name, there);
    file.refuse("it holds no array of this name", detail::quoted_text(name),
                "one of " + joined(there),
                meant.empty()
                    ? ""
                    : "did you mean " + detail::quoted_text(meant) + "?");
  }
  return arrays;
}

void write_npy(const std::filesystem::path& path, const at::Tensor& tensor) {
  const std::string where = "write_npy(" + path.string() + ")";
  if (!tensor.defined()) {
    throw DataError({.where = where, .what = "the tensor is undefined"});
  }
  const auto descr = detail::npy_descr(tensor.scalar_type());
  if (!descr || tensor.layout() != at::kStrided) {
    throw DataError({.where = where,
                     .what = "NumPy has no such tensor",
                     .got = tensor.toString(),
                     .expected = "a dense one of bool, ints, floats, complex",
                     .tip = "tensor.to(torch::kFloat)"});
  }
  // Views that are conjugated or negated when read become what they show.
  const at::Tensor plain =
      tensor.detach().resolve_conj().resolve_neg().cpu().contiguous();
  const std::string header = npy_header(*descr, plain.sizes());
  const std::array<std::string_view, 2> parts{
      header, std::string_view(static_cast<const char*>(plain.const_data_ptr()),
                               static_cast<std::size_t>(plain.nbytes()))};
  write_atomic(path, parts);
}

}  // namespace bolt
