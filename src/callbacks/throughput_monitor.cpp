#include <torchbolt/callbacks/flops.h>
#include <torchbolt/callbacks/throughput_monitor.h>
#include <torchbolt/core/error.h>
#include <torchbolt/engine/precision.h>
#include <torchbolt/trainer/trainer.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <utility>

#include "callbacks/need_logger.h"

namespace bolt {
namespace {

using Seconds = std::chrono::duration<double>;

double seconds(Clock::TimePoint::duration time) {
  return std::chrono::duration_cast<Seconds>(time).count();
}

Clock::TimePoint::duration from_seconds(double value) {
  return std::chrono::duration_cast<Clock::TimePoint::duration>(Seconds(value));
}

// The name of the machine's NVIDIA devices, where all have one name: which of
// several is the run's isn't known here.
std::optional<std::string> nvidia_model() {
  std::set<std::string> models;
  std::error_code none;
  for (const auto& gpu :
       std::filesystem::directory_iterator("/proc/driver/nvidia/gpus", none)) {
    std::ifstream file(gpu.path() / "information");
    for (std::string line; std::getline(file, line);) {
      if (line.starts_with("Model:")) models.insert(line.substr(6));
    }
  }
  if (models.size() != 1) return std::nullopt;
  return *models.begin();
}

}  // namespace

ThroughputMonitor::ThroughputMonitor(ThroughputMonitorOptions options)
    : options_(std::move(options)) {
  throughput_ = {.available_flops = options_.available_flops,
                 .window_size = options_.window_size,
                 .separator = options_.separator};
  const Throughput checks(throughput_);
  if (!options_.batch_size_fn) {
    options_.batch_size_fn = [](const AnyBatch& batch) {
      return batch.size().samples.value_or(1);
    };
  }
}

std::optional<double> ThroughputMonitor::peak_of(const Trainer& trainer) const {
  if (options_.available_flops) return options_.available_flops;
  const Fabric& fabric = trainer.fabric();
  if (fabric.accelerator() != Accelerator::kCUDA) return std::nullopt;
  const auto model = nvidia_model();
  if (!model) return std::nullopt;
  return available_flops(*model, dtype_of(fabric.precision()));
}

void ThroughputMonitor::setup(Trainer& trainer, Module&, Stage) {
  need_logger(trainer, "ThroughputMonitor");
  if (const Clock* clock = trainer.options().seams.clock) clock_ = clock;
  throughput_.available_flops = peak_of(trainer);
  throughput_.world_size = trainer.world_size();
}

ThroughputMonitor::Watch& ThroughputMonitor::watch(Stage stage) {
  return watches_.try_emplace(stage, throughput_).first->second;
}

// -- one stage ---------------------------------------------------------------

void ThroughputMonitor::begin(Stage stage) {
  watches_.erase(stage);
  watch(stage).started = clock_->now();
}

void ThroughputMonitor::update(Stage stage, const AnyBatch& batch) {
  Watch& w = watch(stage);
  ThroughputCounts& counts = w.counts;
  counts.time = seconds(clock_->now() - w.started);
  counts.batches += 1;
  counts.samples += options_.batch_size_fn(batch);
  if (options_.length_fn) {
    counts.lengths = counts.lengths.value_or(0) + options_.length_fn(batch);
  }
  const auto before = w.throughput.last();
  if (options_.flops_per_batch && stage == Stage::kFit) {
    const bool waits = before && before->batches + 1 < counts.batches;
    counts.flops = (waits ? counts.flops.value_or(0) : 0) +
                   static_cast<double>(options_.flops_per_batch(batch));
  }
  ++w.of_pass;
  // Where the clock hasn't moved there is no rate: the batch is counted with
  // the next one.
  if (!before || counts.time > before->time) w.throughput.update(counts);
}

MetricMap ThroughputMonitor::named(Stage stage) {
  MetricMap metrics;
  for (const auto& [name, value] : watch(stage).throughput.compute()) {
    metrics[std::string(loop_name(stage)) + options_.separator + name] = value;
  }
  return metrics;
}

// -- training ----------------------------------------------------------------

void ThroughputMonitor::on_train_start(Trainer& trainer, Module&) {
  begin(Stage::kFit);
  global_step_ = trainer.global_step();
  if (loaded_.is_none()) return;
  const State state = std::exchange(loaded_, State());
  Watch& w = watch(Stage::kFit);
  w.throughput.load_state(state.at("window"));
  if (const auto last = w.throughput.last()) w.counts = *last;
  w.started = clock_->now() - from_seconds(state.at("time").as_double());
}

// A step that is made of several batches is reported when it was made.
void ThroughputMonitor::on_train_batch_end(Trainer& trainer, Module& module,
                                           const StepOutput&,
                                           const AnyBatch& batch,
                                           const StepContext&) {
  update(Stage::kFit, batch);
  const int64_t steps = trainer.global_step();
  const bool stepped = std::exchange(global_step_, steps) != steps;
  if (module.automatic_optimization && !stepped) return;
  if (trainer.logging_is_due()) trainer.log_metrics(named(Stage::kFit));
}

// -- evaluation --------------------------------------------------------------

void ThroughputMonitor::evaluated(Trainer& trainer, Stage stage,
                                  const AnyBatch& batch) {
  update(stage, batch);
  const Watch& w = watch(stage);
  const int64_t every = *trainer.options().log_every_n_steps;
  if (every == 0) return;
  if (w.of_pass % every != 0 && !trainer.should_stop()) return;
  // As the evaluation loop counts: within an epoch's validations, or this run.
  const int64_t step = trainer.function() == Stage::kFit
                           ? trainer.progress().validation.counts.total.ready
                           : w.counts.batches;
  trainer.log_metrics(named(stage), step);
}

void ThroughputMonitor::on_validation_start(Trainer& trainer, Module&) {
  if (!trainer.sanity_checking()) begin(Stage::kValidate);
}

void ThroughputMonitor::on_validation_batch_end(Trainer& trainer, Module&,
                                                const AnyBatch& batch,
                                                const StepContext&) {
  if (!trainer.sanity_checking()) evaluated(trainer, Stage::kValidate, batch);
}

// What lies between the training's last batch and now isn't the training's.
void ThroughputMonitor::on_validation_end(Trainer& trainer, Module&) {
  if (trainer.sanity_checking() || trainer.function() != Stage::kFit) return;
  Watch& training = watch(Stage::kFit);
  training.started = clock_->now() - from_seconds(training.counts.time);
}

void ThroughputMonitor::on_test_start(Trainer&, Module&) {
  begin(Stage::kTest);
}

void ThroughputMonitor::on_test_batch_end(Trainer& trainer, Module&,
                                          const AnyBatch& batch,
                                          const StepContext&) {
  evaluated(trainer, Stage::kTest, batch);
}

void ThroughputMonitor::on_predict_start(Trainer&, Module&) {
  begin(Stage::kPredict);
}

void ThroughputMonitor::on_predict_batch_end(Trainer& trainer, Module&,
                                             const Prediction&,
                                             const AnyBatch& batch,
                                             const StepContext&) {
  evaluated(trainer, Stage::kPredict, batch);
}

// -- state -------------------------------------------------------------------

State ThroughputMonitor::state() const {
  if (!loaded_.is_none()) return loaded_;
  const auto training = watches_.find(Stage::kFit);
  if (training == watches_.end()) return State::map();
  const Watch& w = training->second;
  return State::map({{"time", seconds(clock_->now() - w.started)},
                     {"window", w.throughput.state()}});
}

void ThroughputMonitor::load_state(const State& state) {
  if (state.is_map() && state.size() > 0) loaded_ = state;
}

}  // namespace bolt
