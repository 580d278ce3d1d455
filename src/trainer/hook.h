#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace bolt::detail {

/// The hook that is running; it decides where and how values may be logged.
/// The order is that of the table in hook.cpp.
enum class Hook : unsigned char {
  kNone,
  kConfigureCallbacks,
  kPrepareData,
  kSetup,
  kConfigureModel,
  kConfigureOptimizers,
  kOnFitStart,
  kOnFitEnd,
  kOnSanityCheckStart,
  kOnSanityCheckEnd,
  kDataloader,
  kBatchTransfer,
  kOnTrainStart,
  kOnTrainEnd,
  kOnTrainEpochStart,
  kOnTrainEpochEnd,
  kOnTrainBatchStart,
  kOnTrainBatchEnd,
  kTrainingStep,
  kOnBeforeZeroGrad,
  kOptimizerZeroGrad,
  kOnBeforeBackward,
  kBackward,
  kOnAfterBackward,
  kOnBeforeOptimizerStep,
  kConfigureGradientClipping,
  kOptimizerStep,
  kLRSchedulerStep,
  kOnValidationModelZeroGrad,
  kOnModelEval,
  kOnModelTrain,
  kOnValidationStart,
  kOnValidationEnd,
  kOnValidationEpochStart,
  kOnValidationEpochEnd,
  kOnValidationBatchStart,
  kOnValidationBatchEnd,
  kValidationStep,
  kOnTestStart,
  kOnTestEnd,
  kOnTestEpochStart,
  kOnTestEpochEnd,
  kOnTestBatchStart,
  kOnTestBatchEnd,
  kTestStep,
  kOnPredictStart,
  kOnPredictEnd,
  kOnPredictEpochStart,
  kOnPredictEpochEnd,
  kOnPredictBatchStart,
  kOnPredictBatchEnd,
  kPredictStep,
  kOnSaveCheckpoint,
  kOnLoadCheckpoint,
  kOnException,
  kTeardown,
  kCount
};

/// What kind of logging a hook allows.
enum class LogRule : unsigned char {
  kForbidden,
  kStep,       ///< Each step by default; the epoch too when asked.
  kEvalStep,   ///< The epoch by default; each step too when asked.
  kEpochOnly,  ///< The epoch, nothing else.
};

/// The hook's name, as users know it.
std::string_view hook_name(Hook hook);
/// The hook of that name; kNone for a name that none has.
Hook hook_of(std::string_view name);
LogRule log_rule(Hook hook);

}  // namespace bolt::detail
