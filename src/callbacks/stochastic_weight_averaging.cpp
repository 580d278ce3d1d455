#include <ATen/ATen.h>
#include <torch/optim/optimizer.h>
#include <torchbolt/callbacks/stochastic_weight_averaging.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/log.h>
#include <torchbolt/core/number.h>
#include <torchbolt/trainer/trainer.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "callbacks/layers.h"

namespace bolt {
namespace {

constexpr const char* kSwa = "StochasticWeightAveraging";

[[noreturn]] void refuse(std::string what, std::string got,
                         std::string expected, std::string tip = {}) {
  throw ConfigError({.where = kSwa,
                     .what = std::move(what),
                     .got = std::move(got),
                     .expected = std::move(expected),
                     .tip = std::move(tip)});
}

bool has_batch_norms(Module& module) {
  return std::ranges::any_of(layers_of(module), [](torch::nn::Module* layer) {
    return as_batch_norm(*layer).has_value();
  });
}

}  // namespace

StochasticWeightAveraging::StochasticWeightAveraging(
    StochasticWeightAveragingOptions options)
    : options_(std::move(options)) {
  if (options_.swa_lrs.empty()) {
    refuse("swa_lrs is empty", "{}", "a learning rate, or one for each group");
  }
  for (const double lr : options_.swa_lrs) {
    if (lr > 0 && std::isfinite(lr)) continue;
    refuse("a learning rate is out of range", shortest(lr), "more than 0");
  }
  const CountOrShare& start = options_.swa_epoch_start;
  if (start.is_count() ? start.count() < 1
                       : !(start.share() >= 0 && start.share() <= 1)) {
    refuse("swa_epoch_start is out of range", start.text(),
           "an epoch from 1 on, or a share from 0.0 to 1.0");
  }
  if (options_.annealing_epochs < 0) {
    refuse("annealing_epochs is negative",
           std::to_string(options_.annealing_epochs), "at least 0");
  }
}

StochasticWeightAveraging::StochasticWeightAveraging(
    const StochasticWeightAveraging& other)
    : Callback(other), options_(other.options_), loaded_(other.loaded_) {}

// -- before training ---------------------------------------------------------

void StochasticWeightAveraging::collect(Module& module) {
  names_.clear();
  average_.clear();
  schedule_.reset();
  schedule_state_ = {};
  n_averaged_ = 0;
  latest_update_epoch_ = -1;
  for (const auto& item : module.named_parameters()) {
    names_.push_back(item.key());
    average_.push_back(item.value().detach().clone());
  }
  if (!loaded_.is_none()) load_average();
}

void StochasticWeightAveraging::on_fit_start(Trainer& trainer, Module& module) {
  if (trainer.optimizers().size() != 1) {
    refuse("averaging works with one optimizer",
           std::to_string(trainer.optimizers().size()), "1");
  }
  auto& schedules = trainer.lr_scheduler_configs();
  if (schedules.size() > 1) {
    refuse(
        "averaging takes the place of a schedule, of which there are several",
        std::to_string(schedules.size()), "at most 1");
  }
  const std::size_t groups =
      trainer.optimizers().front()->param_groups().size();
  if (options_.swa_lrs.size() != 1 && options_.swa_lrs.size() != groups) {
    refuse("swa_lrs has not one learning rate for each parameter group",
           std::to_string(options_.swa_lrs.size()),
           "1 or " + std::to_string(groups));
  }
  collect(module);
  max_epochs_ = trainer.max_epochs();
  const CountOrShare& start = options_.swa_epoch_start;
  if (!start.is_count() && max_epochs_ == -1) {
    refuse("swa_epoch_start as a share needs a limit of epochs",
           "max_epochs=-1", "max_epochs, or an epoch such as 20");
  }
  const int64_t epoch =
      start.is_count() ? start.count()
                       : static_cast<int64_t>(static_cast<double>(max_epochs_) *
                                              start.share());
  start_ = std::max<int64_t>(epoch - 1, 0);
  has_batch_norm_ = has_batch_norms(module);
  if (adds_epoch()) {
    if (!module.automatic_optimization) {
      refuse(
          "batch normalizations are measured in an epoch without steps, and "
          "the module makes its steps by hand",
          "automatic_optimization = false", "true");
    }
    trainer.set_max_epochs(max_epochs_ + 1);
  }
  if (!module.automatic_optimization) {
    log_warning(
        "[StochasticWeightAveraging] the module optimizes by hand, so that "
        "nobody but its training_step steps the schedule: from the epoch "
        "swa_epoch_start on, lr_schedulers() has it; step it after each epoch, "
        "or swa_lrs has no effect");
  }
  // What the checkpoint has of schedules is for this one by now.
  if (!schedule_state_.is_none()) swap_schedule(trainer);
}

// -- epochs ------------------------------------------------------------------

void StochasticWeightAveraging::on_train_epoch_start(Trainer& trainer,
                                                     Module& module) {
  const int64_t epoch = trainer.current_epoch();
  const bool within =
      epoch >= start_ && (max_epochs_ == -1 || epoch < max_epochs_);
  if (within && schedule_ == nullptr) swap_schedule(trainer);
  if (within && epoch > latest_update_epoch_) {
    update(module);
    latest_update_epoch_ = epoch;
  }
  if (adds_epoch() && epoch == max_epochs_) {
    begin_batch_norm_epoch(trainer, module);
  }
}

void StochasticWeightAveraging::swap_schedule(Trainer& trainer) {
  const auto& optimizer = trainer.optimizers().front();
  const std::vector<double>& lrs = options_.swa_lrs;
  schedule_ = std::make_shared<optim::SWALR>(
      optimizer, optim::SWALROptions{
                     .swa_lr = lrs.size() == 1 ? optim::PerGroup(lrs[0]) : lrs,
                     .anneal_epochs = options_.annealing_epochs,
                     .anneal_strategy = options_.annealing_strategy});
  if (!schedule_state_.is_none()) {
    schedule_->load_state(schedule_state_);
  } else if (trainer.current_epoch() != start_) {
    log_warning(
        "[StochasticWeightAveraging] begins after swa_epoch_start, without a "
        "state to go on from");
  }
  auto& schedules = trainer.lr_scheduler_configs();
  if (!schedules.empty()) {
    const LRSchedulerConfig& before = schedules.front();
    if (before.interval != Interval::kEpoch || before.frequency != 1) {
      log_warning(
          "[StochasticWeightAveraging] steps once per epoch, and takes the "
          "place of a schedule that steps at other times");
    }
    log_info(
        "[StochasticWeightAveraging] its schedule takes the place of the "
        "module's");
  }
  schedules.clear();
  schedules.push_back({.scheduler = LRScheduler(schedule_)});
}

void StochasticWeightAveraging::update(Module& module) {
  const at::NoGradGuard no_grad;
  std::size_t k = 0;
  for (const auto& item : module.named_parameters()) {
    at::Tensor& average = average_[k++];
    const at::Device device = options_.device.value_or(item.value().device());
    if (average.device() != device) average = average.to(device);
    const at::Tensor now = item.value().detach().to(device);
    if (n_averaged_ == 0) {
      average.copy_(now);
    } else if (options_.avg_fn) {
      average.copy_(options_.avg_fn(average, now, n_averaged_));
    } else {
      average.add_((now - average).div_(n_averaged_ + 1));
    }
  }
  ++n_averaged_;
}

void StochasticWeightAveraging::transfer(Module& module) const {
  const at::NoGradGuard no_grad;
  std::size_t k = 0;
  for (auto& item : module.named_parameters()) {
    item.value().copy_(average_[k++]);
  }
}

void StochasticWeightAveraging::begin_batch_norm_epoch(Trainer& trainer,
                                                       Module& module) {
  transfer(module);
  const at::NoGradGuard no_grad;
  for (torch::nn::Module* layer : layers_of(module)) {
    auto norm = as_batch_norm(*layer);
    if (!norm || !norm->running_mean.defined()) continue;
    norm->running_mean.zero_();
    norm->running_var.fill_(1);
    norm->num_batches_tracked.zero_();
    set_momentum(momenta_, *norm, std::nullopt);  // the mean over all batches
  }
  trainer.set_forward_only(true);
}

void StochasticWeightAveraging::on_train_epoch_end(Trainer& trainer, Module&) {
  trainer.set_forward_only(false);
}

void StochasticWeightAveraging::on_train_end(Trainer& trainer, Module& module) {
  const int64_t last = trainer.current_epoch() - 1;
  if (adds_epoch()) {
    trainer.set_max_epochs(max_epochs_);
    restore_momenta(momenta_);
    if (last == max_epochs_) return;  // the average is in place
  }
  if (last == max_epochs_ - 1 || max_epochs_ == -1) {
    if (n_averaged_ == 0) return;
    transfer(module);
    if (has_batch_norm_) {
      log_warning(
          "[StochasticWeightAveraging] the epoch in which batch "
          "normalizations are measured didn't run: their statistics are still "
          "those of the weights of training");
    }
  } else if (n_averaged_ > 0) {
    log_info(
        "[StochasticWeightAveraging] the fit ends before its last epoch: the "
        "module keeps the weights of training");
  }
}

// Where there was nothing left to train, on_train_end isn't called.
void StochasticWeightAveraging::on_fit_end(Trainer& trainer, Module&) {
  if (adds_epoch()) trainer.set_max_epochs(max_epochs_);
}

void StochasticWeightAveraging::on_exception(Trainer& trainer, Module&,
                                             std::exception_ptr) {
  trainer.set_forward_only(false);
  restore_momenta(momenta_);
}

// -- state -------------------------------------------------------------------

State StochasticWeightAveraging::weights() const {
  State map = State::map();
  for (std::size_t k = 0; k < names_.size(); ++k) {
    map[std::string_view(names_[k])] = average_[k];
  }
  return map;
}

State StochasticWeightAveraging::state() const {
  if (!loaded_.is_none()) return loaded_;
  return State::map(
      {{"n_averaged", n_averaged_},
       {"latest_update_epoch", latest_update_epoch_},
       {"scheduler_state", schedule_ ? schedule_->state() : schedule_state_},
       {"average_model_state", weights()}});
}

// Whose weights they are shows as the next fit starts.
void StochasticWeightAveraging::load_state(const State& state) {
  loaded_ = state.clone();
}

void StochasticWeightAveraging::load_average() {
  const State state = std::exchange(loaded_, State());
  const State& average = state.at("average_model_state");
  const at::NoGradGuard no_grad;
  for (std::size_t k = 0; k < names_.size(); ++k) {
    const State* found = average.find(std::string_view(names_[k]));
    if (found == nullptr ||
        !found->as_tensor().sizes().equals(average_[k].sizes())) {
      throw CheckpointError(
          {.where = kSwa,
           .what = "the averaged weights are another module's",
           .got = found == nullptr ? "no " + names_[k]
                                   : names_[k] + " of another shape"});
    }
  }
  for (std::size_t k = 0; k < names_.size(); ++k) {
    average_[k].copy_(average.at(std::string_view(names_[k])).as_tensor());
  }
  n_averaged_ = state.at("n_averaged").as_int();
  latest_update_epoch_ = state.at("latest_update_epoch").as_int();
  schedule_state_ = state.at("scheduler_state");
}

}  // namespace bolt
