#include "trainer/hook.h"

#include <array>

namespace bolt::detail {
namespace {

struct Row {
  Hook hook;
  std::string_view name;
  LogRule rule;
};

using enum LogRule;

constexpr std::array<Row, static_cast<std::size_t>(Hook::kCount)> kTable{{
    {Hook::kNone, "", kForbidden},
    {Hook::kConfigureCallbacks, "configure_callbacks", kForbidden},
    {Hook::kPrepareData, "prepare_data", kForbidden},
    {Hook::kSetup, "setup", kForbidden},
    {Hook::kConfigureModel, "configure_model", kForbidden},
    {Hook::kConfigureOptimizers, "configure_optimizers", kForbidden},
    {Hook::kOnFitStart, "on_fit_start", kForbidden},
    {Hook::kOnFitEnd, "on_fit_end", kForbidden},
    {Hook::kOnSanityCheckStart, "on_sanity_check_start", kForbidden},
    {Hook::kOnSanityCheckEnd, "on_sanity_check_end", kForbidden},
    {Hook::kDataloader, "a dataloader hook", kForbidden},
    {Hook::kBatchTransfer, "a batch transfer hook", kForbidden},
    {Hook::kOnTrainStart, "on_train_start", kEpochOnly},
    {Hook::kOnTrainEnd, "on_train_end", kForbidden},
    {Hook::kOnTrainEpochStart, "on_train_epoch_start", kEpochOnly},
    {Hook::kOnTrainEpochEnd, "on_train_epoch_end", kEpochOnly},
    {Hook::kOnTrainBatchStart, "on_train_batch_start", kStep},
    {Hook::kOnTrainBatchEnd, "on_train_batch_end", kStep},
    {Hook::kTrainingStep, "training_step", kStep},
    {Hook::kOnBeforeZeroGrad, "on_before_zero_grad", kStep},
    {Hook::kOptimizerZeroGrad, "optimizer_zero_grad", kStep},
    {Hook::kOnBeforeBackward, "on_before_backward", kStep},
    {Hook::kBackward, "backward", kStep},
    {Hook::kOnAfterBackward, "on_after_backward", kStep},
    {Hook::kOnBeforeOptimizerStep, "on_before_optimizer_step", kStep},
    {Hook::kConfigureGradientClipping, "configure_gradient_clipping", kStep},
    {Hook::kOptimizerStep, "optimizer_step", kStep},
    {Hook::kLRSchedulerStep, "lr_scheduler_step", kForbidden},
    {Hook::kOnValidationModelZeroGrad, "on_validation_model_zero_grad",
     kForbidden},
    {Hook::kOnModelEval, "a model_eval hook", kForbidden},
    {Hook::kOnModelTrain, "a model_train hook", kForbidden},
    {Hook::kOnValidationStart, "on_validation_start", kEpochOnly},
    {Hook::kOnValidationEnd, "on_validation_end", kForbidden},
    {Hook::kOnValidationEpochStart, "on_validation_epoch_start", kEpochOnly},
    {Hook::kOnValidationEpochEnd, "on_validation_epoch_end", kEpochOnly},
    {Hook::kOnValidationBatchStart, "on_validation_batch_start", kEvalStep},
    {Hook::kOnValidationBatchEnd, "on_validation_batch_end", kEvalStep},
    {Hook::kValidationStep, "validation_step", kEvalStep},
    {Hook::kOnTestStart, "on_test_start", kEpochOnly},
    {Hook::kOnTestEnd, "on_test_end", kForbidden},
    {Hook::kOnTestEpochStart, "on_test_epoch_start", kEpochOnly},
    {Hook::kOnTestEpochEnd, "on_test_epoch_end", kEpochOnly},
    {Hook::kOnTestBatchStart, "on_test_batch_start", kEvalStep},
    {Hook::kOnTestBatchEnd, "on_test_batch_end", kEvalStep},
    {Hook::kTestStep, "test_step", kEvalStep},
    {Hook::kOnPredictStart, "on_predict_start", kForbidden},
    {Hook::kOnPredictEnd, "on_predict_end", kForbidden},
    {Hook::kOnPredictEpochStart, "on_predict_epoch_start", kForbidden},
    {Hook::kOnPredictEpochEnd, "on_predict_epoch_end", kForbidden},
    {Hook::kOnPredictBatchStart, "on_predict_batch_start", kForbidden},
    {Hook::kOnPredictBatchEnd, "on_predict_batch_end", kForbidden},
    {Hook::kPredictStep, "predict_step", kForbidden},
    {Hook::kOnSaveCheckpoint, "on_save_checkpoint", kForbidden},
    {Hook::kOnLoadCheckpoint, "on_load_checkpoint", kForbidden},
    {Hook::kOnException, "on_exception", kForbidden},
    {Hook::kTeardown, "teardown", kForbidden},
}};

constexpr bool in_order() {
  for (std::size_t k = 0; k < kTable.size(); ++k) {
    if (static_cast<std::size_t>(kTable[k].hook) != k) return false;
  }
  return true;
}
static_assert(in_order(), "the table has one row per hook, in their order");

}  // namespace

std::string_view hook_name(Hook hook) {
  return kTable[static_cast<std::size_t>(hook)].name;
}

Hook hook_of(std::string_view name) {
  for (const Row& row : kTable) {
    if (row.name == name) return row.hook;
  }
  return Hook::kNone;
}

LogRule log_rule(Hook hook) {
  return kTable[static_cast<std::size_t>(hook)].rule;
}

}  // namespace bolt::detail
