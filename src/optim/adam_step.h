#pragma once

#include "optim/rows.h"

namespace bolt::optim::detail {

/// What Adam and AdamW share. Columns: step, exp_avg, exp_avg_sq,
/// max_exp_avg_sq.
struct AdamStep {
  double lr, beta1, beta2, eps, weight_decay;
  bool amsgrad, maximize, decoupled, fused;
};

void adam_step(const AdamStep& step, const Rows& rows);

}  // namespace bolt::optim::detail
