#include "optim/loops.h"

#include <algorithm>
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

// Adafactor's, at a rate of 1. An estimate that is NaN stays so.
template <class T>
T step_at(T gradient, T estimate, T least) {
  return gradient / std::sqrt(estimate < least ? least : estimate);
}

// The sum of values, in parts that fill vector registers, and in blocks that
// stay exact.
template <class T, class F>
double sum_of(int64_t size, const F& value, T) {
  constexpr int64_t kParts = 16;
  constexpr int64_t kBlock = 4096;
  double total = 0;
  int64_t i = 0;
  while (size - i >= kParts) {
    const int64_t end = i + (std::min(size - i, kBlock) & ~(kParts - 1));
    T parts[kParts] = {};
    for (; i < end; i += kParts) {
      for (int64_t k = 0; k < kParts; ++k) parts[k] += value(i + k);
    }
    for (const T part : parts) total += part;
  }
  for (; i < size; ++i) total += value(i);
  return total;
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

template <class T>
void AdafactorLoop::sums(const T* matrix, int64_t height, int64_t width,
                         double* __restrict rows, double* __restrict columns,
                         T* __restrict block) {
  constexpr int64_t kRows = 64;  // that stay exact in a T
  for (int64_t begin = 0; begin < height; begin += kRows) {
    const int64_t end = std::min(begin + kRows, height);
    std::fill_n(block, width, T(0));
    for (int64_t r = begin; r < end; ++r) {
      const T* __restrict row = matrix + r * width;
      for (int64_t c = 0; c < width; ++c) block[c] += row[c] * row[c];
      rows[r] = sum_of(width, [&](int64_t c) { return row[c] * row[c]; }, T{});
    }
    for (int64_t c = 0; c < width; ++c) columns[c] += block[c];
  }
}

template <class T>
double AdafactorLoop::squares(const T* __restrict gradient,
                              const T* __restrict column, T row,
                              int64_t size) const {
  const T least = static_cast<T>(floor);
  return sum_of(
      size,
      [&](int64_t i) {
        const T step = step_at(gradient[i], row * column[i], least);
        return step * step;
      },
      T{});
}

template <class T>
void AdafactorLoop::operator()(T* __restrict parameter,
                               const T* __restrict gradient,
                               const T* __restrict column, T row, double rate,
                               int64_t size) const {
  const T least = static_cast<T>(floor);
  const T kept = static_cast<T>(decay);
  const T step = static_cast<T>(maximize ? -rate : rate);
  for (int64_t i = 0; i < size; ++i) {
    const T made = step_at(gradient[i], row * column[i], least);
    parameter[i] = parameter[i] * kept - step * made;
  }
}

#define BOLT_LOOPS(T)                                                         \
  template void MomentsLoop::operator()(T*, const T*, T*, T*, int64_t) const; \
  template void RMSpropLoop::operator()(T*, const T*, T*, T*, T*, int64_t)    \
      const;                                                                  \
  template void LionLoop::operator()(T*, const T*, T*, int64_t) const;        \
  template void AdafactorLoop::sums(const T*, int64_t, int64_t, double*,      \
                                    double*, T*);                             \
  template double AdafactorLoop::squares(const T*, const T*, T, int64_t)      \
      const;                                                                  \
  template void AdafactorLoop::operator()(T*, const T*, const T*, T, double,  \
                                          int64_t) const;
BOLT_LOOPS(float)
BOLT_LOOPS(double)
#undef BOLT_LOOPS

}  // namespace bolt::optim::detail
