#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <utility>

namespace bolt::testing {

/// A range that makes its items as it goes, and doesn't know how many.
template <class T>
class Generator {
 public:
  Generator(int64_t count, T item) : count_(count), item_(std::move(item)) {}

  class Iterator {
   public:
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    Iterator(Generator& source, int64_t left) : source_(&source), left_(left) {}
    T operator*() const { return source_->item_; }
    Iterator& operator++() {
      --left_;
      return *this;
    }
    void operator++(int) { --left_; }
    bool operator==(std::default_sentinel_t) const { return left_ == 0; }

   private:
    Generator* source_;
    int64_t left_;
  };
  Iterator begin() { return {*this, count_}; }
  std::default_sentinel_t end() const { return {}; }

 private:
  int64_t count_;
  T item_;
};

}  // namespace bolt::testing
