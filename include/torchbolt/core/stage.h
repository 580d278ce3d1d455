#pragma once

#include <string_view>

namespace bolt {

/// What a Trainer was asked to do; hooks such as `setup` get it.
enum class Stage { kFit, kValidate, kTest, kPredict };

/// "fit", "validate", "test" or "predict".
constexpr std::string_view to_string(Stage stage) {
  switch (stage) {
    case Stage::kFit:
      return "fit";
    case Stage::kValidate:
      return "validate";
    case Stage::kTest:
      return "test";
    case Stage::kPredict:
      return "predict";
  }
  return "?";
}

/// What the stage's loop does, as it stands in names of metrics: "train" for
/// `fit`, else the same.
constexpr std::string_view loop_name(Stage stage) {
  return stage == Stage::kFit ? "train" : to_string(stage);
}

/// What a Trainer is doing at this moment. During `fit` it is `kTrain`, but
/// `kValidate` while validating and `kSanityCheck` in the check before.
enum class RunningStage {
  kNone,
  kTrain,
  kSanityCheck,
  kValidate,
  kTest,
  kPredict
};

/// How far a Trainer's last entry point has come.
enum class RunStatus { kInitializing, kRunning, kFinished, kInterrupted };

}  // namespace bolt
