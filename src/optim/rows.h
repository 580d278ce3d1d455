#pragma once

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "optim/loops.h"

namespace bolt::optim::detail {

inline constexpr std::size_t kMaxColumns = 4;

/// What a rule updates: parameters of one group, on one device and of one type,
/// their gradients, and their state by column. Complex ones come as real views.
struct Rows {
  at::TensorList parameters{};
  at::TensorList gradients{};
  std::array<at::TensorList, kMaxColumns> columns{};
  /// Their state was made in this step.
  bool fresh = false;
  /// Each tensor lies in memory as its parameter does, without gaps. The fused
  /// kernels of the CPU count on it, and don't check.
  bool dense = true;

  /// The i-th of them alone.
  Rows one(std::size_t i) const {
    Rows row{.parameters = parameters.slice(i, 1),
             .gradients = gradients.slice(i, 1),
             .fresh = fresh,
             .dense = dense};
    for (std::size_t c = 0; c < kMaxColumns; ++c) {
      if (!columns[c].empty()) row.columns[c] = columns[c].slice(i, 1);
    }
    return row;
  }
};

/// Whether a loop over memory (loops.h) may update the rows: they are on the
/// CPU, of float or double, and all lie as the parameters do.
bool loops_fit(const Rows& rows);

/// Runs such a loop on the i-th parameter, its gradient, and these columns of
/// its state; a column that isn't there is a null pointer.
template <class Loop, class... Columns>
void run_loop(const Loop& loop, const Rows& rows, std::size_t i,
              Columns... columns) {
  constexpr int64_t kGrain = 32'768;  // numbers that a thread is worth
  const at::Tensor& parameter = rows.parameters[i];
  const auto run = [&]<class T>(T) {
    const auto column = [&](std::size_t c, int64_t begin) -> T* {
      if (rows.columns[c].empty() || !rows.columns[c][i].defined()) {
        return nullptr;
      }
      return rows.columns[c][i].mutable_data_ptr<T>() + begin;
    };
    T* const to = parameter.mutable_data_ptr<T>();
    const T* const gradient = rows.gradients[i].const_data_ptr<T>();
    at::parallel_for(0, parameter.numel(), kGrain,
                     [&](int64_t begin, int64_t end) {
                       loop(to + begin, gradient + begin,
                            column(columns, begin)..., end - begin);
                     });
  };
  if (parameter.scalar_type() == at::kFloat) {
    run(float{});
  } else {
    run(double{});
  }
  // A backward pass that kept the old numbers must notice.
  parameter.unsafeGetTensorImpl()->bump_version();
}

/// Whether one of torch's fused kernels is to be used. Throws ConfigError when
/// it was asked for and torch doesn't have it.
bool fused_wanted(std::optional<bool> asked, const at::Tensor& parameter,
                  std::string_view optimizer);

/// A step counter, where its user looks for it.
at::Tensor make_step(bool fused, const at::Tensor& parameter);

/// Adds one to each step counter.
void count_step(at::TensorList steps);

/// The value of a tensor of one number.
double number_of(const at::Tensor& tensor);

/// Gradients ready for a rule: negated if it goes up, with the weights times
/// `weight_decay` added. A view of the rows' own where there is nothing to do.
class Gradients {
 public:
  Gradients(const Rows& rows, bool maximize, double weight_decay);
  // The list points into what is owned: a move keeps it, a copy wouldn't.
  Gradients(Gradients&&) = default;
  operator at::TensorList() const { return list_; }
  at::TensorList list() const { return list_; }

 private:
  std::vector<at::Tensor> own_{};
  at::TensorList list_;
};

/// The weight decay of Adam and its kin, coupled (added to the gradient) or
/// decoupled, and their two averages. Gives back the gradients as the rule goes
/// on with them.
struct Moments {
  double lr, beta1, beta2, weight_decay;
  bool decoupled, maximize;
};
Gradients average_moments(const Moments& m, const Rows& rows,
                          at::TensorList first, at::TensorList second);
/// The same as a loop over memory, which then makes the steps.
MomentsLoop loop_of(const Moments& m);

}  // namespace bolt::optim::detail
