#include "data/transforms/window.h"

#include <algorithm>
#include <utility>

namespace bolt::detail {
namespace {

int64_t offset_of(int64_t length, int64_t wanted, bool random, Rng& rng) {
  const int64_t room = length - wanted;
  if (!random) return room / 2;
  return static_cast<int64_t>(rng.below(static_cast<uint64_t>(room) + 1));
}

}  // namespace

void Axis::crop(int64_t offset, int64_t new_length) {
  first += step * offset;
  begin = std::clamp<int64_t>(begin - offset, 0, new_length);
  end = std::clamp<int64_t>(end - offset, begin, new_length);
  length = new_length;
}

void Axis::flip() {
  first += step * (length - 1);
  step = -step;
  begin = length - std::exchange(end, length - begin);
}

void Window::apply(const CropOp& op, Rng& rng) {
  const int64_t p = op.padding;
  const int64_t top =
      offset_of(rows.length + 2 * p, op.height, op.random, rng) - p;
  const int64_t left =
      offset_of(columns.length + 2 * p, op.width, op.random, rng) - p;
  rows.crop(top, op.height);
  columns.crop(left, op.width);
}

void Window::apply(const FlipOp& op, Rng& rng) {
  if (rng.uniform() >= op.p) return;
  (op.horizontal ? columns : rows).flip();
}

}  // namespace bolt::detail
