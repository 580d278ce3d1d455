#include <torchbolt/callbacks/gradient_accumulation_scheduler.h>
#include <torchbolt/core/error.h>
#include <torchbolt/trainer/trainer.h>

#include <iterator>
#include <string>
#include <utility>

namespace bolt {

GradientAccumulationScheduler::GradientAccumulationScheduler(
    GradientAccumulationSchedulerOptions options)
    : scheduling_(std::move(options.scheduling)) {
  if (scheduling_.empty()) {
    throw ConfigError(
        {.where = "GradientAccumulationScheduler",
         .what = "the schedule is empty",
         .expected = "scheduling = {{epoch, batches of a step}, …}"});
  }
  for (const auto& [epoch, batches] : scheduling_) {
    if (epoch >= 0 && batches >= 1) continue;
    throw ConfigError({.where = "GradientAccumulationScheduler",
                       .what = "an entry is out of range",
                       .got = "{" + std::to_string(epoch) + ", " +
                              std::to_string(batches) + "}",
                       .expected = "an epoch from 0 on and at least 1 batch"});
  }
  scheduling_.try_emplace(0, 1);
}

int64_t GradientAccumulationScheduler::factor_of(int64_t epoch) const {
  return std::prev(scheduling_.upper_bound(epoch))->second;
}

void GradientAccumulationScheduler::on_train_start(Trainer& trainer,
                                                   Module& module) {
  if (!module.automatic_optimization) {
    throw ConfigError({.where = "GradientAccumulationScheduler",
                       .what = "the module optimizes by hand, so that it alone "
                               "says when to step",
                       .tip = "leave the callback out"});
  }
  if (const int64_t own = trainer.accumulate_grad_batches(); own != 1) {
    throw ConfigError({.where = "GradientAccumulationScheduler",
                       .what = "the Trainer accumulates too",
                       .got = "accumulate_grad_batches=" + std::to_string(own),
                       .tip = "leave accumulate_grad_batches out"});
  }
  active_ = true;
}

void GradientAccumulationScheduler::on_train_epoch_start(Trainer& trainer,
                                                         Module&) {
  trainer.set_accumulate_grad_batches(factor_of(trainer.current_epoch()));
}

// The next fit of this Trainer begins as the first did.
void GradientAccumulationScheduler::on_fit_end(Trainer& trainer, Module&) {
  if (std::exchange(active_, false)) trainer.set_accumulate_grad_batches(1);
}

void GradientAccumulationScheduler::on_exception(Trainer& trainer,
                                                 Module& module,
                                                 std::exception_ptr) {
  on_fit_end(trainer, module);
}

}  // namespace bolt
