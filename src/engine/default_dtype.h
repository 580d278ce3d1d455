#pragma once

#include <c10/core/ScalarType.h>

#include <optional>
#include <thread>

namespace bolt::detail {

/// Lives as long as a run does. Warns where a run in another thread has another
/// default type, since there is one per process.
class DefaultDtypeUse {
 public:
  /// None: the process's own.
  explicit DefaultDtypeUse(std::optional<c10::ScalarType> dtype);
  ~DefaultDtypeUse();
  DefaultDtypeUse(const DefaultDtypeUse&) = delete;
  DefaultDtypeUse& operator=(const DefaultDtypeUse&) = delete;

 private:
  std::optional<c10::ScalarType> dtype_;
  std::thread::id thread_;
};

}  // namespace bolt::detail
