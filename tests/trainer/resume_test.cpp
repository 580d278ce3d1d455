#include <gtest/gtest.h>
#include <torch/torch.h>
#include <torchbolt/checkpoint/checkpoint.h>
#include <torchbolt/core/files.h>
#include <torchbolt/torchbolt.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/models.h"
#include "support/state_diff.h"
#include "support/temp_dir.h"

// A run that goes on from a checkpoint is, to the last bit, the run that was
// not interrupted.

namespace bolt::testing {
namespace {

namespace fs = std::filesystem;

/// Has what a run can forget: random numbers in the forward pass, running
/// statistics, moments, a metric over the epoch, and a copy of its weights that
/// its own hook moves.
struct Forgetful : LightningModule<> {
  Forgetful() {
    register_module("net", net);
    register_buffer("slow", slow);
    register_metric("accuracy", accuracy);
  }
  StepOutput training_step(const Batch& batch, StepContext&) override {
    const auto out = net->forward(batch.data.flatten(1));
    auto loss = torch::cross_entropy_loss(out, batch.target);
    log("loss", loss, {.on_step = true, .on_epoch = true});
    accuracy.update(out, batch.target);
    log("accuracy", accuracy);
    return loss;
  }
  void on_train_batch_end(const StepOutput& output, const Batch&,
                          const StepContext&) override {
    const at::NoGradGuard no_grad;
    slow.lerp_(output.loss().detach().to(torch::kFloat), 0.1);
    slow.add_(torch::rand({}), 0.01);
  }
  void validation_step(const Batch& batch, StepContext&) override {
    const auto out = net->forward(batch.data.flatten(1));
    log("val_loss",
        torch::cross_entropy_loss(out, batch.target) + 0.01 * torch::rand({}));
  }
  OptimizerConfig configure_optimizers() override {
    auto optimizer = std::make_shared<optim::AdamW>(
        parameters(), optim::AdamWOptions{.lr = 0.02});
    return {{.optimizer = optimizer,
             .lr_schedulers = {{.scheduler = optim::CosineAnnealingLR(
                                    optimizer, {.t_max = 9}),
                                .interval = Interval::kStep},
                               {.scheduler = optim::ReduceLROnPlateau(
                                    optimizer, {.factor = 0.9, .patience = 0}),
                                .monitor = "val_loss"}}}};
  }

  torch::nn::Sequential net{torch::nn::Linear(16, 8), torch::nn::BatchNorm1d(8),
                            torch::nn::ReLU(), torch::nn::Dropout(0.25),
                            torch::nn::Linear(8, 3)};
  torch::Tensor slow = torch::zeros({});
  metrics::Accuracy accuracy{{.num_classes = 3}};
};

/// Writes a file in each hook in which ModelCheckpoint may.
class EachHook final : public CheckpointCallback {
 public:
  explicit EachHook(fs::path folder) : folder_(std::move(folder)) {}
  bool monitors() const override { return true; }
  void on_train_batch_end(Trainer& trainer, Module&, const StepOutput&,
                          const AnyBatch&, const StepContext&) override {
    save(trainer, "a_batch");
  }
  void on_validation_end(Trainer& trainer, Module&) override {
    if (!trainer.sanity_checking()) save(trainer, "b_validation");
  }
  void on_train_epoch_end(Trainer& trainer, Module&) override {
    save(trainer, "c_epoch");
  }

 private:
  void save(Trainer& trainer, const std::string& what) {
    const std::string number =
        std::to_string(100 + trainer.progress().batches.counts.total.ready);
    trainer.save_checkpoint_after_hook(*this,
                                       folder_ / (number + what + ".ckpt"));
  }
  fs::path folder_;
};

struct Job {
  int64_t num_workers = 0;
  int64_t accumulate = 3;
  Precision precision = Precision::k32True;

