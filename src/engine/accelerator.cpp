#include "engine/accelerator.h"

#include <ATen/Context.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <dlfcn.h>
#include <torchbolt/core/error.h>

#include <charconv>
#include <optional>
#include <string>

namespace bolt::detail {
namespace {

// libtorch's CUDA part is never linked. Where the machine has an NVIDIA driver
// it is loaded from beside the CPU part, and registers itself.
void load_cuda() {
  static const bool loaded = [] {
    if (at::globalContext().hasCUDA()) return true;
    if (::dlopen("libcuda.so.1", RTLD_NOW) == nullptr) return false;
    Dl_info info{};
    if (::dladdr(reinterpret_cast<const void*>(&at::globalContext), &info) ==
        0) {
      return false;
    }
    std::string path(info.dli_fname);
    path = path.substr(0, path.rfind('/') + 1) + "libtorch_cuda.so";
    return ::dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL) != nullptr;
  }();
  (void)loaded;
}

int64_t cuda_devices() {
  load_cuda();
  if (!at::globalContext().hasCUDA()) return 0;
  return at::detail::getCUDAHooks().deviceCount();
}

bool usable(Accelerator accelerator) {
  switch (accelerator) {
    case Accelerator::kCPU:
      return true;
    case Accelerator::kCUDA:
      return cuda_devices() > 0;
    case Accelerator::kMPS:
      return at::globalContext().hasMPS();
    default:
      return false;
  }
}

Accelerator resolve(Accelerator wanted) {
  const auto first = [](std::initializer_list<Accelerator> candidates)
      -> std::optional<Accelerator> {
    for (const Accelerator candidate : candidates) {
      if (usable(candidate)) return candidate;
    }
    return std::nullopt;
  };
  std::optional<Accelerator> found = wanted;
  if (wanted == Accelerator::kAuto) {
    found = first({Accelerator::kMPS, Accelerator::kCUDA, Accelerator::kCPU});
  } else if (wanted == Accelerator::kGPU) {
    found = first({Accelerator::kMPS, Accelerator::kCUDA});
  } else if (!usable(wanted)) {
    found.reset();
  }
  if (found) return *found;
  std::string here = "cpu";
  if (usable(Accelerator::kCUDA)) here += ", cuda";
  if (usable(Accelerator::kMPS)) here += ", mps";
  throw ConfigError({.where = "accelerator",
                     .what = "it can't be used on this machine",
                     .got = "\"" + std::string(to_string(wanted)) + "\"",
                     .expected = "one of: auto, " + here});
}

[[noreturn]] void refuse_devices(const std::string& got,
                                 const std::string& expected) {
  throw ConfigError({.where = "devices",
                     .what = "the value doesn't fit",
                     .got = got,
                     .expected = expected});
}

std::optional<int64_t> number(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  if (text.empty() || read.ec != std::errc() || read.ptr != end) {
    return std::nullopt;
  }
  return value;
}

// Text: a count ("3"), or indices ("0, 2" or "1,").
Devices::Choice read_text(const std::string& text) {
  if (text == "auto") return std::monostate();
  if (text.find(',') == std::string::npos) {
    const auto count = number(text);
    if (!count) refuse_devices("\"" + text + "\"", "a number, or indices");
    return *count;
  }
  std::vector<int64_t> ids;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t comma = rest.find(',');
    const std::string_view part = rest.substr(0, comma);
    rest.remove_prefix(comma == std::string_view::npos ? rest.size()
                                                       : comma + 1);
    if (const auto id = number(part)) {
      ids.push_back(*id);
    } else if (part.find_first_not_of(' ') != std::string_view::npos) {
      refuse_devices("\"" + text + "\"", "indices such as \"0, 2\"");
    }
  }
  return ids;
}

// How many devices, and the index of the first.
struct Chosen {
  int64_t count = 1;
  int64_t first = 0;
};

Chosen choose(const Devices& devices, Accelerator accelerator) {
  Devices::Choice choice = devices.choice();
  if (const auto* text = std::get_if<std::string>(&choice)) {
    choice = read_text(*text);
  }
  const int64_t there =
      accelerator == Accelerator::kCUDA ? cuda_devices() : int64_t{1};
  if (const auto* count = std::get_if<int64_t>(&choice)) {
    const bool cpu = accelerator == Accelerator::kCPU;
    if (*count == 0 || *count < -1 || (*count == -1 && cpu)) {
      refuse_devices(std::to_string(*count),
                     cpu ? "a number of processes, at least 1"
                         : "a number of devices, or -1 for all");
    }
    const int64_t wanted = *count == -1 ? there : *count;
    if (!cpu && wanted > there) {
      refuse_devices(std::to_string(wanted),
                     "at most " + std::to_string(there));
    }
    return {.count = wanted};
  }
  if (const auto* ids = std::get_if<std::vector<int64_t>>(&choice)) {
    if (ids->empty()) refuse_devices("an empty list", "at least one index");
    if (accelerator == Accelerator::kCPU) {
      refuse_devices("indices", "a number of processes on the CPU");
    }
    for (const int64_t id : *ids) {
      if (id < 0 || id >= there) {
        refuse_devices("index " + std::to_string(id),
                       "0 to " + std::to_string(there - 1));
      }
    }
    return {.count = static_cast<int64_t>(ids->size()), .first = ids->front()};
  }
  return {};
}

}  // namespace

DeviceChoice choose_device(Accelerator accelerator, const Devices& devices) {
  const Accelerator resolved = resolve(accelerator);
  const Chosen chosen = choose(devices, resolved);
  if (chosen.count > 1) {
    throw ConfigError({.where = "devices",
                       .what = "more than one device is not there yet; it "
                               "comes with distributed training",
                       .got = std::to_string(chosen.count),
                       .expected = "1"});
  }
  const auto index = static_cast<c10::DeviceIndex>(chosen.first);
  switch (resolved) {
    case Accelerator::kCUDA:
      return {resolved, c10::Device(c10::kCUDA, index)};
    case Accelerator::kMPS:
      return {resolved, c10::Device(c10::kMPS, 0)};
    default:
      return {resolved, c10::Device(c10::kCPU)};
  }
}

}  // namespace bolt::detail
