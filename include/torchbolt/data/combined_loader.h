#pragma once

#include <torchbolt/data/batch_parts.h>
#include <torchbolt/data/loader.h>
#include <torchbolt/data/loader_parts.h>
#include <torchbolt/data/source_iterator.h>
#include <torchbolt/export.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace bolt {

/// How a CombinedLoader reads its loaders.
enum class CombineMode {
  /// All at once, until the shortest ends. "min_size"
  kMinSize,
  /// All at once, until the longest ends; shorter ones begin anew.
  /// "max_size_cycle"
  kMaxSizeCycle,
  /// All at once, until the longest ends; the parts of those that have ended
  /// are absent. "max_size"
  kMaxSize,
  /// One after the other. "sequential"
  kSequential,
};
/// "min_size", "max_size_cycle", …
TORCHBOLT_API std::string_view to_string(CombineMode mode);
/// Throws ConfigError naming the modes there are.
TORCHBOLT_API CombineMode parse_combine_mode(std::string_view text);

/// Settings of CombinedLoader.
struct CombinedLoaderOptions {
  CombineMode mode = CombineMode::kMinSize;
};

namespace detail {

/// Batches of a pass over loaders of these sizes (none: not known).
TORCHBOLT_API std::optional<int64_t> combined_size(
    CombineMode mode, std::span<const std::optional<int64_t>> sizes);

/// What of a CombinedLoader doesn't depend on the batch type.
class TORCHBOLT_API CombinedSource : public BatchSource {
 public:
  /// `how` puts the batches together; it may be null for kSequential. Throws
  /// ConfigError when loaders, batch type and mode don't fit each other.
  CombinedSource(const BatchOps& ops, const PartOps* how, Loaders parts,
                 std::vector<std::string> names, CombineMode mode);

  CombineMode mode() const { return mode_; }
  const Loaders& parts() const { return parts_; }
  /// Of the batch given last: its index, and the number of its loader, both as
  /// Lightning counts them: with kSequential the index is that in its loader,
  /// else the number of the loader is 0.
  int64_t batch_idx() const;
  int64_t dataloader_idx() const;

  const BatchOps& ops() const override { return ops_; }
  std::optional<int64_t> size() const override;
  void set_epoch(int64_t epoch) override;
  void start() override;
  bool next(AnyBatch& batch) override;
  bool shuffled() const override;
  void set_limit(int64_t batches) override;
  void close() override;
  void keep_order(bool keep) override;
  /// {mode, position, given, ends, parts}. `position`: batches given out in
  /// this pass. For each loader: `given`, its batches since it last began;
  /// `ends`, how often it has come to its end; `parts`, its own state.
  State state() const override;
  /// Throws CheckpointError when mode or number of loaders is another.
  void load_state(const State& state) override;

 private:
  void check(const std::vector<std::string>& names) const;
  void resume();
  void resume_part(std::size_t k);
  bool pass_is_over() const;
  bool at_end(std::size_t k) const;
  bool pull(std::size_t k, AnyBatch& into);
  bool pull_cycling(std::size_t k);
  bool next_in_sequence(AnyBatch& batch);
  bool gather();
  bool finish();

  const BatchOps& ops_;
  const PartOps* how_;
  Loaders parts_;
  std::vector<std::string> names_;
  CombineMode mode_;
  std::vector<AnyBatch> slots_{};

  int64_t position_ = 0;
  std::vector<int64_t> given_{};
  std::vector<int64_t> ends_{};
  std::size_t current_ = 0;  // of kSequential
  bool over_ = true;
  bool resuming_ = false;
  std::vector<bool> stateless_{};
};

}  // namespace detail

/// Several loaders as one, whose batches are `B`, the module's Batch:
///
///  - a `std::vector<P>` of the loaders' batches `P`, in their order;
///  - a `std::tuple<P, Q, …>` where their types differ;
///  - a `std::map<std::string, P>` where they have names;
///
/// each part in a `std::optional` where it may be absent: kMaxSize needs that
/// of all, and a tuple's last loaders may then be left out. With kSequential
/// `B` is what each loader gives. Loaders are kept, shared or referred to as
/// Loaders says. Used by one thread.
///
///     using Batch = std::tuple<torch::data::Example<>,          // labelled
///                              std::optional<torch::Tensor>>;   // unlabelled
///     struct Model : bolt::LightningModule<Batch> { … };
///
///     bolt::CombinedLoader<Batch> train(
///         {labelled, unlabelled}, {.mode = bolt::CombineMode::kMaxSizeCycle});
///     bolt::CombinedLoader<Batch> val({labelled_val});
///     trainer.fit(model, train, val);
///
///     bolt::CombinedLoader<std::map<std::string, torch::Tensor>> named(
///         {{"left", a}, {"right", b}});
///     for (const auto& batch : named) …      // by hand works as well
///
/// An epoch tells all its loaders their epoch; limits of the Trainer are those
/// of each loader, and shorten a pass as the mode says: a loader that begins
/// anew does so at its real end. Its state holds those of its loaders; one
/// without a state is read again up to where it was.
template <class B>
class CombinedLoader final : public detail::CombinedSource {
 public:
  using BatchType = B;

  /// Throws ConfigError when loaders, batch type and mode don't fit each other.
  CombinedLoader(detail::LoaderParts<B> loaders,
                 const CombinedLoaderOptions& options = {})
      : CombinedSource(batch_ops<B>(), part_ops<B>(),
                       std::move(loaders.loaders), std::move(loaders.names),
                       options.mode) {}

  detail::SourceIterator<B> begin() {
    start();
    return detail::SourceIterator<B>(*this);
  }
  std::default_sentinel_t end() const { return {}; }
};

/// The training loaders of a module whose batches are `B`: a loader of `B`, or
/// several loaders of its parts, which are then combined as kMaxSizeCycle.
///
///     trainer.fit(model, {labelled, unlabelled});
template <class B>
class TrainLoadersOf : public LoadersOf<B> {
 public:
  TrainLoadersOf() = default;
  TrainLoadersOf(LoadersOf<B> loaders) : LoadersOf<B>(std::move(loaders)) {}
  template <class L>
    requires(!std::derived_from<std::remove_cvref_t<L>, Loaders>)
  TrainLoadersOf(L&& loader) : LoadersOf<B>(one(std::forward<L>(loader))) {}
  template <class First, class Second, class... Rest>
  TrainLoadersOf(First&& first, Second&& second, Rest&&... rest)
      : LoadersOf<B>(
            cycle({std::forward<First>(first), std::forward<Second>(second),
                   std::forward<Rest>(rest)...})) {}
  TrainLoadersOf(
      std::initializer_list<typename detail::LoaderParts<B>::Named> named)
      : LoadersOf<B>(cycle(named)) {}

 private:
  static LoadersOf<B> cycle(detail::LoaderParts<B> parts) {
    return std::make_shared<CombinedLoader<B>>(
        std::move(parts),
        CombinedLoaderOptions{.mode = CombineMode::kMaxSizeCycle});
  }
  template <class L>
  static LoadersOf<B> one(L&& loader) {
    if constexpr (detail::SeveralParts<B, detail::LoaderRef<L>>) {
      return cycle(std::forward<L>(loader));
    } else {
      return LoadersOf<B>(std::forward<L>(loader));
    }
  }
};

}  // namespace bolt
