#pragma once

#include <torchbolt/core/stage.h>
#include <torchbolt/data/loader.h>
#include <torchbolt/export.h>
#include <torchbolt/state/hyperparameters_mixin.h>
#include <torchbolt/state/state.h>

#include <exception>
#include <optional>
#include <type_traits>

namespace bolt {

/// Which data hooks a class overrides; the Trainer's behaviour depends on it.
struct DataHooks {
  bool train_dataloader = false;
  bool val_dataloader = false;
  bool test_dataloader = false;
  bool predict_dataloader = false;
  bool on_before_batch_transfer = false;
  bool transfer_batch_to_device = false;
  bool on_after_batch_transfer = false;

  friend bool operator==(const DataHooks&, const DataHooks&) = default;
};

/// Data and how to load it, in one place that several modules can share. Derive
/// from it, override the loader hooks, and pass it to the Trainer in place of
/// loaders. Used by one thread.
///
/// Call sequence of every entry point: prepare_data → setup → the loader hooks
/// when they are needed → teardown.
///
///     struct Digits : bolt::LightningDataModule {
///       void setup(bolt::Stage) override { train_.emplace(load_train()); }
///       bolt::Loaders train_dataloader() override {
///         return bolt::DataLoader(*train_, {.batch_size = 64});
///       }
///       std::optional<bolt::TensorDataset> train_;
///     };
class TORCHBOLT_API LightningDataModule : public HyperparametersMixin {
 public:
  virtual ~LightningDataModule() = default;

  /// Downloads, unpacks, tokenises: once per node, before `setup`. Assign
  /// nothing here that every process needs.
  virtual void prepare_data() {}
  /// Opens and splits the data; in every process, at every entry point.
  virtual void setup(Stage stage) { (void)stage; }
  /// Lets go of what `setup` took.
  virtual void teardown(Stage stage) { (void)stage; }

  /// Loader of the training stage. Several give the batch its parts: they are
  /// combined as CombineMode::kMaxSizeCycle.
  virtual Loaders train_dataloader() { return {}; }
  virtual Loaders val_dataloader() { return {}; }
  virtual Loaders test_dataloader() { return {}; }
  virtual Loaders predict_dataloader() { return {}; }

  /// Changes a batch before it is moved to the device. A data module that
  /// overrides a transfer hook wins over the module's own.
  virtual void on_before_batch_transfer(AnyBatch& batch,
                                        int64_t dataloader_idx) {
    (void)batch, (void)dataloader_idx;
  }
  /// Moves a batch to the device.
  virtual void transfer_batch_to_device(AnyBatch& batch,
                                        const at::Device& device,
                                        int64_t dataloader_idx) {
    (void)dataloader_idx;
    batch.to(device);
  }
  /// Changes a batch that is on the device already.
  virtual void on_after_batch_transfer(AnyBatch& batch,
                                       int64_t dataloader_idx) {
    (void)batch, (void)dataloader_idx;
  }

  /// An entry point is ending with this exception.
  virtual void on_exception(std::exception_ptr error) { (void)error; }

  /// What a checkpoint keeps; none = nothing. Asked between `setup` and
  /// `teardown`; at the end of a fit as well, which keeps a copy for
  /// checkpoints that are saved behind it.
  virtual State state() const { return {}; }
  virtual void load_state(const State& state) { (void)state; }

  /// Which loader hooks are there. The Trainer reads it off the static type;
  /// override it where that is not the whole truth.
  virtual std::optional<DataHooks> hooks() const { return std::nullopt; }
};

namespace detail {

/// What a member function takes and returns, whichever class it is of.
template <class M>
struct Signature {};
template <class R, class C, class... A>
struct Signature<R (C::*)(A...)> {
  using type = R(A...);
};
template <class R, class C, class... A>
struct Signature<R (C::*)(A...) noexcept> {
  using type = R(A...);
};
template <class R, class C, class... A>
struct Signature<R (C::*)(A...) const> {
  using type = R(A...) const;
};

template <class A, class B>
concept SameSignature =
    std::is_same_v<typename Signature<A>::type, typename Signature<B>::type>;

// A member that can't be named from here (private, or overloaded) was declared
// by the class itself: it counts as overridden.
#define BOLT_OVERRIDES(Class, Base, member)                                 \
  [] {                                                                      \
    if constexpr (requires { &Class::member; }) {                           \
      static_assert(::bolt::detail::SameSignature<decltype(&Class::member), \
                                                  decltype(&Base::member)>, \
                    #member                                                 \
                    " is not declared as the hook of that name is, and "    \
                    "would not be called: put `override` behind it.");      \
      return !std::is_same_v<decltype(&Class::member),                      \
                             decltype(&Base::member)>;                      \
    } else {                                                                \
      return true;                                                          \
    }                                                                       \
  }()

template <class D, class Base>
DataHooks loader_hooks_of() {
  return {
      .train_dataloader = BOLT_OVERRIDES(D, Base, train_dataloader),
      .val_dataloader = BOLT_OVERRIDES(D, Base, val_dataloader),
      .test_dataloader = BOLT_OVERRIDES(D, Base, test_dataloader),
      .predict_dataloader = BOLT_OVERRIDES(D, Base, predict_dataloader),
  };
}

}  // namespace detail

/// The data hooks that the class `D` overrides.
template <class D>
DataHooks data_hooks_of() {
  using Base = LightningDataModule;
  DataHooks hooks = detail::loader_hooks_of<D, Base>();
  hooks.on_before_batch_transfer =
      BOLT_OVERRIDES(D, Base, on_before_batch_transfer);
  hooks.transfer_batch_to_device =
      BOLT_OVERRIDES(D, Base, transfer_batch_to_device);
  hooks.on_after_batch_transfer =
      BOLT_OVERRIDES(D, Base, on_after_batch_transfer);
  return hooks;
}

}  // namespace bolt
