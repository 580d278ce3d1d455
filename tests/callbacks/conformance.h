#pragma once

#include <fcntl.h>
#include <torch/torch.h>
#include <torchbolt/core/files.h>
#include <torchbolt/torchbolt.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/fake_clock.h"
#include "support/models.h"
#include "support/pty.h"
#include "support/row_logger.h"
#include "support/small_run.h"
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

/// Everything with state, when epoch `epoch` ends: what a checkpoint holds.
class Saver final : public Callback {
 public:
  explicit Saver(int64_t epoch) : epoch_(epoch) {}
  CallbackOrder order() const override { return CallbackOrder::kCheckpoint; }
  bool monitors() const override { return true; }
  void on_train_epoch_end(Trainer& trainer, Module& module) override {
    if (trainer.current_epoch() != epoch_) return;
    State callbacks = State::map();
    for (const auto& callback : trainer.callbacks()) {
      State state = callback->state();
      if (!state.is_none()) {
        callbacks[std::string_view(callback->state_key())] = std::move(state);
      }
    }
    auto& optimizer =
        dynamic_cast<optim::Optimizer&>(*trainer.optimizers().front());
    saved = State::map({{"weights", weights_of(module)},
                        {"optimizer", optimizer.state()},
                        {"callbacks", std::move(callbacks)},
                        {"loops", trainer.progress().state()},
                        {"rng", rng_state()}})
                .clone();
  }
  State saved{};

 private:
  int64_t epoch_;
};

/// Puts it back, each part where the Trainer will when it reads checkpoints:
/// module and callbacks after the setup hooks, the rest before training.
class Restorer final : public Callback {
 public:
  explicit Restorer(State saved) : saved_(std::move(saved)) {}
  CallbackOrder order() const override { return CallbackOrder::kCheckpoint; }
  void setup(Trainer& trainer, Module& module, Stage stage) override {
    if (stage != Stage::kFit) return;
    const at::NoGradGuard no_grad;
    const State weights = weights_of(module);
    for (const auto& [name, tensor] : weights.entries()) {
      tensor.as_tensor().copy_(saved_.at("weights").at(name).as_tensor());
    }
    for (const auto& callback : trainer.callbacks()) {
      const State* state =
          saved_.at("callbacks").find(std::string_view(callback->state_key()));
      if (state != nullptr) callback->load_state(*state);
    }
  }
  void on_fit_start(Trainer& trainer, Module&) override {
    dynamic_cast<optim::Optimizer&>(*trainer.optimizers().front())
        .load_state(saved_.at("optimizer"));
    // No part of the Trainer's interface sets them until there are checkpoints.
    const_cast<FitProgress&>(trainer.progress()).load_state(saved_.at("loops"));
  }
  void on_train_start(Trainer&, Module&) override {
    load_rng_state(saved_.at("rng"));
  }

 private:
  State saved_;
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
  State saved{};
  std::string work{};
};

inline constexpr int64_t kSplit = 2;

/// Where a run is split by a checkpoint: behind a batch of an epoch, or as the
/// epoch ends.
struct Place {
  int64_t epoch = kSplit;
  std::optional<int64_t> batch = 2;
};

/// Writes that checkpoint, and notes how many rows there were as the next batch
/// began.
class Splitter final : public CheckpointCallback {
 public:
  Splitter(Place place, std::shared_ptr<RowLogger> logger)
      : place_(place), logger_(std::move(logger)) {}
  bool monitors() const override { return true; }
  void on_train_batch_start(Trainer& trainer, Module&, const AnyBatch&,
                            const StepContext& step) override {
    const bool next = place_.batch
                          ? trainer.current_epoch() == place_.epoch &&
                                step.batch_idx == *place_.batch + 1
                          : trainer.current_epoch() == place_.epoch + 1 &&
                                step.batch_idx == 0;
    if (next) rows = logger_->rows.size();
  }
  void on_train_batch_end(Trainer& trainer, Module&, const StepOutput&,
                          const AnyBatch&, const StepContext& step) override {
    if (place_.batch == step.batch_idx) save(trainer);
  }
  void on_train_epoch_end(Trainer& trainer, Module&) override {
    if (!place_.batch) save(trainer);
  }
  std::size_t rows = 0;

 private:
  void save(Trainer& trainer) {
    if (trainer.current_epoch() != place_.epoch) return;
    trainer.save_checkpoint_after_hook(*this, "split.ckpt");
  }
  Place place_;
  std::shared_ptr<RowLogger> logger_;
};

/// What is left of a run; of one that goes on from `saved`, where there is any.
/// With `place` the Trainer's own checkpoint, in `memory`, takes its place.
inline Remains remains_of(const Conformer& conformer, const State* saved,
                          std::optional<Place> place = {},
                          const std::shared_ptr<Memory>& memory = {}) {
  const bool goes_on = saved != nullptr || (place && !memory->saved.is_none());
  // The second run is another process's: nothing is as it was by chance.
  torch::manual_seed(goes_on ? 2 : 1);
  FakeClock clock;
  ConformanceNet net(clock);
  const auto logger = std::make_shared<ConformanceLogger>();
  const auto mark = std::make_shared<RowMark>(kSplit, logger);
  const auto saver = std::make_shared<Saver>(kSplit - 1);
  const auto splitter =
      std::make_shared<Splitter>(place.value_or(Place{}), logger);
  const std::shared_ptr<Callback> callback = conformer.make();
  TrainerOptions options = quiet({.max_epochs = 2 * kSplit, .logger = logger});
  // Here it would say that there is none.
  if (dynamic_cast<ProgressBar*>(callback.get()) != nullptr) {
    options.enable_progress_bar.reset();
  }
  options.num_sanity_val_steps = 0;
  options.log_every_n_steps = 1;
  options.seams.clock = &clock;
  options.callbacks = {mark, callback, saver};
  FitOptions how;
  if (place) {
    options.enable_checkpointing = true;
    options.plugins = {memory};
    options.callbacks.push_back(splitter);
    if (goes_on) how.ckpt_path = "split.ckpt";
  }
  if (saved != nullptr) {
    options.callbacks.push_back(std::make_shared<Restorer>(*saved));
  }
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
    trainer.fit(net, train, val, how);
  }

  Remains remains{.weights = weights_of(net).clone(),
                  .callback = callback->state().clone(),
                  .saved = saver->saved};
  if (conformer.works) {
    remains.work = conformer.works(trainer, net, *callback, read_file(shown));
  }
  const std::size_t first = place ? splitter->rows : mark->rows;
  for (std::size_t k = first; k < logger->rows.size(); ++k) {
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
inline std::string difference(const Conformer& conformer,
                              std::optional<Place> place = {}) {
  const auto memory = std::make_shared<Memory>();
  const Remains straight = remains_of(conformer, nullptr, place, memory);
  if ((place ? memory->saved : straight.saved).is_none()) {
    return "the run ended before it was saved";
  }
  const Remains split = place ? remains_of(conformer, nullptr, place, memory)
                              : remains_of(conformer, &straight.saved);
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
  // What a checkpoint's place leaves of it is for tests of its own.
  if (!place && straight.work != split.work) {
    return "work:\n" + straight.work + "and\n" + split.work;
  }
  if (!(straight.callback == split.callback)) {
    return "state: " + straight.callback.to_string() + " and " +
           split.callback.to_string();
  }
  return "";
}

}  // namespace bolt::testing
