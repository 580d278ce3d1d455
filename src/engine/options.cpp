#include <torchbolt/core/error.h>
#include <torchbolt/core/log.h>
#include <torchbolt/engine/options.h>

#include <algorithm>
#include <cctype>
#include <span>
#include <string>
#include <utility>

namespace bolt {
namespace {

template <class E>
struct Spelling {
  std::string_view text;
  E value;
};

// The first spelling of a value is the one that is written.
constexpr Spelling<Accelerator> kAccelerators[] = {
    {"auto", Accelerator::kAuto}, {"cpu", Accelerator::kCPU},
    {"gpu", Accelerator::kGPU},   {"cuda", Accelerator::kCUDA},
    {"mps", Accelerator::kMPS},   {"tpu", Accelerator::kTPU}};
constexpr Spelling<Strategy> kStrategies[] = {
    {"auto", Strategy::kAuto},
    {"single_device", Strategy::kSingleDevice},
    {"ddp", Strategy::kDDP},
    {"fsdp", Strategy::kFSDP},
    {"model_parallel", Strategy::kModelParallel},
    {"deepspeed", Strategy::kDeepSpeed},
    {"xla", Strategy::kXLA}};
constexpr Spelling<Precision> kPrecisions[] = {
    {"32-true", Precision::k32True},       {"32", Precision::k32True},
    {"64-true", Precision::k64True},       {"64", Precision::k64True},
    {"16-true", Precision::k16True},       {"bf16-true", Precision::kBF16True},
    {"16-mixed", Precision::k16Mixed},     {"16", Precision::k16Mixed},
    {"bf16-mixed", Precision::kBF16Mixed}, {"bf16", Precision::kBF16Mixed}};
constexpr Spelling<ClipAlgorithm> kClipAlgorithms[] = {
    {"norm", ClipAlgorithm::kNorm}, {"value", ClipAlgorithm::kValue}};

template <class E>
E parse(std::string_view argument, std::string_view text,
        std::span<const Spelling<E>> spellings) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return std::tolower(c); });
  std::string known;
  std::vector<std::string> names;
  for (const auto& spelling : spellings) {
    if (spelling.text == lower) return spelling.value;
    known += (known.empty() ? "" : ", ") + std::string(spelling.text);
    names.emplace_back(spelling.text);
  }
  const std::string near = did_you_mean(lower, names);
  throw ConfigError({.where = std::string(argument),
                     .what = "the value is not known",
                     .got = "\"" + std::string(text) + "\"",
                     .expected = "one of " + known,
                     .tip = near.empty() ? "" : "\"" + near + "\""});
}

template <class E>
std::string_view text_of(E value, std::span<const Spelling<E>> spellings) {
  for (const auto& spelling : spellings) {
    if (spelling.value == value) return spelling.text;
  }
  return "?";
}

}  // namespace

Accelerator parse_accelerator(std::string_view text) {
  return parse<Accelerator>("accelerator", text, kAccelerators);
}
Strategy parse_strategy(std::string_view text) {
  return parse<Strategy>("strategy", text, kStrategies);
}
Precision parse_precision(std::string_view text) {
  if (text.starts_with("transformer-engine")) {
    throw ConfigError({.where = "precision",
                       .what = "8-bit training needs a vendor's library, "
                               "which torchbolt doesn't use",
                       .got = "\"" + std::string(text) + "\"",
                       .tip = "\"bf16-mixed\""});
  }
  const Precision value = parse<Precision>("precision", text, kPrecisions);
  // Of the aliases these two don't say which of the kinds they mean.
  if (text == "16" || text == "bf16" || text == "BF16") {
    log_warning("[precision] \"" + std::string(text) +
                "\" is an old name; write \"" + std::string(to_string(value)) +
                "\"");
  }
  return value;
}
Precision parse_precision(int bits) {
  return parse_precision(std::string_view(std::to_string(bits)));
}
ClipAlgorithm parse_clip_algorithm(std::string_view text) {
  return parse<ClipAlgorithm>("gradient_clip_algorithm", text, kClipAlgorithms);
}
std::string_view to_string(Accelerator value) {
  return text_of<Accelerator>(value, kAccelerators);
}
std::string_view to_string(Strategy value) {
  return text_of<Strategy>(value, kStrategies);
}
std::string_view to_string(Precision value) {
  return text_of<Precision>(value, kPrecisions);
}
std::string_view to_string(ClipAlgorithm value) {
  return text_of<ClipAlgorithm>(value, kClipAlgorithms);
}

}  // namespace bolt
