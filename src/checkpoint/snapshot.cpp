#include "checkpoint/snapshot.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "checkpoint/fresh_bytes.h"
#include "checkpoint/storage_plan.h"

namespace bolt::detail {
namespace {

struct Piece {
  char* to = nullptr;
  const char* from = nullptr;
  std::size_t bytes = 0;
};

// Large enough that the C library copies around the cache; small enough that
// threads end together.
constexpr std::size_t kPiece = std::size_t{8} << 20;

void copy_pieces(const std::vector<Piece>& pieces) {
  at::parallel_for(0, static_cast<int64_t>(pieces.size()), 1,
                   [&](int64_t begin, int64_t end) {
                     for (int64_t k = begin; k < end; ++k) {
                       const Piece& piece = pieces[static_cast<std::size_t>(k)];
                       std::memcpy(piece.to, piece.from, piece.bytes);
                     }
                   });
}

// The same tree with other tensors, in the order in which a walk meets them.
State with_tensors(const State& state, const std::vector<at::Tensor>& tensors,
                   std::size_t& next) {
  if (state.is_tensor()) return tensors[next++];
  if (state.is_map()) {
    State map = State::map();
    for (const auto& [key, value] : state.entries()) {
      map[key] = with_tensors(value, tensors, next);
    }
    return map;
  }
  if (!state.is_list() && !state.is_tuple()) return state;
  std::vector<State> items;
  items.reserve(state.size());
  for (const State& item : state.items()) {
    items.push_back(with_tensors(item, tensors, next));
  }
  return state.is_list() ? State::list(std::move(items))
                         : State::tuple(std::move(items));
}

}  // namespace

at::Tensor SnapshotPool::buffer(uint64_t bytes) {
  const auto found = free_.find(bytes);
  if (found == free_.end()) {
    grown_ = true;
    return fresh_bytes(bytes);
  }
  at::Tensor buffer = std::move(found->second);
  free_.erase(found);
  return buffer;
}

Snapshot SnapshotPool::copy(const State& state, const std::string& where) {
  const StoragePlan plan(state, where);
  Snapshot snapshot;
  std::vector<Piece> pieces;
  for (const StoragePlan::Record& record : plan.records()) {
    const at::Tensor& to = snapshot.buffers.emplace_back(buffer(record.size()));
    if (record.size() == 0) continue;
    const at::Tensor from = record.bytes();
    if (!from.is_cpu()) {
      to.copy_(from);
      continue;
    }
    auto* begin = static_cast<char*>(to.data_ptr());
    const auto* source = static_cast<const char*>(from.const_data_ptr());
    for (std::size_t at = 0; at < record.size(); at += kPiece) {
      pieces.push_back(
          {.to = begin + at,
           .from = source + at,
           .bytes = std::min<std::size_t>(kPiece, record.size() - at)});
    }
  }
  copy_pieces(pieces);
  std::vector<at::Tensor> tensors;
  for (const StoragePlan::Use& use : plan.uses()) {
    at::Tensor tensor =
        at::empty({0}, at::TensorOptions().dtype(use.tensor.scalar_type()));
    tensor.set_(snapshot.buffers[use.record].storage(), use.offset,
                use.tensor.sizes(), use.tensor.strides());
    tensors.push_back(std::move(tensor));
  }
  std::size_t next = 0;
  snapshot.state = with_tensors(state, tensors, next);
  // A state of another shape has come: what it can't use goes.
  if (grown_) free_.clear();
  grown_ = false;
  return snapshot;
}

void SnapshotPool::give_back(Snapshot snapshot) {
  for (at::Tensor& buffer : snapshot.buffers) {
    const auto bytes = static_cast<uint64_t>(buffer.nbytes());
    free_.emplace(bytes, std::move(buffer));
  }
}

}  // namespace bolt::detail
