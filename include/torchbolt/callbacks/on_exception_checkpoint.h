#pragma once

#include <torchbolt/export.h>
#include <torchbolt/trainer/checkpoint_callback.h>

#include <exception>
#include <filesystem>
#include <string>
#include <vector>

namespace bolt {

/// Settings of OnExceptionCheckpoint.
struct OnExceptionCheckpointOptions {
  /// Folder of the file.
  std::filesystem::path dirpath = ".";
  /// Its name without ".ckpt".
  std::string filename = "on_exception";
};

/// Writes a checkpoint when a fit ends with an exception after its training has
/// begun, and takes it away when a fit ends well. With it among the callbacks,
/// `fit` goes on from that file by itself where it is there.
///
///     .callbacks = {bolt::OnExceptionCheckpoint({.dirpath = "rescue"})}
class TORCHBOLT_API OnExceptionCheckpoint final : public CheckpointCallback {
 public:
  /// Throws ConfigError for an empty name.
  explicit OnExceptionCheckpoint(OnExceptionCheckpointOptions options = {});

  /// The file's path.
  std::filesystem::path ckpt_path() const;

  std::vector<std::filesystem::path> last_model_candidates(
      const Trainer&) const override {
    return {ckpt_path()};
  }
  bool resumes_by_itself() const override { return true; }
  bool saves_on_exception() const override { return true; }
  void setup(Trainer& trainer, Module& module, Stage stage) override;
  void on_train_start(Trainer& trainer, Module& module) override;
  void on_exception(Trainer& trainer, Module& module,
                    std::exception_ptr error) override;
  void teardown(Trainer& trainer, Module& module, Stage stage) override;

 private:
  OnExceptionCheckpointOptions options_;
  // Before, there is nothing new to save.
  bool training_ = false;
};

}  // namespace bolt
