#include <torchbolt/callbacks/ema_weight_averaging.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/number.h>

#include <string>

namespace bolt {

EMAWeightAveraging::EMAWeightAveraging(EMAWeightAveragingOptions options)
    : WeightAveraging(options.use_buffers), options_(options) {
  if (!(options_.decay >= 0 && options_.decay <= 1)) {
    throw ConfigError({.where = "EMAWeightAveraging",
                       .what = "decay is out of range",
                       .got = shortest(options_.decay),
                       .expected = "0 to 1"});
  }
  if (options_.update_every_n_steps < 0) {
    throw ConfigError({.where = "EMAWeightAveraging",
                       .what = "update_every_n_steps is negative",
                       .got = std::to_string(options_.update_every_n_steps),
                       .expected = "at least 0"});
  }
}

bool EMAWeightAveraging::should_update(std::optional<int64_t> step_idx,
                                       std::optional<int64_t> epoch_idx) const {
  const int64_t every = options_.update_every_n_steps;
  if (step_idx && every > 0 && *step_idx % every == 0 &&
      *step_idx >= options_.update_starting_at_step.value_or(0)) {
    return true;
  }
  return epoch_idx && options_.update_starting_at_epoch &&
         *epoch_idx >= *options_.update_starting_at_epoch;
}

}  // namespace bolt
