#pragma once

#include <torchbolt/trainer/trainer.h>

#include <utility>

#include "trainer/hook.h"

namespace bolt::detail {

/// The door through which the loops reach what users don't call themselves.
struct TrainerAccess {
  static constexpr auto training_step = &Module::do_training_step;
  static constexpr auto validation_step = &Module::do_validation_step;
  static constexpr auto test_step = &Module::do_test_step;
  static constexpr auto predict_step = &Module::do_predict_step;
  static constexpr auto on_train_batch_start = &Module::do_on_train_batch_start;
  static constexpr auto on_train_batch_end = &Module::do_on_train_batch_end;
  static constexpr auto on_validation_batch_start =
      &Module::do_on_validation_batch_start;
  static constexpr auto on_validation_batch_end =
      &Module::do_on_validation_batch_end;
  static constexpr auto on_test_batch_start = &Module::do_on_test_batch_start;
  static constexpr auto on_test_batch_end = &Module::do_on_test_batch_end;
  static constexpr auto on_predict_batch_start =
      &Module::do_on_predict_batch_start;
  static constexpr auto on_predict_batch_end = &Module::do_on_predict_batch_end;
  static constexpr auto on_before_batch_transfer =
      &Module::do_on_before_batch_transfer;
  static constexpr auto transfer_batch_to_device =
      &Module::do_transfer_batch_to_device;
  static constexpr auto on_after_batch_transfer =
      &Module::do_on_after_batch_transfer;

  static const BatchOps& batch_type(const Module& m) { return m.batch_type(); }
  static const PartOps* batch_parts(const Module& m) { return m.batch_parts(); }
  static Hook& hook(Module& m) { return m.hook_; }
  static void attach(Module& m, Trainer* trainer) { m.trainer_ = trainer; }
  static void attach(Callback& c, Module* module) { c.module_ = module; }
  /// Another Trainer may have it by now.
  static void detach(Callback& c, const Module* module) {
    if (c.module_ == module) c.module_ = nullptr;
  }
  static auto& modes(Module& m) { return m.modes_; }
  static TrainerCore& core(Trainer& t) { return *t.core_; }
};

/// Says which hook runs, for as long as it runs; `log()` asks.
class HookScope {
 public:
  HookScope(Module& module, Hook hook)
      : hook_(TrainerAccess::hook(module)),
        before_(std::exchange(hook_, hook)) {}
  ~HookScope() { hook_ = before_; }
  /// Whether no other hook is waiting for this one to end.
  bool is_outermost() const { return before_ == Hook::kNone; }
  HookScope(const HookScope&) = delete;
  HookScope& operator=(const HookScope&) = delete;

 private:
  Hook& hook_;
  Hook before_;
};

}  // namespace bolt::detail
