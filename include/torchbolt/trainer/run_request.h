#pragma once

#include <torchbolt/core/error.h>
#include <torchbolt/data/data_module.h>
#include <torchbolt/export.h>
#include <torchbolt/trainer/lightning_module.h>

#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <typeinfo>

// How the entry points of a Trainer, which know the types of module and data,
// hand them to the loops, which don't.

namespace bolt::detail {

template <class M>
concept ModuleClass = std::derived_from<M, Module>;

template <class F>
concept ModuleFactory = std::invocable<F> && requires(F f) {
  { *f() } -> std::convertible_to<Module&>;
};

template <class M>
using BatchType = typename M::Batch;

/// What an entry point was called with.
struct RunRequest {
  Module* module = nullptr;
  ModuleHooks module_hooks{};
  LightningDataModule* data = nullptr;
  DataHooks data_hooks{};
  Loaders train{};
  Loaders eval{};
  std::optional<std::string> ckpt_path{};
  bool keep_stop_request = true;
  /// Whether the caller said which module, or means that of the run before.
  bool module_given = true;
  bool verbose = true;
  bool return_predictions = true;
};

[[noreturn]] TORCHBOLT_API void throw_unknown_hooks(
    const std::type_info& dynamic_type, const std::type_info& static_type,
    std::string_view function);

template <class M>
ModuleHooks resolve_module_hooks(M& module) {
  if (auto hooks = module.hooks()) return *hooks;
  if constexpr (requires { typename M::Batch; }) {
    if (typeid(module) == typeid(M)) return module_hooks_of<M>();
  }
  throw_unknown_hooks(typeid(module), typeid(M), "module_hooks_of");
}

template <class D>
DataHooks resolve_data_hooks(D& data) {
  if (auto hooks = data.hooks()) return *hooks;
  if (typeid(data) == typeid(D)) return data_hooks_of<D>();
  throw_unknown_hooks(typeid(data), typeid(D), "data_hooks_of");
}

template <ModuleClass M>
RunRequest request(M& module) {
  RunRequest r;
  r.module = &module;
  r.module_hooks = resolve_module_hooks(module);
  return r;
}

template <ModuleClass M, std::derived_from<LightningDataModule> D>
RunRequest request(M& module, D& data) {
  RunRequest r = request(module);
  r.data = &data;
  r.data_hooks = resolve_data_hooks(data);
  return r;
}

}  // namespace bolt::detail
