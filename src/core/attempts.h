#pragma once

#include <exception>

namespace bolt::detail {

/// Calls that must all be made, whatever one of them throws.
class Attempts {
 public:
  template <class F>
  void make(F&& call) {
    try {
      call();
    } catch (...) {
      if (first_ == nullptr) first_ = std::current_exception();
    }
  }
  /// Passes on what the first one threw that did.
  void rethrow() const {
    if (first_ != nullptr) std::rethrow_exception(first_);
  }

 private:
  std::exception_ptr first_{};
};

}  // namespace bolt::detail
