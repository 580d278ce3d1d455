#include "trainer/run_signals.h"

#include <torchbolt/core/log.h>
#include <torchbolt/trainer/trainer.h>

#include <csignal>
#include <exception>
#include <optional>
#include <string>

#include "distributed/slurm.h"
#include "trainer/core.h"

namespace bolt::detail {

void RunSignals::start() {
  const TrainerOptions& options = core_.options;
  source_ =
      options.seams.signals ? options.seams.signals() : make_signal_source();
  const PreemptionOptions& preemption = options.preemption;
  // Of several the first one counts.
  watched_ = {preemption.requeue_signal, SIGTERM, SIGINT};
  source_->start(watched_, preemption.grace_time
                               ? std::optional(preemption.grace_time->time())
                               : std::nullopt);
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
