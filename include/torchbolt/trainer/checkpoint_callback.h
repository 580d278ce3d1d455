#pragma once

#include <torchbolt/export.h>
#include <torchbolt/state/state.h>
#include <torchbolt/trainer/callback.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

namespace bolt {

/// A file that a checkpoint callback keeps.
struct KeptCheckpoint {
  std::filesystem::path path{};
  /// Of the metric that it goes by; none without one.
  std::optional<double> score{};
  /// Whether it is the best one, and the one written last.
  bool best = false;
  bool last = false;
};

/// A callback that writes checkpoints, as the Trainer sees it: it runs behind
/// all others, and knows which file `ckpt_path` means by "best" and "last".
///
///     struct EachHour : bolt::CheckpointCallback {
///       std::vector<std::filesystem::path> last_model_candidates(
///           const bolt::Trainer&) const override {
///         return {"hourly.ckpt"};
///       }
///     };
class TORCHBOLT_API CheckpointCallback : public Callback {
 public:
  CallbackOrder order() const override { return CallbackOrder::kCheckpoint; }
  /// The file of the best weights; empty: there is none.
  virtual std::filesystem::path best_model_path() const { return {}; }
  /// The files that it keeps now, each once, the newest at the end.
  virtual std::vector<KeptCheckpoint> kept_checkpoints() const { return {}; }
  /// How many it keeps; -1: all.
  virtual int64_t most_kept() const { return 1; }
  /// How it chooses them, as a map, for loggers that note it beside a file;
  /// none: it doesn't say.
  virtual State settings() const { return {}; }
  /// Whether a fit without a `ckpt_path` goes on from its last file.
  virtual bool resumes_by_itself() const { return false; }
  /// Whether it writes one when an exception ends the fit. A batch that wasn't
  /// finished is made again then, so that the Trainer keeps what it changes, as
  /// it was before: random numbers, metrics, logged values, and gradients that
  /// are being summed up.
  virtual bool saves_on_exception() const { return false; }
  /// Files of which the newest is the one to go on from.
  virtual std::vector<std::filesystem::path> last_model_candidates(
      const Trainer& trainer) const {
    (void)trainer;
    return {};
  }
  /// Files to go on from when those are damaged.
  virtual std::vector<std::filesystem::path> other_model_candidates(
      const Trainer& trainer) const {
    (void)trainer;
    return {};
  }
  /// A file couldn't be written, and the run goes on: those that aren't there
  /// are none of its files any more.
  virtual void forget_missing_files(const Trainer& trainer) { (void)trainer; }
};

}  // namespace bolt
