#include <torchbolt/callbacks/on_exception_checkpoint.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/log.h>
#include <torchbolt/trainer/trainer.h>

#include <utility>

#include "callbacks/checkpoint_files.h"

namespace bolt {

OnExceptionCheckpoint::OnExceptionCheckpoint(
    OnExceptionCheckpointOptions options)
    : options_(std::move(options)) {
  if (options_.filename.empty()) {
    throw ConfigError({.where = "OnExceptionCheckpoint",
                       .what = "filename is empty",
                       .expected = "a name"});
  }
  options_.dirpath = detail::absolute_folder(options_.dirpath);
}

std::filesystem::path OnExceptionCheckpoint::ckpt_path() const {
  return options_.dirpath / (options_.filename + ".ckpt");
}

void OnExceptionCheckpoint::setup(Trainer& trainer, Module&, Stage) {
  training_ = false;
  trainer.check_checkpoint_folder(options_.dirpath);
}

void OnExceptionCheckpoint::on_train_start(Trainer& trainer, Module&) {
  training_ = !trainer.fast_dev_run();
}

void OnExceptionCheckpoint::on_exception(Trainer& trainer, Module&,
                                         std::exception_ptr) {
  if (!std::exchange(training_, false)) return;
  trainer.save_checkpoint(ckpt_path());
  log_info("[OnExceptionCheckpoint] the run is saved in " +
           ckpt_path().string());
}

void OnExceptionCheckpoint::teardown(Trainer& trainer, Module&, Stage) {
  if (std::exchange(training_, false)) trainer.remove_checkpoint(ckpt_path());
}

}  // namespace bolt
