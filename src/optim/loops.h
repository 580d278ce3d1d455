#pragma once

#include <cstdint>

namespace bolt::optim::detail {

// What optimizers without a kernel of torch's do to each number, as one loop
// over memory: on the CPU that is several times as fast as one kernel for each
// operation, and needs no memory of its own. Compiled for float and double.

/// Of those that average gradients and their squares (NAdam, RAdam).
struct MomentsLoop {
  /// The weights are multiplied by it first.
  double decay = 1;
  /// Weights that are added to the gradient.
  double weight_decay = 0;
  bool maximize = false;
  double beta1 = 0;
  double beta2 = 0;
  /// Divides the steps by root(second / correction) + eps; else by 1.
  bool rooted = true;
  double correction = 1;
  double eps = 0;
  /// The steps: of the gradient, of its average.
  double of_gradient = 0;
  double of_average = 0;

  template <class T>
  void operator()(T* parameter, const T* gradient, T* first, T* second,
                  int64_t size) const;
};

/// RMSprop's. Without momentum or centering, those are null.
struct RMSpropLoop {
  double lr = 0;
  double alpha = 0;
  double eps = 0;
  double weight_decay = 0;
  double momentum = 0;
  bool maximize = false;

  template <class T>
  void operator()(T* parameter, const T* gradient, T* square, T* buffer,
                  T* average, int64_t size) const;
};

/// Lion's.
struct LionLoop {
  double lr = 0;
  double beta1 = 0;
  double beta2 = 0;
  double decay = 1;
  bool maximize = false;

  template <class T>
  void operator()(T* parameter, const T* gradient, T* average,
                  int64_t size) const;
};

/// Adafactor's, of numbers in a row. What the gradients are divided by,
/// squared, is `row` times their `column`.
struct AdafactorLoop {
  /// At least that.
  double floor = 0;
  double decay = 1;
  bool maximize = false;

  /// Sums of squares of a matrix by rows, which are set, and by columns, which
  /// are added to. `block` has room for a row.
  template <class T>
  static void sums(const T* matrix, int64_t height, int64_t width, double* rows,
                   double* columns, T* block);
  /// The sum of squares of the steps at a rate of 1.
  template <class T>
  double squares(const T* gradient, const T* column, T row, int64_t size) const;
  /// The steps.
  template <class T>
  void operator()(T* parameter, const T* gradient, const T* column, T row,
                  double rate, int64_t size) const;
};

}  // namespace bolt::optim::detail
