#include <torchbolt/optim/adafactor.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "optim/optimizer_of.h"

namespace bolt::optim {
namespace {

double epsilon_of(at::ScalarType type) {
  switch (type) {
    case at::kDouble:
      return std::numeric_limits<double>::epsilon();
    case at::kHalf:
      return std::numeric_limits<c10::Half>::epsilon();
    case at::kBFloat16:
      return std::numeric_limits<c10::BFloat16>::epsilon();
    default:
      return std::numeric_limits<float>::epsilon();
  }
}

// Mean of squares over a dimension, without a tensor of squares.
at::Tensor mean_square(const at::Tensor& gradient, int64_t dim) {
  return at::linalg_vector_norm(gradient, 2, dim, /*keepdim=*/true)
      .square_()
      .div_(gradient.size(dim));
}

std::vector<at::Scalar> root_of_sizes(at::TensorList tensors) {
  std::vector<at::Scalar> roots;
  for (const at::Tensor& tensor : tensors) {
    roots.emplace_back(std::sqrt(static_cast<double>(tensor.numel())));
  }
  return roots;
}

}  // namespace

namespace detail {

// What gradients are divided by, squared, number by number: that of the row
// times that of the column. A vector is one row.
template <class T>
struct AdafactorEstimate {
  const T* rows = nullptr;  // null: 1
  const T* columns = nullptr;
  int64_t width = 1;
  int64_t height = 1;  // of each of several matrices

  // Calls f(index, columns, row, length) for the pieces of rows in a range.
  template <class F>
  void each(int64_t begin, int64_t end, const F& f) const {
    int64_t row = begin / width;
    int64_t within = begin % width;
    int64_t left = height - row % height;  // rows of this matrix
    const T* of_matrix = columns + row / height * width;
    while (begin < end) {
      const int64_t length = std::min(end - begin, width - within);
      f(begin, of_matrix + within, rows == nullptr ? T(1) : rows[row], length);
      begin += length;
      within = 0;
      ++row;
      if (--left > 0) continue;
      left = height;
      of_matrix += width;
    }
  }
};

}  // namespace detail

template <>
struct Rule<AdafactorOptions> {
  static constexpr const char* kName = "Adafactor";
  static constexpr std::array<std::string_view, 4> kColumns{
      "step", "row_var", "col_var", "variance"};
  static constexpr bool kAtOnce = false;
  static constexpr bool kLoops = false;

  static bool fused(const AdafactorOptions&) { return false; }

  static void check(const AdafactorOptions& o) {
    const detail::Check check(kName);
    check.not_negative("lr", o.lr);
    check.that(o.beta2_decay <= 0, "beta2_decay", o.beta2_decay, "at most 0");
    check.not_negative("eps.first", o.eps.first.value_or(0));
    check.not_negative("eps.second", o.eps.second);
    check.that(o.d >= 1, "d", o.d, "at least 1");
    check.not_negative("weight_decay", o.weight_decay);
  }

  template <class V, class O>
  static void fields(V& v, O& o) {
    v("lr", o.lr);
    v("beta2_decay", o.beta2_decay);
    v("eps", o.eps);
    v("d", o.d);
    v("weight_decay", o.weight_decay);
    v.fixed("foreach", State());
    v("maximize", o.maximize);
  }

  static unsigned used(const AdafactorOptions&, const at::Tensor& p) {
    if (p.is_complex()) {
      throw ConfigError({.where = kName,
                         .what = "a parameter is complex",
                         .tip = "use Adam for it"});
    }
    return p.dim() > 1 ? 0b0111U : 0b1001U;
  }

  static at::Tensor make(std::size_t column, const AdafactorOptions&,
                         const at::Tensor& p) {
    if (column == 0) return detail::make_step(/*fused=*/false, p);
    if (column == 3 || p.dim() < 2) return at::zeros_like(p);
    std::vector<int64_t> sizes = p.sizes().vec();
    sizes[sizes.size() - column] = 1;
    return at::zeros(sizes, p.options().requires_grad(false));
  }

  // What the gradients are divided by, squared.
  static at::Tensor estimate(const detail::Rows& rows, std::size_t i,
                             const at::Tensor& gradient, double weight,
                             double eps) {
    if (gradient.dim() < 2) {
      const at::Tensor& variance = rows.columns[3][i];
      variance.lerp_(gradient.square(), weight);
      return variance.clone();
    }
    const at::Tensor& row = rows.columns[1][i];
    const at::Tensor& column = rows.columns[2][i];
    row.lerp_(mean_square(gradient, -1), weight);
    column.lerp_(mean_square(gradient, -2), weight);
    return at::matmul(row, column)
        .div_(row.mean(-2, /*keepdim=*/true).clamp_min_(eps));
  }

