#include "loggers/tensorboard/pr_curve.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace bolt::detail {

std::vector<float> pr_curve(const at::Tensor& labels, const at::Tensor& scores,
                            int64_t thresholds) {
  const at::Tensor is = labels.to(at::kDouble).reshape({-1}).contiguous();
  const at::Tensor score = scores.to(at::kDouble).reshape({-1}).contiguous();
  const double* truth = is.const_data_ptr<double>();
  const double* given = score.const_data_ptr<double>();
  const auto n = static_cast<std::size_t>(thresholds);
  // How many of each have a score of the k-th threshold and less than the next;
  // then how many have that and more.
  std::vector<double> positive(n), negative(n);
  for (int64_t k = 0; k < is.numel(); ++k) {
    if (std::isnan(given[k])) continue;
    const double place =
        std::clamp(given[k], 0.0, 1.0) * static_cast<double>(n - 1);
    const auto at = static_cast<std::size_t>(place);
    positive[at] += truth[k];
    negative[at] += 1 - truth[k];
  }
  for (std::size_t k = n - 1; k-- > 0;) {
    positive[k] += positive[k + 1];
    negative[k] += negative[k + 1];
  }
  std::vector<float> curve(6 * n);
  for (std::size_t k = 0; k < n; ++k) {
    constexpr double kLeast = 1e-7;  // instead of a division by 0
    const double tp = positive[k], fp = negative[k];
    const double tn = negative[0] - fp, fn = positive[0] - tp;
    const double values[] = {tp,
                             fp,
                             tn,
                             fn,
                             tp / std::max(kLeast, tp + fp),
                             tp / std::max(kLeast, tp + fn)};
    for (std::size_t row = 0; row < 6; ++row) {
      curve[row * n + k] = static_cast<float>(values[row]);
    }
  }
  return curve;
}

}  // namespace bolt::detail
