#include <ATen/ATen.h>
#include <torchbolt/checkpoint/safetensors.h>
#include <torchbolt/core/error.h>

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <utility>

#include "checkpoint/dtypes.h"
#include "checkpoint/file_reads.h"
#include "checkpoint/safetensors_header.h"
#include "checkpoint/storage_plan.h"
#include "checkpoint/utf8.h"
#include "core/atomic_file.h"
#include "data/flat_tensor.h"

namespace bolt {
namespace {

// The order of Python's package, which sorts by it, the last first: so that all
// are aligned.
constexpr std::array<std::string_view, 19> kOrder{
    "BOOL",        "U8",  "I8",  "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ",
    "F8_E5M2FNUZ", "I16", "U16", "F16",     "BF16",    "I32",     "U32",
    "F32",         "C64", "F64", "I64",     "U64"};

std::ptrdiff_t rank(at::ScalarType type) {
  return std::ranges::find(kOrder, detail::dtype_names(type)->safetensors) -
         kOrder.begin();
}

void check_names(const detail::InputFile& file,
                 const detail::SafetensorsHeader& header,
                 const std::vector<std::string>& wanted) {
  std::vector<std::string> there;
  for (const auto& entry : header.entries) there.push_back(entry.name);
  for (const std::string& name : wanted) {
    if (std::ranges::find(there, name) != there.end()) continue;
    const std::string near = did_you_mean(name, there);
    file.refuse(
        "it holds no tensor of this name", detail::quoted_text(name),
        "one of its " + std::to_string(there.size()) + " tensors",
        near.empty() ? "" : "did you mean " + detail::quoted_text(near) + "?");
  }
}

}  // namespace

Safetensors read_safetensors(const std::filesystem::path& path,
                             const ReadSafetensorsOptions& options) {
  const detail::InputFile file("read_safetensors", path,
                               detail::FileKind::kCheckpoint);
  detail::SafetensorsHeader header = detail::read_safetensors_header(file);
  check_names(file, header, options.names);
  const std::set<std::string> wanted(options.names.begin(),
                                     options.names.end());
  Safetensors result{.metadata = std::move(header.metadata)};
  std::vector<detail::FileRead> reads;
  for (const detail::SafetensorsEntry& entry : header.entries) {
    if (!wanted.empty() && !wanted.contains(entry.name)) continue;
    const at::Tensor tensor = at::empty(
        entry.shape, at::TensorOptions()
                         .dtype(entry.type)
                         .device(options.outline ? at::kMeta : at::kCPU));
    result.tensors.emplace(entry.name, tensor);
    if (options.outline || entry.begin == entry.end) continue;
    reads.push_back({.offset = header.bytes + entry.begin,
                     .bytes = entry.end - entry.begin,
                     .to = static_cast<char*>(tensor.data_ptr()),
                     .name = entry.name});
  }
  detail::read_all(file, std::move(reads));
  for (const auto& [name, tensor] : result.tensors) {
    if (tensor.scalar_type() == at::kBool && !options.outline) {
      detail::repair_bools(tensor);
    }
  }
  return result;
}

void write_safetensors(const std::filesystem::path& path,
                       const std::map<std::string, at::Tensor>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  const auto refuse = [&](const std::string& what, const std::string& got) {
    throw CheckpointError({.where = "write_safetensors(" + path.string() + ")",
                           .what = what + " has no place in a safetensors file",
                           .got = got,
                           .expected = "dense tensors with names in UTF-8"});
  };
  for (const auto& [key, value] : metadata) {
    if (!detail::is_utf8(key) || !detail::is_utf8(value)) {
      refuse("the metadata " + detail::quoted_text(key), "not UTF-8");
    }
  }
  std::vector<std::pair<std::string, at::Tensor>> order;
  for (const auto& [name, tensor] : tensors) {
    const std::string what = "tensor " + detail::quoted_text(name);
    if (!detail::is_utf8(name)) refuse(what, "a name that isn't UTF-8");
    if (name == "__metadata__") refuse(what, "the name of the metadata");
    const std::string bad = detail::obstacle(tensor);
    if (!bad.empty()) refuse(what, bad);
    if (detail::dtype_names(tensor.scalar_type())->safetensors.empty()) {
      refuse(what, c10::toString(tensor.scalar_type()));
    }
    order.emplace_back(name, tensor);
  }
  std::ranges::sort(order, {}, [](const auto& named) {
    const auto& [name, tensor] = named;
    return std::pair(-rank(tensor.scalar_type()), std::string_view(name));
  });
  detail::SafetensorsHeader header{.metadata = metadata};
  uint64_t at = 0;
  for (const auto& [name, tensor] : order) {
    const uint64_t end =
        at + static_cast<uint64_t>(tensor.numel() * tensor.element_size());
    header.entries.push_back({.name = name,
                              .type = tensor.scalar_type(),
                              .shape = tensor.sizes().vec(),
                              .begin = at,
                              .end = end});
    at = end;
  }
  detail::AtomicFile file(path);
  file.write(detail::safetensors_header_text(header));
  for (const auto& [name, tensor] : order) {
    const at::Tensor plain =
        tensor.detach().resolve_conj().resolve_neg().cpu().contiguous();
    file.write({static_cast<const char*>(plain.const_data_ptr()),
                static_cast<std::size_t>(plain.nbytes())});
  }
  file.commit();
}

}  // namespace bolt
