#include "optim/loops.h"

#include <cmath>

// The compiler makes vector instructions of these: see the flags in
// src/CMakeLists.txt, and what is known before a loop begins.

namespace bolt::optim::detail {
namespace {

// torch's lerp: exact at both ends.
template <class T>
T lerp(T from, T to, T weight) {
  return weight < T(0.5) ? from + weight * (to - from)
                         : to - (to - from) * (1 - weight);
}

template <bool kRooted, class T>
void moments(const MomentsLoop& s, T* __restrict parameter,
             const T* __restrict gradient, T* __restrict first,
             T* __restrict second, int64_t size) {
  const T sign = s.maximize ? -1 : 1;
  const T decay = static_cast<T>(s.decay);
  const T weight_decay = static_cast<T>(s.weight_decay);
  const T weight1 = static_cast<T>(1 - s.beta1);
  const T beta2 = static_cast<T>(s.beta2);
  const T weight2 = static_cast<T>(1 - s.beta2);
  const T correction = static_cast<T>(s.correction);
  const T eps = static_cast<T>(s.eps);
  const T of_gradient = static_cast<T>(s.of_gradient);
  const T of_average = static_cast<T>(s.of_average);
  for (int64_t i = 0; i < size; ++i) {
    const T p = parameter[i] * decay;
    const T g = sign * gradient[i] + weight_decay * p;
    const T m = lerp(first[i], g, weight1);
    const T v = beta2 * second[i] + weight2 * g * g;
    first[i] = m;
    second[i] = v;
    const T step = of_gradient * g + of_average * m;
    if constexpr (kRooted) {
      parameter[i] = p + step / (std::sqrt(v / correction) + eps);
    } else {
      parameter[i] = p + step;
    }
  }
}

template <bool kMomentum, bool kCentered, class T>
void rmsprop(const RMSpropLoop& s, T* __restrict parameter,
             const T* __restrict gradient, T* __restrict square,
             T* __restrict buffer, T* __restrict average, int64_t size) {
  const T sign = s.maximize ? -1 : 1;
  const T weight_decay = static_cast<T>(s.weight_decay);
  const T alpha = static_cast<T>(s.alpha);
  const T weight = static_cast<T>(1 - s.alpha);
  const T eps = static_cast<T>(s.eps);
  const T momentum = static_cast<T>(s.momentum);
  const T lr = static_cast<T>(s.lr);
  for (int64_t i = 0; i < size; ++i) {
    const T g = sign * gradient[i] + weight_decay * parameter[i];
    const T v = alpha * square[i] + weight * g * g;
    square[i] = v;
    T spread = v;
    if constexpr (kCentered) {
      const T mean = lerp(average[i], g, weight);
      average[i] = mean;
      spread = v - mean * mean;
    }
    T step = g / (std::sqrt(spread) + eps);
    if constexpr (kMomentum) {
      step = momentum * buffer[i] + step;
      buffer[i] = step;
    }
    parameter[i] -= lr * step;
  }
}

}  // namespace

template <class T>
void MomentsLoop::operator()(T* parameter, const T* gradient, T* first,
                             T* second, int64_t size) const {
  if (rooted) {
    moments<true>(*this, parameter, gradient, first, second, size);
  } else {
    moments<false>(*this, parameter, gradient, first, second, size);
  }
}

template <class T>
void RMSpropLoop::operator()(T* parameter, const T* gradient, T* square,
                             T* buffer, T* average, int64_t size) const {
  const auto run = [&](auto loop) {
    loop(*this, parameter, gradient, square, buffer, average, size);
  };
  if (buffer != nullptr) {
    run(average != nullptr ? rmsprop<true, true, T> : rmsprop<true, false, T>);
  } else {
    run(average != nullptr ? rmsprop<false, true, T>
                           : rmsprop<false, false, T>);
  }
}

template <class T>
void LionLoop::operator()(T* __restrict parameter, const T* __restrict gradient,
                          T* __restrict average, int64_t size) const {
  const T sign = maximize ? -1 : 1;
  const T kept = static_cast<T>(decay);
  const T weight1 = static_cast<T>(1 - beta1);
  const T weight2 = static_cast<T>(1 - beta2);
  const T rate = static_cast<T>(lr);
  for (int64_t i = 0; i < size; ++i) {
    const T g = sign * gradient[i];
    const T direction = lerp(average[i], g, weight1);
    const T up = direction > 0 ? rate : T(0);
    const T down = direction < 0 ? rate : T(0);
    parameter[i] = parameter[i] * kept - (up - down);
    average[i] = lerp(average[i], g, weight2);
  }
}

#define BOLT_LOOPS(T)                                                         \
  template void MomentsLoop::operator()(T*, const T*, T*, T*, int64_t) const; \
  template void RMSpropLoop::operator()(T*, const T*, T*, T*, T*, int64_t)    \
      const;                                                                  \
  template void LionLoop::operator()(T*, const T*, T*, int64_t) const;
BOLT_LOOPS(float)
BOLT_LOOPS(double)
#undef BOLT_LOOPS

}  // namespace bolt::optim::detail
