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

}  // namespace bolt::optim::detail
