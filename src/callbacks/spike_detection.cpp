#include <ATen/core/Tensor.h>
#include <torch/optim/optimizer.h>
#include <torchbolt/callbacks/spike_detection.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/log.h>
#include <torchbolt/core/number.h>
#include <torchbolt/engine/precision_plugin.h>
#include <torchbolt/trainer/trainer.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>
#include <string>
#include <utility>

namespace bolt {
namespace {

std::vector<std::pair<const void*, uint32_t>> gradients_of(
    const torch::optim::Optimizer& optimizer) {
  std::vector<std::pair<const void*, uint32_t>> all;
  for (const auto& group : optimizer.param_groups()) {
    for (const at::Tensor& parameter : group.params()) {
      const at::Tensor& grad = parameter.grad();
      all.emplace_back(grad.unsafeGetTensorImpl(),
                       grad.defined() ? grad._version() : 0);
    }
  }
  return all;
}

}  // namespace

SpikeDetection::SpikeDetection(SpikeDetectionOptions options)
    : options_(options) {
  const auto need = [](bool good, const char* name, const std::string& got,
                       const char* expected) {
    if (good) return;
    throw ConfigError({.where = "SpikeDetection",
                       .what = std::string(name) + " is out of range",
                       .got = got,
                       .expected = expected});
  };
  need(options_.window >= 1, "window", std::to_string(options_.window),
       "at least 1");
  need(options_.warmup >= 0, "warmup", std::to_string(options_.warmup),
       "at least 0");
  for (const auto& [name, value] :
       {std::pair("atol", options_.atol), std::pair("rtol", options_.rtol)}) {
    need(!value || *value >= 0, name, shortest(value.value_or(0)),
         "at least 0");
  }
}

void SpikeDetection::on_train_batch_start(Trainer&, Module&, const AnyBatch&,
                                          const StepContext& step) {
  batch_idx_ = step.batch_idx;
}

// The optimizers of a fit before are gone.
void SpikeDetection::on_fit_start(Trainer&, Module&) {
  before_.clear();
  if (!std::exchange(restarting_, false)) leaving_out_.clear();
}

void SpikeDetection::on_before_backward(Trainer& trainer, Module& module,
                                        const at::Tensor& loss) {
  const PrecisionPlugin* precision = trainer.fabric().precision_plugin();
  const double scale = precision != nullptr ? precision->loss_scale() : 1;
  const double value = loss.item<double>() / scale *
                       static_cast<double>(trainer.accumulate_grad_batches());
  if (!trainer.fabric().any(is_spike(value))) {
    remember(value);
    return;
  }
  const int64_t epoch = trainer.current_epoch();
  spikes_.push_back({epoch, batch_idx_, value});
  ErrorText found{
      .where = "SpikeDetection",
      .what = "the loss of batch " + std::to_string(batch_idx_) + " of epoch " +
              std::to_string(epoch) +
              (std::isfinite(value) ? " is a spike" : " is not finite"),
      .got = brief(value),
      .tip =
          "look at that batch, lower the learning rate, or "
          "clip gradients"};
  if (options_.action == SpikeAction::kThrow) {
    throw TrainingSpikeError(std::move(found), epoch, batch_idx_);
  }
  log_warning("[" + found.where + "] " + found.what + " (" + found.got +
              "); the step is left out");
  if (module.automatic_optimization) {
    for (std::size_t k = 0; k < trainer.optimizers().size(); ++k) {
      leaving_out_.insert(k);
    }
  } else {
    for (const auto& optimizer : trainer.optimizers()) {
      before_.push_back(gradients_of(*optimizer));
    }
  }
  if (options_.action == SpikeAction::kStop) trainer.request_stop();
}

void SpikeDetection::on_after_backward(Trainer& trainer, Module&) {
  const auto before = std::exchange(before_, {});
  for (std::size_t k = 0; k < before.size(); ++k) {
    if (gradients_of(*trainer.optimizers()[k]) != before[k]) {
      leaving_out_.insert(k);
    }
  }
}

// An optimizer passes over parameters without a gradient, so that its moments
// stay as they are too.
void SpikeDetection::on_before_optimizer_step(
    Trainer& trainer, Module&, torch::optim::Optimizer& optimizer) {
  if (leaving_out_.empty()) return;
  const auto& all = trainer.optimizers();
  const auto found = std::ranges::find(
      all, &optimizer, [](const auto& each) { return each.get(); });
  if (leaving_out_.erase(static_cast<std::size_t>(found - all.begin())) > 0) {
    optimizer.zero_grad(true);
  }
}

bool SpikeDetection::is_spike(double loss) const {
  if (!std::isfinite(loss)) return options_.finite_only;
  if (recent_.empty() ||
      std::ssize(recent_) < std::min(options_.warmup, options_.window)) {
    return false;
  }
  const bool better =
      options_.mode == Mode::kMin ? loss <= last_ : loss >= last_;
  if (better) return false;
  const double mean = std::accumulate(recent_.begin(), recent_.end(), 0.0) /
                      static_cast<double>(recent_.size());
  const double away = std::abs(loss - mean);
  return (!options_.atol || away >= *options_.atol) &&
         (!options_.rtol || away >= std::abs(*options_.rtol * mean));
}

void SpikeDetection::remember(double loss) {
  if (!std::isfinite(loss)) return;
  last_ = loss;
  recent_.push_back(loss);
  if (std::ssize(recent_) > options_.window) recent_.pop_front();
}

State SpikeDetection::state() const {
  State recent = State::list();
  for (const double loss : recent_) recent.push_back(loss);
  State spikes = State::list();
  for (const Spike& s : spikes_) {
    spikes.push_back(State::tuple({s.epoch, s.batch_idx, s.loss}));
  }
  State leaving_out = State::list();
  for (const std::size_t k : leaving_out_) {
    leaving_out.push_back(static_cast<int64_t>(k));
  }
  return State::map({{"last", last_},
                     {"recent", recent},
                     {"leaving_out", leaving_out},
                     {"spikes", spikes}});
}

void SpikeDetection::load_state(const State& state) {
  last_ = state.at("last").as_double();
  leaving_out_.clear();
  // Files of earlier versions lack it.
  if (const State* positions = state.find("leaving_out")) {
    for (const State& k : positions->items()) {
      leaving_out_.insert(static_cast<std::size_t>(k.as_int()));
    }
  }
  restarting_ = true;
  recent_.clear();
  for (const State& loss : state.at("recent").items()) {
    recent_.push_back(loss.as_double());
  }
  spikes_.clear();
  for (const State& s : state.at("spikes").items()) {
    const auto& of = s.items();
    if (of.size() != 3) {
      throw CheckpointError({.where = "SpikeDetection",
                             .what = "an entry of spikes isn't whole",
                             .got = s.to_string(),
                             .expected = "(epoch, batch, loss)"});
    }
    spikes_.push_back({of[0].as_int(), of[1].as_int(), of[2].as_double()});
  }
}

}  // namespace bolt
