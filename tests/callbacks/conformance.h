#pragma once

#include <fcntl.h>
#include <torch/torch.h>
#include <torchbolt/core/files.h>
#include <torchbolt/torchbolt.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/fake_clock.h"
#include "support/models.h"
#include "support/pty.h"
#include "support/row_logger.h"
#include "support/temp_dir.h"

// Whether a run that is split by saving and loading all state equals the run
// that is not, to the last bit.

namespace bolt::testing {

/// Has what a run can forget: random numbers in the forward pass, running
/// statistics, an optimizer with moments, and a learning rate that moves. A
/// batch takes a second.
struct ConformanceNet : LightningModule<> {
  explicit ConformanceNet(FakeClock& clock) : clock(clock) {
    register_module("backbone", backbone);
    register_module("head", head);
  }
  StepOutput training_step(const Batch& batch, StepContext&) override {
    clock.advance(std::chrono::seconds(1));
    auto loss = loss_of(batch);
    log("loss", loss, {.on_step = true, .on_epoch = true});
    return loss;
  }
  void validation_step(const Batch& batch, StepContext&) override {
    clock.advance(std::chrono::seconds(1));
    log("val_loss", loss_of(batch));
  }
  void on_train_epoch_start() override {
    for (const auto& optimizer : trainer().optimizers()) {
      optimizer->param_groups()[0].options().set_lr(
          0.01 / static_cast<double>(1 + current_epoch()));
    }
  }
  OptimizerConfig configure_optimizers() override {
    std::vector<at::Tensor> trained;
    for (const auto& p : parameters()) {
      if (p.requires_grad()) trained.push_back(p);
    }
    return optim::AdamW(std::move(trained), {.lr = 0.01});
  }
  Prediction predict_step(const Batch& batch, StepContext&) override {
    return head->forward(backbone->forward(batch.data));
  }
  torch::Tensor loss_of(const Batch& batch) {
    return torch::mse_loss(head->forward(backbone->forward(batch.data)),
                           batch.target);
  }

  FakeClock& clock;
  torch::nn::Sequential backbone{torch::nn::Linear(3, 8),
                                 torch::nn::BatchNorm1d(8), torch::nn::ReLU()};
  torch::nn::Sequential head{torch::nn::Dropout(0.25), torch::nn::Linear(8, 1)};
};

inline State weights_of(const torch::nn::Module& module) {
  State all = State::map();
  for (const auto& item : module.named_parameters()) {
    all[std::string_view(item.key())] = item.value().detach();
  }
  for (const auto& item : module.named_buffers()) {
    all[std::string_view(item.key())] = item.value();
  }
  return all;
}

/// Writes a checkpoint when epoch `epoch` ends.
class Saver final : public CheckpointCallback {
 public:
  Saver(int64_t epoch, std::filesystem::path file)
      : epoch_(epoch), file_(std::move(file)) {}
  bool monitors() const override { return true; }
  void on_train_epoch_end(Trainer& trainer, Module&) override {
    if (trainer.current_epoch() != epoch_) return;
    trainer.save_checkpoint_after_hook(*this, file_);
  }

 private:
  int64_t epoch_;
  std::filesystem::path file_;
};

/// Notes how many rows there were as epoch `epoch` began.
class RowMark final : public Callback {
 public:
  RowMark(int64_t epoch, std::shared_ptr<RowLogger> logger)
      : epoch_(epoch), logger_(std::move(logger)) {}
  void on_train_epoch_start(Trainer& trainer, Module&) override {
    if (trainer.current_epoch() == epoch_) rows = logger_->rows.size();
  }
  std::size_t rows = 0;

