#include <torchbolt/core/error.h>
#include <torchbolt/core/log.h>
#include <torchbolt/core/number.h>

#include <string>

#include "trainer/core.h"

// What must be so before a run begins: all of it can be known from its
// arguments, and from which hooks there are.

namespace bolt::detail {

// Before anything is touched: the run that is going on must not notice.
void TrainerCore::refuse_nested(Stage of, Module& wanted) const {
  const std::string where = "Trainer." + std::string(to_string(of));
  if (status == RunStatus::kRunning) {
    throw ConfigError({.where = where,
                       .what = "the Trainer is running already",
                       .tip = "use another Trainer, and another module, "
                              "inside of a hook"});
  }
  if (wanted.has_trainer() &&
      TrainerAccess::core(wanted.trainer()).status == RunStatus::kRunning) {
    throw ConfigError({.where = where,
                       .what = "another Trainer is running this module",
                       .tip = "use another module inside of a hook"});
  }
}

void TrainerCore::verify() const {
  const auto need = [](bool there, std::string_view step, Stage of) {
    if (there) return;
    throw ConfigError(
        {.where = "Trainer." + std::string(to_string(of)),
         .what = "the module doesn't override " + std::string(step),
         .tip = "override it in the class that is passed here"});
  };
  warn_of_transfer_hooks();
  const auto loaders = [&](DataStage of) {
    if (has_loaders(of) || limit(of).is_zero()) return;
    const std::string name(to_string(of));
    throw ConfigError({.where = "Trainer." + std::string(to_string(*function)),
                       .what = "there is no " + name + " loader",
                       .tip = "pass one, or override " + name +
                              "_dataloader in the module or data module"});
  };
  switch (*function) {
    case Stage::kFit:
      need(module_hooks.training_step, "training_step", *function);
      need(module_hooks.configure_optimizers, "configure_optimizers",
           *function);
      loaders(DataStage::kTrain);
      verify_fit();
      break;
    case Stage::kValidate:
      need(module_hooks.validation_step, "validation_step", *function);
      loaders(DataStage::kVal);
      break;
    case Stage::kTest:
      need(module_hooks.test_step, "test_step", *function);
      loaders(DataStage::kTest);
      break;
    case Stage::kPredict:
      need(module_hooks.predict_step || module_hooks.forward != nullptr,
           "predict_step, and has no forward that takes its batch", *function);
      loaders(DataStage::kPredict);
      break;
  }
}

// One of the two is not called: somebody may wait for it.
void TrainerCore::warn_of_transfer_hooks() const {
  if (data == nullptr) return;
  const auto look = [](bool module, bool data_module, const char* hook) {
    if (!module) return;
    log_warning(std::string("[Trainer] the module overrides ") + hook +
                (data_module
                     ? " and so does the data module, whose hook is called"
                     : ", and its data comes from a data module that doesn't"));
  };
  const DataHooks& own = module_hooks.data;
  const DataHooks& theirs = data_hooks;
  look(own.on_before_batch_transfer, theirs.on_before_batch_transfer,
       "on_before_batch_transfer");
  look(own.transfer_batch_to_device, theirs.transfer_batch_to_device,
       "transfer_batch_to_device");
  look(own.on_after_batch_transfer, theirs.on_after_batch_transfer,
       "on_after_batch_transfer");
}

void TrainerCore::verify_fit() const {
  const bool loader = has_loaders(DataStage::kVal);
  if (loader && !module_hooks.validation_step) {
    log_warning(
        "[Trainer.fit] there is a val loader and no validation_step; "
        "validation is left out");
  }
  if (!loader && module_hooks.validation_step) {
    log_warning(
        "[Trainer.fit] there is a validation_step and no val loader; "
        "validation is left out");
  }
  verify_manual();
}

void TrainerCore::verify_manual() const {
  if (!manual()) return;
  const auto refuse = [](std::string_view argument, std::string got,
                         std::string_view tip) {
    throw ConfigError({.where = "Trainer.fit",
                       .what = std::string(argument) +
                               " is for automatic optimization, and the "
                               "module's is manual",
                       .got = std::move(got),
                       .tip = std::string(tip)});
  };
  if (options.gradient_clip_val.value_or(0) > 0) {
    refuse("gradient_clip_val", brief(*options.gradient_clip_val),
           "call clip_gradients() in training_step");
  }
  if (options.accumulate_grad_batches != 1) {
    refuse("accumulate_grad_batches",
           std::to_string(options.accumulate_grad_batches),
           "make a step on each n-th batch in training_step");
  }
}

}  // namespace bolt::detail
