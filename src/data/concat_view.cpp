#include <ATen/ATen.h>
#include <torchbolt/core/error.h>
#include <torchbolt/data/concat_view.h>

#include <string>

namespace bolt::detail {

std::vector<at::Tensor> join_leaves(
    const std::vector<std::vector<at::Tensor>>& batches,
    std::span<const int64_t> order) {
  std::vector<at::Tensor> joined;
  for (std::size_t k = 0; k < batches.front().size(); ++k) {
    std::vector<at::Tensor> pieces;
    for (const std::vector<at::Tensor>& leaves : batches) {
      if (leaves.size() != batches.front().size()) throw_cant_join();
      pieces.push_back(leaves[k]);
    }
    at::Tensor whole = at::cat(pieces);
    if (!order.empty()) {
      const at::Tensor rows =
          at::tensor(at::IntArrayRef(order.data(), order.size()), at::kLong);
      whole = whole.index_select(0, rows.to(whole.device()));
    }
    joined.push_back(std::move(whole));
  }
  return joined;
}

void throw_cant_join() {
  throw DataError({.where = "concat",
                   .what = "a batch that reaches over two datasets can't be "
                           "joined: its parts differ, or are no tensors",
                   .tip = "concatenate datasets that make samples"});
}

void throw_no_sample(int64_t index, int64_t size) {
  throw DataError({.where = "concat",
                   .what = "the datasets have no such sample",
                   .got = "index " + std::to_string(index),
                   .expected = "0 to " + std::to_string(size - 1) + ", of " +
                               std::to_string(size) + " samples"});
}

}  // namespace bolt::detail
