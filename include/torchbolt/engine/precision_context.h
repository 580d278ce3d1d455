#pragma once

#include <torchbolt/export.h>

namespace bolt {

/// What a PrecisionPlugin sets up for a stretch of code; it ends with the
/// object.
class TORCHBOLT_API PrecisionContext {
 public:
  PrecisionContext() = default;
  virtual ~PrecisionContext() = default;
  PrecisionContext(const PrecisionContext&) = delete;
  PrecisionContext& operator=(const PrecisionContext&) = delete;
};

}  // namespace bolt