  /// Runs three epochs; files go into `folder`, the logs to `logs`.
  State run(const fs::path& logs, const fs::path& folder, int64_t seed,
            const fs::path& from = {}) const {
    seed_everything(seed);
    Forgetful model;
    torch::manual_seed(3);
    const auto images = torch::randint(256, {30, 1, 4, 4}, torch::kByte);
    const auto labels = torch::randint(3, {30}, torch::kLong);
    seed_everything(seed);
    AugmentedDataset augmented(
        TensorDataset(images, labels),
        transforms::Compose{
            transforms::RandomCrop({.height = 4, .width = 4, .padding = 1}),
            transforms::Normalize({.mean = {0.5}, .std = {0.3}})});
    DataLoader train(
        augmented,
        {.batch_size = 4, .shuffle = true, .num_workers = num_workers});
    DataLoader val(TensorDataset(images.slice(0, 0, 8).to(torch::kFloat) / 255,
                                 labels.slice(0, 0, 8)),
                   {.batch_size = 4});
    Trainer trainer(quiet(
        {.max_epochs = 3,
         .val_check_interval = 4,
         .precision = precision,
         .accumulate_grad_batches = accumulate,
         .gradient_clip_val = 1.0,
         .callbacks = {EMAWeightAveraging({.decay = 0.9}),
                       EarlyStopping({.monitor = "val_loss", .patience = 50}),
                       LearningRateMonitor(),
                       ModelCheckpoint({.dirpath = logs / "best",
                                        .monitor = "val_loss",
                                        .save_last = true,
                                        .save_top_k = 2,
                                        .enable_version_counter = false}),
                       EachHook(folder)},
         .logger = {CSVLogger({.save_dir = logs})},
         .log_every_n_steps = 1,
         .enable_checkpointing = true}));
    FitOptions options;
    if (!from.empty()) options.ckpt_path = from.string();
    trainer.fit(model, train, val, options);
    trainer.save_checkpoint(folder / "end.ckpt");
    return read_checkpoint(folder / "end.ckpt");
  }
};

std::vector<fs::path> files_of(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

void expect_exact(const Job& job) {
  const TempDir dir;
  const fs::path logs = dir.path() / "logs", straight = dir.path() / "straight";
  const State end = job.run(logs, straight, 1);
  const std::string csv =
      read_file(logs / "lightning_logs" / "version_0" / "metrics.csv");
  const std::vector<fs::path> files = files_of(straight);
  ASSERT_GT(files.size(), 24u);
  for (const fs::path& file : files) {
    if (file.filename() == "end.ckpt") continue;
    SCOPED_TRACE(file.filename());
    const fs::path again = dir.path() / "again" / file.stem();
    const State resumed = job.run(logs, again, 999, file);
    ASSERT_EQ(first_difference(end, resumed), "");
    EXPECT_EQ(read_file(logs / "lightning_logs" / "version_0" / "metrics.csv"),
              csv);
    // Every file behind it is there again, with the same content.
    std::vector<fs::path> behind = files_of(again);
    EXPECT_EQ(behind.size(),
              static_cast<std::size_t>(files.end() -
                                       std::ranges::find(files, file) - 1));
    for (const fs::path& later : behind) {
      ASSERT_EQ(first_difference(read_checkpoint(straight / later.filename()),
                                 read_checkpoint(later)),
                "")
          << later.filename();
    }
  }
}

/// Draws random numbers, counts in a metric, and logs the mean of the epoch.
struct Counting : Line {
  Counting() { register_metric("mean", mean); }
  StepOutput training_step(const Batch& batch, StepContext&) override {
    auto loss = loss_of(batch) + 0.01 * torch::rand({});
    loss = loss + layer->weight.sum() * 0.01 * torch::rand({});
    log("loss", loss, {.on_step = true, .on_epoch = true});
    mean.update(loss);
    log("mean", mean);
    at("training_step");
    return loss;
  }
  metrics::Mean mean{};
};

// What is made again is the same.
State fit_until(const fs::path& folder, int64_t seed, int crash,
                const std::string& crash_in) {
  seed_everything(seed);
  Counting line;
  torch::nn::init::constant_(line.layer->weight, 0.25);
  torch::nn::init::constant_(line.layer->bias, -0.5);
  int calls = 0;
  line.on_hook = [&](const std::string& hook) {
    if (hook == crash_in && ++calls == crash) throw std::runtime_error("crash");
  };
  const auto x = torch::arange(21).to(torch::kFloat).unsqueeze(1) / 21;
  DataLoader train(TensorDataset(x, 2 * x + 1),
                   {.batch_size = 3, .shuffle = true});
  Trainer trainer(
      quiet({.max_epochs = 2,
             .accumulate_grad_batches = 3,
             .callbacks = {OnExceptionCheckpoint({.dirpath = folder})},
             .enable_checkpointing = true}));
  try {
    trainer.fit(line, train);
  } catch (const std::runtime_error&) {
    return {};
  }
  EXPECT_EQ(trainer.global_step(), 6);
  State end = state_dict(line).clone();
  for (const auto& [name, value] : trainer.callback_metrics()) {
    end[name] = value;
  }
  return end;
}

TEST(Resume, FromAnExceptionInEachBatch) {
  const TempDir dir;
  const State straight = fit_until(dir.path() / "none", 1, 0, "");
  for (const std::string hook :
       {"training_step", "on_before_backward", "on_after_backward"}) {
    for (int crash = 1; crash <= 14; ++crash) {
      SCOPED_TRACE(hook + " " + std::to_string(crash));
      const fs::path folder = dir.path() / hook / std::to_string(crash);
      ASSERT_TRUE(fit_until(folder, 1, crash, hook).is_none());
      EXPECT_EQ(first_difference(straight, fit_until(folder, 999, 0, "")), "");
    }
  }
}

/// Makes its batches from where it is, in whatever pass.
class Stream {
 public:
  class Iterator {
   public:
    using value_type = Example;
    using difference_type = std::ptrdiff_t;
    explicit Iterator(Stream& stream) : stream_(&stream) {}
    Example operator*() const {
      const auto x =
          torch::full({2, 1}, 0.01 * static_cast<double>(stream_->position_++));
      return {x, x};
    }
    Iterator& operator++() { return *this; }
    void operator++(int) {}
    bool operator==(std::default_sentinel_t) const { return false; }

   private:
    Stream* stream_;
  };
  Iterator begin() { return Iterator(*this); }
  std::default_sentinel_t end() const { return {}; }
  int64_t position() const { return position_; }
  State state() const { return position_; }
  void load_state(const State& state) { position_ = state.as_int(); }

 private:
  int64_t position_ = 0;
};

// A loader of one's own goes on where the fit left it, also in a file that is
// written when the fit is over.
TEST(Resume, FromAFileThatIsWrittenBehindTheFit) {
  const TempDir dir;
  const auto fit = [&](Stream& train, Stream& val, int64_t epochs,
                       const fs::path& from) {
    Line line;
    torch::nn::init::constant_(line.layer->weight, 0.25);
    torch::nn::init::constant_(line.layer->bias, -0.5);
    Trainer trainer(quiet({.max_epochs = epochs,
                           .limit_train_batches = 3,
                           .limit_val_batches = 2,
                           .num_sanity_val_steps = 0,
                           .enable_checkpointing = true}));
    FitOptions options;
    if (!from.empty()) options.ckpt_path = from.string();
    trainer.fit(line, train, val, options);
    trainer.save_checkpoint(dir.path() / "end.ckpt");
    return state_dict(line).clone();
  };
  Stream train, val;
  const State straight = fit(train, val, 4, {});
  Stream first, first_val, second, second_val;
  fit(first, first_val, 2, {});
  const State resumed = fit(second, second_val, 4, dir.path() / "end.ckpt");
  EXPECT_EQ(second.position(), train.position());
  EXPECT_EQ(second_val.position(), val.position());
  EXPECT_EQ(first_difference(straight, resumed), "");
}

TEST(Resume, FromEveryHookOfThreeEpochs) { expect_exact({}); }

TEST(Resume, WithThreadsAndMixedPrecision) {
  expect_exact({.num_workers = 4, .precision = Precision::kBF16Mixed});
}

}  // namespace
}  // namespace bolt::testing