  // Whether the loops fit: they go through a matrix row by row.
  static bool in_order(const detail::Rows& rows) {
    const at::Tensor& p = rows.parameters.front();
    if (p.dim() < 2) return detail::loops_fit(rows);
    // Its state is smaller than it is.
    detail::Rows alone = rows;
    alone.columns = {};
    return p.is_contiguous() && detail::loops_fit(alone);
  }

  // Averages the squares of a matrix, or of several, by rows and by columns.
  // Gives the rows' averages divided by their mean.
  template <class T>
  static std::vector<T> average_in_order(const detail::Rows& rows,
                                         double weight, double eps) {
    const at::Tensor& gradient = rows.gradients.front();
    const T* const from = gradient.const_data_ptr<T>();
    T* const row_average = rows.columns[1].front().mutable_data_ptr<T>();
    T* const column_average = rows.columns[2].front().mutable_data_ptr<T>();
    const int64_t width = gradient.size(-1);
    const int64_t height = gradient.size(-2);
    const int64_t matrices = gradient.numel() / (width * height);
    std::vector<double> row_sums(static_cast<std::size_t>(matrices * height));
    std::vector<T> factors(row_sums.size());
    const auto lerp = [&](T& average, double now) {
      average += static_cast<T>(weight * (now - average));
    };
    const auto finish = [&](int64_t m, const double* column_sums) {
      double mean = 0;
      for (int64_t r = m * height; r < (m + 1) * height; ++r) {
        const auto at = static_cast<std::size_t>(r);
        lerp(row_average[r], row_sums[at] / static_cast<double>(width));
        mean += row_average[r];
      }
      mean = std::max(mean / static_cast<double>(height), eps);
      for (int64_t r = m * height; r < (m + 1) * height; ++r) {
        factors[static_cast<std::size_t>(r)] =
            static_cast<T>(row_average[r] / mean);
      }
      for (int64_t c = 0; c < width; ++c) {
        lerp(column_average[m * width + c],
             column_sums[c] / static_cast<double>(height));
      }
    };
    // A large matrix in pieces, which don't depend on the number of threads;
    // small ones each as a whole.
    constexpr int64_t kPiece = 262'144;
    const int64_t pieces =
        matrices > 1 ? 1
                     : std::clamp<int64_t>(gradient.numel() / kPiece, 1, 16);
    const int64_t of_piece = (height + pieces - 1) / pieces;
    std::vector<double> parts(static_cast<std::size_t>(pieces * width));
    const auto sums_of = [&](int64_t m, int64_t piece, double* columns,
                             T* block) {
      const int64_t first = m * height + piece * of_piece;
      const int64_t rows_here = std::min(of_piece, (m + 1) * height - first);
      if (rows_here <= 0) return;  // rows don't divide evenly
      detail::AdafactorLoop::sums(from + first * width, rows_here, width,
                                  row_sums.data() + first, columns, block);
    };
    if (matrices > 1) {
      const int64_t grain = std::max<int64_t>(1, 32'768 / (width * height));
      at::parallel_for(0, matrices, grain, [&](int64_t begin, int64_t end) {
        std::vector<double> columns(static_cast<std::size_t>(width));
        std::vector<T> block(columns.size());
        for (int64_t m = begin; m < end; ++m) {
          std::ranges::fill(columns, 0.0);
          sums_of(m, 0, columns.data(), block.data());
          finish(m, columns.data());
        }
      });
      return factors;
    }
    at::parallel_for(0, pieces, 1, [&](int64_t begin, int64_t end) {
      std::vector<T> block(static_cast<std::size_t>(width));
      for (int64_t k = begin; k < end; ++k) {
        sums_of(0, k, parts.data() + k * width, block.data());
      }
    });
    for (int64_t k = 1; k < pieces; ++k) {
      for (int64_t c = 0; c < width; ++c) {
        parts[static_cast<std::size_t>(c)] +=
            parts[static_cast<std::size_t>(k * width + c)];
      }
    }
    finish(0, parts.data());
    return factors;
  }

  // One parameter on the CPU, without memory of its size.
  template <class T>
  static void step_in_order(const AdafactorOptions& o, const detail::Rows& rows,
                            double eps) {
    const at::Tensor& p = rows.parameters.front();
    const at::Tensor& gradient = rows.gradients.front();
    const int64_t count = p.numel();
    if (count == 0) return;
    const double t = detail::number_of(rows.columns[0].front());
    const double weight = std::pow(t, o.beta2_decay);
    detail::AdafactorEstimate<T> estimate{.width = count};
    std::vector<T> factors;
    if (p.dim() < 2) {
      const at::Tensor& variance = rows.columns[3].front();
      variance.mul_(1 - weight).addcmul_(gradient, gradient, weight);
      estimate.columns = variance.const_data_ptr<T>();
    } else {
      factors = average_in_order<T>(rows, weight, eps);
      estimate = {.rows = factors.data(),
                  .columns = rows.columns[2].front().const_data_ptr<T>(),
                  .width = p.size(-1),
                  .height = p.size(-2)};
    }
    const double root = std::sqrt(static_cast<double>(count));
    const double size =
        at::linalg_vector_norm(p).template item<double>() / root;
    const detail::AdafactorLoop loop{.floor = eps * eps,
                                     .decay = 1 - o.lr * o.weight_decay,
                                     .maximize = o.maximize};
    T* const to = p.mutable_data_ptr<T>();
    const T* const from = gradient.const_data_ptr<T>();
    constexpr int64_t kGrain = 32'768;
    const double squares = at::parallel_reduce(
        0, count, kGrain, 0.0,
        [&](int64_t begin, int64_t end, double sum) {
          estimate.each(
              begin, end,
              [&](int64_t at, const T* column, T factor, int64_t length) {
                sum += loop.squares(from + at, column, factor, length);
              });
          return sum;
        },
        std::plus<>());
    const double rate = std::max(o.eps.second, size) *
                        std::min(o.lr, 1 / std::sqrt(t)) /
                        std::max(1.0, std::sqrt(squares) / (root * o.d));
    at::parallel_for(0, count, kGrain, [&](int64_t begin, int64_t end) {
      estimate.each(begin, end,
                    [&](int64_t at, const T* column, T factor, int64_t length) {
                      loop(to + at, from + at, column, factor, rate, length);
                    });
    });
    // A backward pass that kept the old numbers must notice.
    p.unsafeGetTensorImpl()->bump_version();
  }

  // Sizes stay on their device: nothing waits for it.
  static void update(const AdafactorOptions& o, const detail::Rows& rows) {
    const at::TensorList steps = rows.columns[0];
    detail::count_step(steps);
    const double eps =
        o.eps.first.value_or(epsilon_of(rows.parameters.front().scalar_type()));
    if (rows.parameters.size() == 1 && in_order(rows)) {
      if (rows.parameters.front().scalar_type() == at::kFloat) {
        return step_in_order<float>(o, rows, eps);
      }
      return step_in_order<double>(o, rows, eps);
    }
    const detail::Gradients gradients(rows, o.maximize, 0);
    const std::vector<at::Scalar> roots = root_of_sizes(rows.parameters);

    std::vector<at::Scalar> rates;
    std::vector<at::Tensor> updates;
    std::vector<at::Tensor> sizes = at::_foreach_norm(rows.parameters);
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const double t = detail::number_of(steps[i]);
      rates.emplace_back(std::min(o.lr, 1 / std::sqrt(t)));
      updates.push_back(estimate(rows, i, gradients.list()[i],
                                 std::pow(t, o.beta2_decay), eps));
    }
    if (o.weight_decay != 0) {
      at::_foreach_mul_(rows.parameters, 1 - o.lr * o.weight_decay);
    }
    at::_foreach_clamp_min_(updates, eps * eps);
    at::_foreach_rsqrt_(updates);
    at::_foreach_mul_(updates, gradients);

    at::_foreach_div_(sizes, roots);
    at::_foreach_clamp_min_(sizes, o.eps.second);
    at::_foreach_mul_(sizes, rates);
    std::vector<at::Tensor> excess = at::_foreach_norm(updates);
    at::_foreach_div_(excess, roots);
    at::_foreach_div_(excess, o.d);
    at::_foreach_clamp_min_(excess, 1);
    at::_foreach_div_(sizes, excess);
    at::_foreach_mul_(updates, sizes);
    at::_foreach_sub_(rows.parameters, updates);
  }
};

template class OptimizerOf<AdafactorOptions>;

}  // namespace bolt::optim
