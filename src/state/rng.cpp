#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/log.h>
#include <torchbolt/state/rng.h>

#include <charconv>
#include <cstdlib>
#include <string>

namespace bolt {
namespace {

constexpr const char* kSeedVariable = "PL_GLOBAL_SEED";

bool cuda_in_use() {
  return at::globalContext().hasCUDA() &&
         at::detail::getCUDAHooks().deviceCount() > 0;
}

at::Generator generator(const at::Device& device) {
  return at::globalContext().defaultGenerator(device);
}

State generator_state(const at::Device& device) {
  at::Generator g = generator(device);
  const std::lock_guard<std::mutex> lock(g.mutex());
  return g.get_state();
}

void load_generator_state(const at::Device& device, const State& state) {
  at::Generator g = generator(device);
  const std::lock_guard<std::mutex> lock(g.mutex());
  g.set_state(state.as_tensor().clone());
}

uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

int64_t seed_from_environment() {
  const char* text = std::getenv(kSeedVariable);
  if (text == nullptr) {
    log_warning("[seed_everything] no seed given; 0 is used");
    return 0;
  }
  int64_t seed = -1;
  const std::string value(text);
  const char* end = value.data() + value.size();
  const auto read = std::from_chars(value.data(), end, seed);
  if (read.ec != std::errc() || read.ptr != end) {
    throw ConfigError({.where = kSeedVariable,
                       .what = "the environment's seed is not a whole number",
                       .got = "\"" + value + "\""});
  }
  return seed;
}

}  // namespace

State rng_state() {
  State state = State::map();
  state["cpu"] = generator_state(at::kCPU);
  if (cuda_in_use()) {
    State devices = State::list();
    for (int k = 0; k < at::detail::getCUDAHooks().deviceCount(); ++k) {
      devices.push_back(generator_state(
          at::Device(at::kCUDA, static_cast<at::DeviceIndex>(k))));
    }
    state["cuda"] = devices;
  }
  return state;
}

void load_rng_state(const State& state) {
  load_generator_state(at::kCPU, state.at("cpu"));
  const State* cuda = state.find("cuda");
  if (cuda == nullptr || !cuda_in_use()) return;
  const auto count =
      static_cast<std::size_t>(at::detail::getCUDAHooks().deviceCount());
  for (std::size_t k = 0; k < std::min(count, cuda->size()); ++k) {
    load_generator_state(at::Device(at::kCUDA, static_cast<at::DeviceIndex>(k)),
                         cuda->items()[k]);
  }
}

IsolateRng::~IsolateRng() {
  try {
    load_rng_state(before_);
  } catch (const std::exception& error) {
    log_message(LogLevel::kError, error.what());
  }
}

uint64_t seed_everything(std::optional<int64_t> seed) {
  const int64_t value = seed ? *seed : seed_from_environment();
  if (value < 0 || value > 0xffffffffLL) {
    throw ConfigError({.where = "seed_everything",
                       .what = "the seed is out of range",
                       .got = std::to_string(value),
                       .expected = "0 to 4294967295"});
  }
  ::setenv(kSeedVariable, std::to_string(value).c_str(), 1);
  at::manual_seed(static_cast<uint64_t>(value));
  return static_cast<uint64_t>(value);
}

Rng::Rng(uint64_t seed, uint64_t stream)
    : state_(mix(seed + 0x9e3779b97f4a7c15ULL) ^
             mix(stream * 0xd1342543de82ef95ULL + 0x2545f4914f6cdd1dULL)) {}

uint64_t Rng::next() {
  state_ += 0x9e3779b97f4a7c15ULL;
  return mix(state_);
}

uint64_t Rng::below(uint64_t n) {
  __extension__ using Wide = unsigned __int128;
  Wide product = static_cast<Wide>(next()) * n;
  auto low = static_cast<uint64_t>(product);
  if (low < n) {
    const uint64_t threshold = (0 - n) % n;
    while (low < threshold) {
      product = static_cast<Wide>(next()) * n;
      low = static_cast<uint64_t>(product);
    }
  }
  return static_cast<uint64_t>(product >> 64);
}

}  // namespace bolt
