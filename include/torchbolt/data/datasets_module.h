#pragma once

#include <torchbolt/data/data_loader.h>
#include <torchbolt/data/data_module.h>
#include <torchbolt/export.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace bolt {

/// A data module from datasets: the training data shuffled, the others in
/// order. Stages that weren't given aren't there.
///
///     bolt::DatasetsModule<bolt::TensorDataset> data({.train = a, .val = b},
///                                                    {.batch_size = 64});
///     trainer.fit(model, data);
template <Dataset D>
class DatasetsModule final : public LightningDataModule {
 public:
  /// The dataset of each stage.
  struct Datasets {
    std::optional<D> train{};
    std::optional<D> val{};
    std::optional<D> test{};
    std::optional<D> predict{};
  };

  /// `options.shuffle` counts for nothing: see above.
  explicit DatasetsModule(Datasets datasets,
                          const DataLoaderOptions& options = {})
      : train_(make(std::move(datasets.train), options, true)),
        val_(make(std::move(datasets.val), options, false)),
        test_(make(std::move(datasets.test), options, false)),
        predict_(make(std::move(datasets.predict), options, false)) {}

  Loaders train_dataloader() override { return loaders(train_); }
  Loaders val_dataloader() override { return loaders(val_); }
  Loaders test_dataloader() override { return loaders(test_); }
  Loaders predict_dataloader() override { return loaders(predict_); }

  std::optional<DataHooks> hooks() const override {
    return DataHooks{.train_dataloader = train_ != nullptr,
                     .val_dataloader = val_ != nullptr,
                     .test_dataloader = test_ != nullptr,
                     .predict_dataloader = predict_ != nullptr};
  }

 private:
  using Loader = std::shared_ptr<DataLoader<D>>;

  static Loader make(std::optional<D> dataset, DataLoaderOptions options,
                     bool shuffle) {
    if (!dataset) return nullptr;
    options.shuffle = shuffle;
    return std::make_shared<DataLoader<D>>(std::move(*dataset), options);
  }
  static Loaders loaders(const Loader& loader) {
    return loader == nullptr ? Loaders() : Loaders(loader);
  }

  Loader train_, val_, test_, predict_;
};

/// What a data module has, for people: a line for each stage, such as
/// "{Train dataloader: size=64}", "None" for one that isn't there, "size=NA"
/// for a loader that doesn't know its length. Asks the loader hooks.
TORCHBOLT_API std::string describe(LightningDataModule& data);

}  // namespace bolt
