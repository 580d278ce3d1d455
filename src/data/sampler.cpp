#include <torchbolt/data/sampler.h>
#include <torchbolt/state/rng.h>

#include <numeric>
#include <utility>

namespace bolt {

std::span<const int64_t> RandomSampler::order(int64_t epoch) {
  if (epoch_ != epoch) {
    order_.resize(static_cast<std::size_t>(size_));
    std::iota(order_.begin(), order_.end(), int64_t{0});
    Rng rng(seed_, static_cast<uint64_t>(epoch));
    for (std::size_t k = order_.size(); k > 1; --k) {
      std::swap(order_[k - 1], order_[rng.below(k)]);
    }
    epoch_ = epoch;
  }
  return order_;
}

}  // namespace bolt
