#pragma once

#include <torchbolt/export.h>
#include <torchbolt/state/state.h>

#include <cstdint>
#include <optional>

namespace bolt {

/// State of the default generators: the CPU's, and those of CUDA devices where
/// CUDA is in use.
TORCHBOLT_API State rng_state();
/// Takes back what `rng_state()` gave. Throws CheckpointError.
TORCHBOLT_API void load_rng_state(const State& state);

/// Puts the default generators back, when it goes, to where they were.
class TORCHBOLT_API IsolateRng {
 public:
  IsolateRng() : before_(rng_state()) {}
  ~IsolateRng();
  IsolateRng(const IsolateRng&) = delete;
  IsolateRng& operator=(const IsolateRng&) = delete;

 private:
  State before_;
};

/// Seeds the default generators of all devices and returns the seed. Without
/// one: the environment variable PL_GLOBAL_SEED, else 0 with a warning. Throws
/// ConfigError outside of 0 … 2^32-1. Sets PL_GLOBAL_SEED, so that processes
/// started from this one seed themselves alike.
TORCHBOLT_API uint64_t seed_everything(std::optional<int64_t> seed = {});

/// A small generator of its own for orders of data: the same numbers for the
/// same (seed, stream) on every machine, and nothing shared with torch's.
/// SplitMix64 (Steele, Lea and Flood 2014).
class TORCHBOLT_API Rng {
 public:
  explicit Rng(uint64_t seed, uint64_t stream = 0);
  uint64_t next();
  /// Uniform in 0 … n-1, without bias (Lemire 2019). n > 0.
  uint64_t below(uint64_t n);
  /// Uniform in [0, 1), a multiple of 2^-53.
  double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

  State state() const { return static_cast<int64_t>(state_); }
  void load_state(const State& state) {
    state_ = static_cast<uint64_t>(state.as_int());
  }

 private:
  uint64_t state_;
};

}  // namespace bolt
