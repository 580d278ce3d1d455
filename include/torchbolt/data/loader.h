#pragma once

#include <torchbolt/data/batch.h>
#include <torchbolt/export.h>
#include <torchbolt/state/state.h>

#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace torch::data {
template <typename Dataset, typename Sampler>
class StatelessDataLoader;
namespace samplers {
class RandomSampler;
}
}  // namespace torch::data

namespace bolt {

/// A source of batches as the loops see it. Users pass loaders of any kind;
/// derive from this only to write a loader that decides itself how batches are
/// stored. One pass at a time, used by one thread.
///
/// Calls arrive as: `set_epoch(e)`, `set_limit(n)`, `start()`, `next()` until
/// it returns false or the limit is reached; again for the next pass;
/// `close()`. `state()` may be asked between two `next()`; after `load_state()`
/// the following `start()` goes on behind the batches that had been given out.
class TORCHBOLT_API BatchSource {
 public:
  virtual ~BatchSource() = default;

  /// The batch type's table.
  virtual const BatchOps& ops() const = 0;
  /// Batches in a pass; none when that isn't known.
  virtual std::optional<int64_t> size() const = 0;
  /// The epoch of the coming pass, for those whose order depends on it.
  virtual void set_epoch(int64_t epoch) { (void)epoch; }
  /// The most batches of each pass that will be asked for: no more need be
  /// made ready.
  virtual void set_limit(int64_t batches) { (void)batches; }
  /// Begins a pass.
  virtual void start() = 0;
  /// Begins another pass of the same epoch, as a CombinedLoader does with a
  /// loader that is shorter than others.
  virtual void restart() { start(); }
  /// Puts the next batch into `batch`; false at the end of the pass.
  virtual bool next(AnyBatch& batch) = 0;
  /// Whether a pass is not in the order of the data.
  virtual bool shuffled() const { return false; }
  /// The run is over: threads end. A later `start` begins anew.
  virtual void close() {}
  /// Gives up shuffling (`overfit_batches` asks for it), or takes it up again.
  /// One that can't is `shuffled()` as before.
  virtual void keep_order(bool keep) { (void)keep; }
  /// Position and order; none for sources that can't be resumed.
  virtual State state() const { return {}; }
  /// Takes back what `state()` gave.
  virtual void load_state(const State& state) { (void)state; }
};

namespace detail {

[[noreturn]] TORCHBOLT_API void throw_no_loader();
/// For a loader whose size() is no number of batches.
[[noreturn]] TORCHBOLT_API void throw_bad_size(const std::string& size);

template <class T>
struct IsPointer : std::false_type {};
template <class T, class D>
struct IsPointer<std::unique_ptr<T, D>> : std::true_type {};
template <class T>
struct IsPointer<std::shared_ptr<T>> : std::true_type {};

template <class L>
auto& loader_ref(L& loader) {
  if constexpr (IsPointer<std::remove_cvref_t<L>>::value) {
    return *loader;
  } else {
    return loader;
  }
}

template <class L>
using LoaderRef = std::remove_reference_t<decltype(loader_ref(
    std::declval<std::remove_reference_t<L>&>()))>;

/// Ours know their batch type; ranges tell theirs by their iterator.
template <class L>
struct BatchOf {};
template <class L>
  requires requires { typename L::BatchType; }
struct BatchOf<L> {
  using type = typename L::BatchType;
};
template <class L>
  requires(
      !requires { typename L::BatchType; } &&
      requires(L& l) {
        { *l.begin() };
        { l.end() };
      })
struct BatchOf<L> {
  using type = std::remove_cvref_t<decltype(*std::declval<L&>().begin())>;
};

template <class L>
concept HasBatch = requires { typename BatchOf<LoaderRef<L>>::type; };

/// torch's loader with the sampler that it has by default.
template <class Range>
struct DrawsAtRandom : std::false_type {};
template <class Dataset>
struct DrawsAtRandom<torch::data::StatelessDataLoader<
    Dataset, torch::data::samplers::RandomSampler>> : std::true_type {};

/// Any range of batches: torch's loaders, containers, generators.
template <class Range, class Held>
class RangeSource final : public BatchSource {
 public:
  using B = typename BatchOf<Range>::type;
  using Iterator = decltype(std::declval<Range&>().begin());
  using Sentinel = decltype(std::declval<Range&>().end());

