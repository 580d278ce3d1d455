#pragma once

#include <torch/torch.h>
#include <torchbolt/torchbolt.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

// The pieces of a scenario's job; README.md beside this folder has the schema.

namespace parity {

using Json = nlohmann::ordered_json;
using Batch = std::vector<torch::Tensor>;  // {x, y}
/// What a module with `combined` gets: a part of each loader.
using Parts = std::vector<std::optional<Batch>>;

/// Thrown where the scenario says `raise_at`.
struct UserError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A number as traces have it: NaN and infinities as text.
Json number(double value);
/// Metrics by name; of those that a clock decides, that they are there is what
/// counts.
Json metrics(const bolt::MetricMap& map);

/// An optimizer, and a schedule of it, as a scenario has them: `own` makes it
/// one of torchbolt's, else it is torch's.
std::shared_ptr<torch::optim::Optimizer> make_optimizer(
    const Json& spec, const std::vector<torch::Tensor>& parameters, bool own);
bolt::LRSchedulerConfig make_scheduler(
    const Json& spec,
    const std::shared_ptr<torch::optim::Optimizer>& optimizer);

/// What the running action does.
struct Recorder {
  bolt::Trainer* trainer = nullptr;
  Json events = Json::array();
  Json logger_calls = Json::array();
  Json lrs = Json::array();
  Json losses = Json::array();

  void event(const std::string& name, std::optional<Json> more = {});
  void clear();
};

/// The batches of one loader, in order; its position is state.
class Batches final : public bolt::BatchSource {
 public:
  using BatchType = Batch;
  Batches(int64_t count, int64_t batch_size, int64_t offset, bool sized)
      : count_(count),
        batch_size_(batch_size),
        offset_(offset),
        sized_(sized) {}

  const bolt::BatchOps& ops() const override {
    return bolt::batch_ops<Batch>();
  }
  std::optional<int64_t> size() const override {
    return sized_ ? std::optional(count_) : std::nullopt;
  }
  void start() override;
  bool next(bolt::AnyBatch& batch) override;
  bolt::State state() const override {
    return bolt::State::map({{"position", position_}});
  }
  void load_state(const bolt::State& state) override;

 private:
  int64_t count_;
  int64_t batch_size_;
  int64_t offset_;
  bool sized_;
  int64_t position_ = 0;
  std::optional<int64_t> resume_at_{};
};

/// The scenario's data module.
class Data final : public bolt::LightningDataModule {
 public:
  /// `combined`: batches are Parts, those of evaluations with one part.
  Data(Json spec, bool combined, Recorder& recorder)
      : spec_(std::move(spec)), combined_(combined), recorder_(recorder) {}

  void prepare_data() override { recorder_.event("dm:prepare_data"); }
  void setup(bolt::Stage stage) override;
  void teardown(bolt::Stage stage) override;
  bolt::Loaders train_dataloader() override { return loaders("train"); }
  bolt::Loaders val_dataloader() override { return loaders("val"); }
  bolt::Loaders test_dataloader() override { return loaders("test"); }
  bolt::Loaders predict_dataloader() override { return loaders("predict"); }
  std::optional<bolt::DataHooks> hooks() const override;

 private:
  bool has(const char* stage) const;
  bolt::Loaders loaders(const char* stage);

  Json spec_;
  bool combined_;
  Recorder& recorder_;
};

/// The scenario's module; see module.cpp.
std::shared_ptr<bolt::Module> make_model(const Json& module, const Json& data,
                                         Recorder& recorder);

/// The callback that records, and the logger that does.
std::shared_ptr<bolt::Callback> make_recording_callback(Recorder& recorder);
std::shared_ptr<bolt::Logger> make_recording_logger(Recorder& recorder);

/// The scenario's callbacks, behind the recording one. Throws ConfigError for
/// those that aren't there yet.
std::vector<bolt::CallbackHandle> make_callbacks(
    const Json& specs, Recorder& recorder, const std::filesystem::path& folder);
/// What a trace tells of callbacks; paths are below `folder`.
Json describe_callbacks(const bolt::Trainer& trainer,
                        const std::filesystem::path& folder);
/// What a trace tells of the checkpoints below a folder.
Json describe_checkpoints(const std::filesystem::path& folder);

/// Trainer arguments by Lightning's names. Throws ConfigError for unknown ones.
bolt::TrainerOptions make_options(const Json& trainer);

/// Runs a scenario; returns its trace.
Json run(const Json& scenario);

}  // namespace parity
