#include <ATen/ATen.h>
#include <torchbolt/core/error.h>
#include <torchbolt/trainer/histogram.h>

#include <string>

namespace bolt {
namespace {

[[noreturn]] void refuse(std::string what, std::string got,
                         std::string expected) {
  throw ConfigError({.where = "histogram_of",
                     .what = std::move(what),
                     .got = std::move(got),
                     .expected = std::move(expected)});
}

}  // namespace

Histogram histogram_of(const at::Tensor& values, int64_t bins) {
  if (bins < 1) {
    refuse("there are too few bins", std::to_string(bins), "at least 1");
  }
  if (!values.defined()) refuse("there is no tensor", "undefined", "a tensor");
  if (values.is_complex()) {
    refuse("complex numbers have no order", c10::str(values.dtype()),
           "real numbers");
  }
  const at::NoGradGuard no_grad;
  Histogram histogram;
  at::Tensor all = values.detach();
  if (all.is_sparse()) all = all.coalesce().values();
  all = all.reshape({-1}).to(at::kDouble);
  const at::Tensor finite = all.masked_select(at::isfinite(all)).cpu();
  histogram.count = finite.numel();
  histogram.non_finite = all.numel() - histogram.count;
  if (histogram.count > 0) {
    const auto [least, greatest] = at::aminmax(finite);
    histogram.min = least.item<double>();
    histogram.max = greatest.item<double>();
    histogram.sum = finite.sum().item<double>();
    histogram.sum_of_squares = finite.dot(finite).item<double>();
  }
  double from = histogram.min;
  double to = histogram.max;
  if (!(to > from)) {
    from -= 0.5;
    to += 0.5;
  }
  // The limits are those that torch counts by.
  const at::Tensor limits = at::linspace(from, to, bins + 1, at::kDouble);
  const auto [counts, ignored] = at::histogram(finite, limits);
  histogram.limits.assign(limits.const_data_ptr<double>(),
                          limits.const_data_ptr<double>() + bins + 1);
  for (int64_t k = 0; k < bins; ++k) {
    histogram.counts.push_back(
        static_cast<int64_t>(counts.const_data_ptr<double>()[k]));
  }
  return histogram;
}

}  // namespace bolt