  explicit RangeSource(Held held) : held_(std::move(held)) {
    if constexpr (IsPointer<std::remove_cvref_t<decltype(*held_)>>::value) {
      if (*held_ == nullptr) throw_no_loader();
    }
  }
  ~RangeSource() override {
    try {
      finish_pass();
    } catch (...) {
      // What a thread of the loader threw, for a batch that nobody wants.
    }
  }
  RangeSource(const RangeSource&) = delete;
  RangeSource& operator=(const RangeSource&) = delete;

  const BatchOps& ops() const override { return batch_ops<B>(); }
  bool shuffled() const override {
    return DrawsAtRandom<std::remove_cv_t<Range>>::value;
  }

  std::optional<int64_t> size() const override {
    if constexpr (requires(const Range& r) {
                    { r.size() } -> std::convertible_to<int64_t>;
                  }) {
      const auto size = range().size();
      if constexpr (std::unsigned_integral<std::remove_cv_t<decltype(size)>>) {
        if (!std::in_range<int64_t>(size)) throw_bad_size(std::to_string(size));
      }
      return static_cast<int64_t>(size);
    } else {
      return std::nullopt;
    }
  }

  void set_epoch(int64_t epoch) override {
    if constexpr (requires(Range& r) { r.set_epoch(epoch); }) {
      range().set_epoch(epoch);
    }
  }

  void start() override {
    finish_pass();
    at_.reset();
    end_.reset();
    // In the order of a range-for, whose begin() may prepare what end() tells.
    at_.emplace(range().begin());
    end_.emplace(range().end());
    fresh_ = true;
  }

  bool next(AnyBatch& batch) override {
    // Stepping on before reading, not after it: a torch loader would otherwise
    // load a batch that nobody asked for.
    if (!fresh_) ++*at_;
    fresh_ = false;
    if (!(*at_ != *end_)) return false;
    using Reference = decltype(**at_);
    // What a torch loader holds of a batch it lets go of before the next one;
    // what other iterators refer to may be somebody's.
    constexpr bool kMayMove =
        kIsTorchLoader || !std::is_copy_constructible_v<B>;
    if constexpr (std::is_lvalue_reference_v<Reference> &&
                  std::forward_iterator<Iterator>) {
      batch.refer<B>(**at_);
    } else if constexpr (std::is_lvalue_reference_v<Reference> && kMayMove) {
      batch.emplace<B>(std::move(**at_));
    } else {
      batch.emplace<B>(**at_);
    }
    return true;
  }

  State state() const override {
    if constexpr (requires(const Range& r) {
                    { r.state() } -> std::convertible_to<State>;
                  }) {
      return range().state();
    } else {
      return {};
    }
  }

  void load_state(const State& state) override {
    if constexpr (requires(Range& r) { r.load_state(state); }) {
      range().load_state(state);
    }
  }

 private:
  // A loader of torch with threads begins anew only when the batches that they
  // were asked for have been taken.
  void finish_pass() {
    if constexpr (kIsTorchLoader) {
      if (!at_ || range().options().workers == 0) return;
      while (*at_ != *end_) ++*at_;
    }
  }

  static constexpr bool kIsTorchLoader = requires(Range& r) {
    r.join();
    r.options().workers;
  };

  Range& range() const { return const_cast<Range&>(loader_ref(*held_)); }

