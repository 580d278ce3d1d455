#include "checkpoint/storage_plan.h"

#include <ATen/ATen.h>
#include <torchbolt/core/error.h>

#include <algorithm>
#include <map>

#include "checkpoint/dtypes.h"
#include "checkpoint/tree_path.h"

namespace bolt::detail {
namespace {

// How many numbers of the storage it uses, from its first one on.
int64_t extent(const at::Tensor& tensor) {
  if (tensor.numel() == 0) return 0;
  int64_t last = 0;
  for (int64_t k = 0; k < tensor.dim(); ++k) {
    last += (tensor.size(k) - 1) * tensor.stride(k);
  }
  return last + 1;
}

}  // namespace

std::string obstacle(const at::Tensor& tensor) {
  if (!tensor.defined()) return "an undefined tensor";
  if (tensor.layout() != at::kStrided) return "a sparse tensor";
  if (tensor.is_quantized()) return "a quantized tensor";
  if (tensor.is_meta()) return "a tensor without data, on the meta device";
  if (dtype_names(tensor.scalar_type()) == nullptr) {
    return std::string("a tensor of type ") +
           c10::toString(tensor.scalar_type());
  }
  return "";
}

at::Tensor StoragePlan::Record::bytes() const {
  at::Tensor all = at::empty(
      {0}, at::TensorOptions().device(storage.device()).dtype(at::kByte));
  return all.set_(storage, static_cast<int64_t>(begin),
                  {static_cast<int64_t>(size())}, {1});
}

StoragePlan::StoragePlan(const State& state, const std::string& where) {
  // A storage that is seen as two types is kept twice: in a file it has one.
  std::map<std::pair<const void*, at::ScalarType>, std::size_t> known;
  TreePath path;
  walk(state, path, [&](const State& leaf, const TreePath& at) {
    if (!leaf.is_tensor()) return;
    const std::string bad = obstacle(leaf.as_tensor());
    const auto refuse = [&](const std::string& got) {
      throw CheckpointError({.where = where,
                             .what = at.text() + " has no place in a file",
                             .got = got,
                             .expected = "a dense tensor with its data"});
    };
    if (!bad.empty()) refuse(bad);
    // Views that are conjugated or negated when read become what they show.
    const at::Tensor tensor =
        leaf.as_tensor().detach().resolve_conj().resolve_neg();
    const auto width = static_cast<uint64_t>(tensor.element_size());
    const auto begin = static_cast<uint64_t>(tensor.storage_offset()) * width;
    const uint64_t end = begin + static_cast<uint64_t>(extent(tensor)) * width;
    if (end > begin && end > tensor.storage().nbytes()) {
      refuse("a tensor whose storage is too small for its shape");
    }
    const auto [found, added] =
        known.emplace(std::pair(tensor.storage().unsafeGetStorageImpl(),
                                tensor.scalar_type()),
                      records_.size());
    if (added) {
      records_.push_back(
          {.storage = tensor.storage(), .type = tensor.scalar_type()});
    }
    Record& record = records_[found->second];
    if (end > begin) {
      record.begin = record.size() == 0 ? begin : std::min(record.begin, begin);
      record.end = std::max(record.end, end);
    }
    uses_.push_back({.tensor = tensor, .record = found->second});
  });
  for (Use& use : uses_) {
    if (use.tensor.numel() == 0) continue;
    const auto begin = static_cast<int64_t>(records_[use.record].begin) /
                       use.tensor.element_size();
    use.offset = use.tensor.storage_offset() - begin;
  }
}

}  // namespace bolt::detail