 private:
  int64_t epoch_;
  std::shared_ptr<RowLogger> logger_;
};

/// Keeps histograms too, as rows.
struct ConformanceLogger : RowLogger {
  bool logs_histograms() const override { return true; }
  void log_histogram(std::string_view name, const Histogram& histogram,
                     int64_t step) override {
    MetricMap bins;
    for (std::size_t k = 0; k < histogram.counts.size(); ++k) {
      bins[std::string(name) + "/bin_" + std::to_string(k)] =
          static_cast<double>(histogram.counts[k]);
    }
    rows.push_back({step, std::move(bins)});
  }
};

/// A callback under test.
struct Conformer {
  std::string name{};
  std::function<std::shared_ptr<Callback>()> make{};
  /// Values under names that begin so are those of the machine: that they are
  /// there is compared, what they are isn't.
  std::string machine_prefix{};
  /// What it does that no logger hears of, once the fit is over: text to
  /// compare. `shown`: what the run wrote to its streams.
  std::function<std::string(Trainer& trainer, ConformanceNet& net,
                            Callback& callback, const std::string& shown)>
      works{};
};

/// What is left of a run to compare.
struct Remains {
  std::vector<RowLogger::Row> rows{};
  State weights{};
  State callback{};
  std::string work{};
};

inline constexpr int64_t kSplit = 2;

/// Of the run that writes `file`, or of the one that goes on from there.
inline Remains remains_of(const Conformer& conformer,
                          const std::filesystem::path& file, bool goes_on) {
  // The second run is another process's: nothing is as it was by chance.
  torch::manual_seed(goes_on ? 2 : 1);
  FakeClock clock;
  ConformanceNet net(clock);
  const auto logger = std::make_shared<ConformanceLogger>();
  const auto mark = std::make_shared<RowMark>(kSplit, logger);
  const std::shared_ptr<Callback> callback = conformer.make();
  TrainerOptions options = quiet({.max_epochs = 2 * kSplit, .logger = logger});
  // Here it would say that there is none.
  if (dynamic_cast<ProgressBar*>(callback.get()) != nullptr) {
    options.enable_progress_bar.reset();
  }
  options.num_sanity_val_steps = 0;
  options.log_every_n_steps = 1;
  options.seams.clock = &clock;
  options.callbacks = {mark, callback};
  options.enable_checkpointing = true;
  // Also where nothing is saved, so that none is there by default.
  options.callbacks.push_back(
      std::make_shared<Saver>(goes_on ? -1 : kSplit - 1, file));
  const auto x = torch::arange(72, torch::kFloat).remainder(11).view({24, 3});
  const auto y = x.sum(1, true).sin();
  DataLoader train(TensorDataset(x, y),
                   {.batch_size = 4, .shuffle = true, .seed = 7});
  DataLoader val(TensorDataset(x, y), {.batch_size = 12});
  Trainer trainer(options);
  const TempDir folder;
  const auto shown = folder.path() / "shown";
  {
    const int fd = ::open(shown.c_str(), O_CREAT | O_WRONLY, 0600);
    const OutputTo output(fd);
    ::close(fd);
    FitOptions how;
    if (goes_on) how.ckpt_path = file.string();
    trainer.fit(net, train, val, how);
  }

  Remains remains{.weights = weights_of(net).clone(),
                  .callback = callback->state().clone()};
  if (conformer.works) {
    remains.work = conformer.works(trainer, net, *callback, read_file(shown));
  }
  for (std::size_t k = mark->rows; k < logger->rows.size(); ++k) {
    RowLogger::Row row = logger->rows[k];
    for (auto& [name, value] : row.values) {
      if (!conformer.machine_prefix.empty() &&
          name.starts_with(conformer.machine_prefix)) {
        value = 0;
      }
    }
    remains.rows.push_back(std::move(row));
  }
  return remains;
}

/// What differs between the straight run and the split one; "" when nothing
/// does.
inline std::string difference(const Conformer& conformer) {
  const TempDir folder;
  const auto file = folder.path() / "split.ckpt";
  const Remains straight = remains_of(conformer, file, false);
  if (!std::filesystem::exists(file)) {
    return "the run ended before it was saved";
  }
  const Remains split = remains_of(conformer, file, true);
  if (straight.rows.empty()) return "nothing was logged after the split";
  if (straight.rows.size() != split.rows.size()) {
    return "rows: " + std::to_string(straight.rows.size()) + " and " +
           std::to_string(split.rows.size());
  }
  for (std::size_t k = 0; k < straight.rows.size(); ++k) {
    const auto& [step, values] = straight.rows[k];
    if (straight.rows[k] == split.rows[k]) continue;
    for (const auto& [name, value] : values) {
      const auto found = split.rows[k].values.find(name);
      if (found == split.rows[k].values.end() || found->second != value) {
        return "row " + std::to_string(k) + ", " + name;
      }
    }
    return "row " + std::to_string(k);
  }
  if (!(straight.weights == split.weights)) return "weights";
  if (conformer.works && straight.work.empty()) return "it did nothing";
  if (straight.work != split.work) {
    return "work:\n" + straight.work + "and\n" + split.work;
  }
  if (!(straight.callback == split.callback)) {
    return "state: " + straight.callback.to_string() + " and " +
           split.callback.to_string();
  }
  return "";
}

}  // namespace bolt::testing
