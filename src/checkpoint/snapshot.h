#pragma once

#include <ATen/core/Tensor.h>
#include <torchbolt/state/state.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace bolt::detail {

/// A copy of a state that nothing else uses, and the memory it is in.
struct Snapshot {
  State state{};
  std::vector<at::Tensor> buffers{};
};

/// Copies states into memory that was used for copies before: pages that were
/// never touched cost more than the copy itself. Not thread-safe.
class SnapshotPool {
 public:
  /// Tensors come onto the CPU; those that share storage share it again.
  /// Throws CheckpointError, with `where`, for one that has no place in a file.
  Snapshot copy(const State& state, const std::string& where);
  /// Takes back the memory of a copy that is used no more.
  void give_back(Snapshot snapshot);
  void clear() { free_.clear(); }

 private:
  at::Tensor buffer(uint64_t bytes);

  std::multimap<uint64_t, at::Tensor> free_{};  // by their size
  bool grown_ = false;
};

}  // namespace bolt::detail
