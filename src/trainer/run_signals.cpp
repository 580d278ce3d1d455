#include "trainer/run_signals.h"

#include <torchbolt/core/log.h>
#include <torchbolt/trainer/trainer.h>

#include <csignal>
#include <exception>
#include <optional>
#include <string>
#include <utility>

#include "distributed/slurm.h"
#include "trainer/core.h"

namespace bolt::detail {

std::unique_ptr<SignalSource> RunSignals::make_source() const {
  const auto& seam = core_.options.seams.signals;
  return seam ? seam() : make_signal_source();
}

void RunSignals::start_interrupts() {
  source_ = make_source();
  watched_ = {SIGINT};
  source_->start(watched_, std::nullopt);
}

void RunSignals::start() {
  const PreemptionOptions& preemption = core_.options.preemption;
  auto all = make_source();
  // Of several the first one counts.
  const std::vector<int> watched = {preemption.requeue_signal, SIGTERM, SIGINT};
  all->start(watched, preemption.grace_time
                          ? std::optional(preemption.grace_time->time())
                          : std::nullopt);
  // Both listen by now, so that none is lost in between.
  check();
  source_ = std::move(all);
  watched_ = watched;
}

void RunSignals::check() {
  if (source_ == nullptr) return;
  for (const int signal : watched_) {
    if (source_->pending(signal) > 0) leave(signal);
  }
}

void RunSignals::end() {
  late_ = 0;
  for (const int signal : watched_) {
    if (late_ == 0 && source_ && source_->pending(signal) > 0) late_ = signal;
  }
  source_.reset();
}

void RunSignals::throw_late() const {
  if (late_ != 0) throw Interrupted(late_);
}

// The system may give the process little time, so that what is to be saved
// comes before all else.
void RunSignals::leave(int signal) {
  const auto guarded = [&](auto&& call) {
    try {
      call();
    } catch (const std::exception& error) {
      log_message(LogLevel::kError,
                  "[Trainer] " + signal_name(signal) + ": " + error.what());
    } catch (...) {
      log_message(LogLevel::kError, "[Trainer] " + signal_name(signal) +
                                        ": the run can't be saved");
    }
  };
  if (signal != SIGINT) {
    if (is_to_be_saved()) guarded([&] { save(signal); });
    if (signal == core_.options.preemption.requeue_signal) {
      guarded([&] { requeue(); });
    }
  }
  throw Interrupted(signal);
}

bool RunSignals::is_to_be_saved() const {
  const TrainerOptions& options = core_.options;
  return *core_.function == Stage::kFit && !options.fast_dev_run &&
         core_.stage != RunningStage::kSanityCheck && options.preemption.save &&
         options.enable_checkpointing.value_or(true);
}

void RunSignals::save(int signal) {
  log_info("[Trainer.fit] " + signal_name(signal) + ": the run is saved in " +
           core_.checkpoints.save_for_requeue().string());
  saved_ = true;
}

void RunSignals::requeue() {
  const std::optional<std::string> job = slurm_job();
  if (!job || !core_.options.preemption.auto_requeue ||
      !core_.fabric.is_global_zero()) {
    return;
  }
  requeue_slurm_job(*job);
  log_info("[Trainer] job " + *job + " is in the queue again");
}

}  // namespace bolt::detail
