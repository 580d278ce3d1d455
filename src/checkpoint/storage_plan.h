#pragma once

#include <ATen/core/Tensor.h>
#include <torchbolt/state/state.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace bolt::detail {

/// Why a tensor can't be in a file, such as "a sparse tensor"; "" when it can.
std::string obstacle(const at::Tensor& tensor);

/// Which bytes of which storages a state's tensors use, each once.
class StoragePlan {
 public:
  /// Bytes begin … end-1 of a storage: from the first number that a tensor
  /// uses to the last. A large one of which little is used would else be kept
  /// whole.
  struct Record {
    at::Storage storage{};
    at::ScalarType type = at::ScalarType::Undefined;
    uint64_t begin = 0;
    uint64_t end = 0;
    uint64_t size() const { return end - begin; }
    /// As a tensor of bytes, where they are.
    at::Tensor bytes() const;
  };
  /// A tensor of the state; its offset is in numbers from its record's begin.
  struct Use {
    at::Tensor tensor{};
    std::size_t record = 0;
    int64_t offset = 0;
  };

  /// Throws CheckpointError, with `where`, for a tensor that has no place in a
  /// file; it names its place in the tree.
  StoragePlan(const State& state, const std::string& where);
  const std::vector<Record>& records() const { return records_; }
  /// In the order in which a walk through the state meets them.
  const std::vector<Use>& uses() const { return uses_; }

 private:
  std::vector<Record> records_{};
  std::vector<Use> uses_{};
};

}  // namespace bolt::detail