  Held held_;
  std::optional<Iterator> at_{};
  std::optional<Sentinel> end_{};
  bool fresh_ = true;
};

inline std::shared_ptr<BatchSource> checked(
    std::shared_ptr<BatchSource> source) {
  if (source == nullptr) throw_no_loader();
  return source;
}

template <class L>
std::shared_ptr<BatchSource> make_source(L&& loader) {
  using Plain = std::remove_cvref_t<L>;
  if constexpr (std::is_convertible_v<L&&, std::shared_ptr<BatchSource>>) {
    return checked(std::forward<L>(loader));
  } else if constexpr (std::derived_from<Plain, BatchSource>) {
    static_assert(!std::is_const_v<std::remove_reference_t<L>>,
                  "Reading a loader changes its position: it can't be const.");
    if constexpr (requires { loader.cursor(); }) {
      return loader.cursor();
    } else if constexpr (std::is_lvalue_reference_v<L>) {
      // The caller's object: it outlives the run.
      return {std::shared_ptr<void>(), &loader};
    } else {
      return std::make_shared<Plain>(std::forward<L>(loader));
    }
  } else if constexpr (std::derived_from<LoaderRef<L>, BatchSource>) {
    auto held = std::make_shared<Plain>(std::forward<L>(loader));
    if (*held == nullptr) throw_no_loader();
    BatchSource* source = &**held;
    return {std::move(held), source};
  } else if constexpr (std::is_lvalue_reference_v<L> &&
                       !(IsPointer<Plain>::value &&
                         std::copy_constructible<Plain>)) {
    using Held = std::remove_reference_t<L>*;
    return std::make_shared<RangeSource<LoaderRef<L>, Held>>(&loader);
  } else {
    using Held = std::shared_ptr<Plain>;
    return std::make_shared<RangeSource<LoaderRef<Plain>, Held>>(
        std::make_shared<Plain>(std::forward<L>(loader)));
  }
}

/// A range whose items are loaders.
template <class L>
concept SeveralLoaders =
    !std::derived_from<std::remove_cvref_t<L>, BatchSource> &&
    std::ranges::range<L> && HasBatch<std::ranges::range_value_t<L>>;

}  // namespace detail

/// The loaders of one stage: none, one, or several (validation, test and
/// prediction run one after the other; the step's `dataloader_idx` says which).
/// Made from any loader: a `bolt::DataLoader`, one of `torch::data` (or the
/// `unique_ptr` that torch makes), any range of batches, sized or not.
/// A `bolt::DataLoader` given by name is read through a cursor of its own, and
/// only its dataset is shared; any other loader given by name is referred to
/// and must outlive the run; a temporary is kept; a `shared_ptr` is shared.
///
///     bolt::Loaders val_dataloader() override { return {val_, extra_}; }
class TORCHBOLT_API Loaders {
 public:
  /// No loader: the stage isn't there.
  Loaders() = default;

  template <class L>
    requires(!std::derived_from<std::remove_cvref_t<L>, Loaders> &&
             (detail::HasBatch<L> ||
              std::is_convertible_v<L &&, std::shared_ptr<BatchSource>>))
  Loaders(L&& loader)
      : sources_{detail::make_source(std::forward<L>(loader))} {}

  /// Several, in this order.
  Loaders(std::initializer_list<Loaders> several) {
    for (const Loaders& one : several) append(one);
  }

  /// Whether the stage is there at all.
  bool defined() const { return !sources_.empty(); }
  std::size_t count() const { return sources_.size(); }
  BatchSource& operator[](std::size_t k) const { return *sources_.at(k); }
  void append(const Loaders& more) {
    sources_.insert(sources_.end(), more.sources_.begin(), more.sources_.end());
  }

 private:
  std::vector<std::shared_ptr<BatchSource>> sources_{};
};

/// Loaders whose batches are `B`: what the Trainer's entry points take, so that
/// a loader of other batches is refused by the compiler.
template <class B>
class LoadersOf : public Loaders {
 public:
  LoadersOf() = default;

  template <class L>
    requires(!std::derived_from<std::remove_cvref_t<L>, Loaders> &&
             detail::HasBatch<L>)
  LoadersOf(L&& loader) : Loaders(check(std::forward<L>(loader))) {}

  template <class L>
    requires(!std::derived_from<std::remove_cvref_t<L>, Loaders> &&
             !detail::HasBatch<L>)
  LoadersOf(L&&) {
    static_assert(detail::kAlwaysFalse<L>,
                  "This is not a loader: pass a bolt::DataLoader, a loader of "
                  "torch::data, or a range of batches.");
  }

  LoadersOf(std::initializer_list<LoadersOf> several) {
    for (const LoadersOf& one : several) append(one);
  }

 private:
  template <class L>
  static Loaders check(L&& loader) {
    using Ref = detail::LoaderRef<L>;
    using Item = typename detail::BatchOf<Ref>::type;
    if constexpr (std::is_same_v<Item, B>) {
      return Loaders(std::forward<L>(loader));
    } else if constexpr (detail::SeveralLoaders<Ref>) {
      Loaders all;
      for (auto& one : loader) all.append(LoadersOf(one));
      return all;
    } else {
      static_assert(detail::kAlwaysFalse<L>,
                    "The loader's batches are not the module's batches: "
                    "LightningModule<Batch> and the loader must have the same "
                    "Batch type (is a Stack<> transform missing?).");
      return {};
    }
  }
};

}  // namespace bolt
