#pragma once

#include <torchbolt/export.h>
#include <torchbolt/optim/clip_algorithm.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace bolt {

/// Kind of device to run on.
enum class Accelerator {
  kAuto,  ///< TPU, MPS, CUDA, CPU: the first that is there.
  kCPU,
  kGPU,  ///< MPS or CUDA, whichever is there.
  kCUDA,
  kMPS,
  kTPU,
};

/// How the work is spread over devices.
enum class Strategy {
  kAuto,
  kSingleDevice,
  kDDP,
  kFSDP,
  kModelParallel,
  kDeepSpeed,
  kXLA,
};

/// Number formats of weights and computation. "true": everything is in that
/// format. "mixed": weights stay in 32 bits, the operations that gain from it
/// run in 16.
enum class Precision {
  k32True,
  k64True,
  k16True,
  kBF16True,
  k16Mixed,  ///< With a loss scaler.
  kBF16Mixed,
};

/// How many devices, or which.
class TORCHBOLT_API Devices {
 public:
  /// All that are worth using.
  Devices() = default;
  /// A number of devices; -1 is all. Checked when the Trainer is made.
  Devices(int count) : choice_(int64_t{count}) {}
  /// "auto", "3", "0, 2", "1,": as in Lightning.
  Devices(const char* text) : choice_(std::string(text)) {}
  Devices(std::string text) : choice_(std::move(text)) {}
  /// These device indices.
  Devices(std::vector<int64_t> ids) : choice_(std::move(ids)) {}

  friend bool operator==(const Devices&, const Devices&) = default;

  using Choice =
      std::variant<std::monostate, int64_t, std::string, std::vector<int64_t>>;
  const Choice& choice() const { return choice_; }

 private:
  Choice choice_{};
};

/// Lightning's spellings ("cpu", "ddp", "bf16-mixed", "norm", …; any case).
/// Throws ConfigError naming the known ones. "16" and "bf16", Lightning's old
/// names of 16-mixed and bf16-mixed, bring a warning.
/// @{
TORCHBOLT_API Accelerator parse_accelerator(std::string_view text);
TORCHBOLT_API Strategy parse_strategy(std::string_view text);
TORCHBOLT_API Precision parse_precision(std::string_view text);
/// 16, 32 or 64.
TORCHBOLT_API Precision parse_precision(int bits);
TORCHBOLT_API ClipAlgorithm parse_clip_algorithm(std::string_view text);
TORCHBOLT_API std::string_view to_string(Accelerator value);
TORCHBOLT_API std::string_view to_string(Strategy value);
TORCHBOLT_API std::string_view to_string(Precision value);
TORCHBOLT_API std::string_view to_string(ClipAlgorithm value);
/// @}

}  // namespace bolt
