#include <torchbolt/trainer/backward_sync_scope.h>

#include "trainer/manual_optimization.h"

namespace bolt {

BackwardSyncScope::BackwardSyncScope(detail::ManualOptimization& loop,
                                     bool enabled)
    : blocked_(loop.sync_blocked()), before_(blocked_) {
  if (enabled) blocked_ = true;
}
BackwardSyncScope::~BackwardSyncScope() { blocked_ = before_; }

}  // namespace bolt
