#include <ATen/ATen.h>
#include <torchbolt/checkpoint/checkpoint_file.h>

#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "checkpoint/archive.h"
#include "checkpoint/file_reads.h"
#include "checkpoint/fresh_bytes.h"
#include "checkpoint/unpickler.h"
#include "data/flat_tensor.h"

namespace bolt {
namespace {

// A pickle holds names and small values, not data. The largest models have some
// megabytes.
constexpr uint64_t kMostPickle = uint64_t{256} << 20;

// Makes tensors of what a pickle describes; their data come later, all at once.
class TensorMaker {
 public:
  TensorMaker(const detail::Archive& archive, bool outline)
      : archive_(archive),
        device_(outline ? at::kMeta : at::kCPU),
        outline_(outline) {}

  at::Tensor make(const detail::TensorSpec& spec) {
    if (spec.storage == detail::TensorSpec::kNoStorage) {
      return at::empty_strided(
          spec.sizes, spec.strides,
          at::TensorOptions().dtype(spec.type).device(at::kMeta));
    }
    const at::Tensor& bytes = storage(spec.storage);
    if (spec.type == at::kBool) bools_.emplace(spec.storage, bytes);
    at::Tensor tensor =
        at::empty({0}, at::TensorOptions().dtype(spec.type).device(device_));
    tensor.set_(bytes.storage(), spec.offset, spec.sizes, spec.strides);
    if (spec.conj) tensor = at::_conj(tensor);
    if (spec.neg) tensor = at::_neg_view(tensor);
    return tensor;
  }

  void read(bool verify) {
    if (outline_) return;
    std::vector<detail::FileRead> reads;
    for (const auto& [entry, bytes] : storages_) {
      reads.push_back(archive_.reading(
          entry, static_cast<char*>(bytes.data_ptr()), verify));
    }
    detail::read_all(archive_.file(), std::move(reads));
    for (const auto& [entry, bytes] : bools_) detail::repair_bools(bytes);
  }

 private:
  const at::Tensor& storage(std::size_t entry) {
    const auto found = storages_.find(entry);
    if (found != storages_.end()) return found->second;
    const uint64_t size = archive_.entries()[entry].size;
    return storages_
        .emplace(entry,
                 outline_
                     ? at::empty({static_cast<int64_t>(size)},
                                 at::TensorOptions().dtype(at::kByte).device(
                                     at::kMeta))
                     : detail::fresh_bytes(size))
        .first->second;
  }

  const detail::Archive& archive_;
  at::Device device_;
  bool outline_;
  // By the number of the record.
  std::unordered_map<std::size_t, at::Tensor> storages_{};
  std::unordered_map<std::size_t, at::Tensor> bools_{};
};

}  // namespace

State read_checkpoint(const std::filesystem::path& path,
                      const ReadCheckpointOptions& options) {
  const detail::Archive archive("read_checkpoint", path);
  const std::string pickle =
      archive.read("data.pkl", kMostPickle, options.verify);
  detail::Unpickler unpickler(
      pickle, archive.file().where(),
      [&](const std::string& key) -> std::optional<detail::Unpickler::Storage> {
        const auto found = archive.find("data/" + key);
        if (!found) return std::nullopt;
        return detail::Unpickler::Storage{
            .number = *found, .bytes = archive.entries()[*found].size};
      });
  unpickler.run();
  TensorMaker maker(archive, options.outline);
  State state;
  try {
    state = unpickler.tree(
        [&](const detail::TensorSpec& spec) { return maker.make(spec); });
  } catch (const c10::Error& error) {
    archive.file().refuse("its tensors can't be made",
                          error.what_without_backtrace());
  }
  maker.read(options.verify);
  return state;
}

void verify_checkpoint(const std::filesystem::path& path) {
  const detail::Archive archive("verify_checkpoint", path);
  std::vector<detail::FileRead> reads;
  for (std::size_t k = 0; k < archive.entries().size(); ++k) {
    reads.push_back(archive.reading(k, nullptr, true));
  }
  detail::read_all(archive.file(), std::move(reads));
  // What the tensors are is in the pickle.
  read_checkpoint(path, {.outline = true});
}

}  // namespace bolt
