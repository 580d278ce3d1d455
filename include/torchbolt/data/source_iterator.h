#pragma once

#include <torchbolt/data/loader.h>

#include <cstddef>
#include <iterator>
#include <memory>

namespace bolt::detail {

/// Reads the batches of a source by hand.
template <class B>
class SourceIterator {
 public:
  using value_type = B;
  using difference_type = std::ptrdiff_t;
  explicit SourceIterator(BatchSource& source) : source_(&source) { ++*this; }
  B& operator*() const { return batch_->template as<B>(); }
  SourceIterator& operator++() {
    if (!source_->next(*batch_)) source_ = nullptr;
    return *this;
  }
  void operator++(int) { ++*this; }
  bool operator==(std::default_sentinel_t) const { return source_ == nullptr; }

 private:
  BatchSource* source_;
  std::shared_ptr<AnyBatch> batch_ = std::make_shared<AnyBatch>();
};

}  // namespace bolt::detail
