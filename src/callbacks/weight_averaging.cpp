#include <ATen/ATen.h>
#include <torchbolt/callbacks/stochastic_weight_averaging.h>
#include <torchbolt/callbacks/weight_averaging.h>
#include <torchbolt/checkpoint/state_dict.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/log.h>
#include <torchbolt/data/batch.h>
#include <torchbolt/trainer/trainer.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <typeinfo>
#include <unordered_set>
#include <utility>
#include <vector>

namespace bolt {
namespace {

void copy_from(const std::vector<at::Tensor>& from, std::vector<at::Tensor>& to,
               std::size_t begin) {
  for (std::size_t k = begin; k < from.size(); ++k) to[k].copy_(from[k]);
}

}  // namespace

bool WeightAveraging::should_update(std::optional<int64_t> step_idx,
                                    std::optional<int64_t>) const {
  return step_idx.has_value();
}

// The module is on its device here, and nothing has been validated yet.
void WeightAveraging::on_fit_start(Trainer& trainer, Module& module) {
  refuse_others(trainer);
  const bool begins_anew = loaded_.is_none();
  fitting_ = true;
  handed_over_ = false;
  collect(module);
  // Steps of a fit before, maybe of another Trainer, aren't this one's.
  if (begins_anew) latest_update_step_ = trainer.global_step();
}

// Each would put its average into the module, and take what the other put there
// for the weights of training.
void WeightAveraging::refuse_others(const Trainer& trainer) const {
  for (const auto& callback : trainer.callbacks()) {
    const Callback& other = *callback;
    if (&other == this ||
        (dynamic_cast<const WeightAveraging*>(&other) == nullptr &&
         dynamic_cast<const StochasticWeightAveraging*>(&other) == nullptr)) {
      continue;
    }
    const WeightAveraging& own = *this;
    throw ConfigError(
        {.where = type_name(typeid(own)),
         .what = "another callback averages the weights too, and the module "
                 "can have one average in the end",
         .got = type_name(typeid(other)),
         .tip = "leave one of them out"});
  }
}

void WeightAveraging::collect(Module& module) {
  names_.clear();
  aliases_.clear();
  live_.clear();
  average_.clear();
  std::vector<std::pair<std::string, at::Tensor>> rest;
  std::vector<std::pair<std::string, at::TensorImpl*>> again;
  std::unordered_set<at::TensorImpl*> seen;
  const auto add = [&](const std::string& name, const at::Tensor& tensor) {
    if (!tensor.defined()) return;
    at::TensorImpl* const object = tensor.unsafeGetTensorImpl();
    if (!seen.insert(object).second) {
      again.emplace_back(name, object);
      return;
    }
    if (!tensor.is_floating_point()) {
      rest.emplace_back(name, tensor);
      return;
    }
    names_.push_back(name);
    live_.push_back(tensor);
  };
  for (const auto& item : module.named_parameters()) {
    add(item.key(), item.value());
  }
  if (use_buffers_) {
    for (const auto& item : module.named_buffers()) {
      add(item.key(), item.value());
    }
  }
  floating_ = live_.size();
  for (auto& [name, tensor] : rest) {
    names_.push_back(std::move(name));
    live_.push_back(std::move(tensor));
  }
  for (auto& [name, object] : again) {
    const auto found =
        std::ranges::find(live_, object, &at::Tensor::unsafeGetTensorImpl);
    aliases_.emplace_back(std::move(name),
                          static_cast<std::size_t>(found - live_.begin()));
  }
  const at::NoGradGuard no_grad;
  for (at::Tensor& tensor : live_) {
    tensor = tensor.detach();  // shares memory: it is seen as it changes
    average_.push_back(tensor.clone());
  }
  restore();
}

void WeightAveraging::restore() {
  if (loaded_.is_none()) {
    n_averaged_ = 0;
    return;
  }
  const State state = std::exchange(loaded_, State());
  const State& average = state.at("average");
  const at::NoGradGuard no_grad;
  for (std::size_t k = 0; k < names_.size(); ++k) {
    const State* found = average.find(std::string_view(names_[k]));
    if (found == nullptr) {
      throw CheckpointError(
          {.where = "WeightAveraging",
           .what = "the averaged weights are another module's",
           .got =
               std::to_string(average.size()) + " tensors without " + names_[k],
           .expected = std::to_string(names_.size())});
    }
    const at::Tensor& tensor = found->as_tensor();
    if (!tensor.sizes().equals(average_[k].sizes())) {
      throw CheckpointError({.where = "WeightAveraging",
                             .what = "the average of " + names_[k] +
                                     " has another shape than the weights"});
    }
    average_[k].copy_(tensor);
  }
  n_averaged_ = state.at("n_averaged").as_int();
  latest_update_step_ = state.at("latest_update_step").as_int();
}

void WeightAveraging::on_train_batch_end(Trainer& trainer, Module&,
                                         const StepOutput&, const AnyBatch&,
                                         const StepContext&) {
  const int64_t steps = trainer.global_step();
  if (steps <= latest_update_step_ || !should_update(steps - 1, {})) return;
  update();
  latest_update_step_ = steps;
}

void WeightAveraging::on_train_epoch_end(Trainer& trainer, Module&) {
  if (should_update({}, trainer.current_epoch())) update();
}

void WeightAveraging::update() {
  const at::NoGradGuard no_grad;
  if (n_averaged_ == 0) {
    copy_from(live_, average_, 0);
    ++n_averaged_;
    return;
  }
  const double weight = weight_of_update();
  ++n_averaged_;
  const at::TensorList average = average_;
  const at::TensorList live = live_;
  at::_foreach_lerp_(average.slice(0, floating_), live.slice(0, floating_),
                     weight);
  copy_from(live_, average_, floating_);
}

void WeightAveraging::swap() {
  const at::NoGradGuard no_grad;
  for (std::size_t k = 0; k < live_.size(); ++k) {
    const at::Tensor kept = live_[k].clone();
    live_[k].copy_(average_[k]);
    average_[k].copy_(kept);
  }
  swapped_ = !swapped_;
}

void WeightAveraging::on_validation_epoch_start(Trainer& trainer, Module&) {
  if (trainer.function() == Stage::kFit && !swapped_) swap();
}

void WeightAveraging::on_validation_epoch_end(Trainer&, Module&) {
  if (swapped_) swap();
}

void WeightAveraging::on_train_end(Trainer&, Module&) {
  if (n_averaged_ == 0) {
    log_warning(
        "[WeightAveraging] nothing was averaged: the fit ended before the "
        "first update, and the module gets the weights that it began with");
  }
  hand_over();
}

void WeightAveraging::hand_over() {
  const at::NoGradGuard no_grad;
  copy_from(average_, live_, 0);
  handed_over_ = true;
}

// A run that was killed behind its last epoch has nothing left to train when it
// goes on, and no on_train_end.
void WeightAveraging::on_fit_end(Trainer& trainer, Module&) {
  const Counts& epochs = trainer.progress().epochs.current;
  const bool is_whole = epochs.ready == epochs.completed;
  if (!handed_over_ && n_averaged_ > 0 && is_whole) hand_over();
  fitting_ = false;
}

// Training may go on from the weights that it had.
void WeightAveraging::on_exception(Trainer&, Module&, std::exception_ptr) {
  fitting_ = false;
  if (swapped_) swap();
}

State WeightAveraging::named(const std::vector<at::Tensor>& tensors) const {
  State map = State::map();
  for (std::size_t k = 0; k < names_.size(); ++k) {
    map[std::string_view(names_[k])] = tensors[k];
  }
  for (const auto& [name, k] : aliases_) {
    map[std::string_view(name)] = tensors[k];
  }
  return map;
}

State WeightAveraging::state() const {
  if (!loaded_.is_none()) return loaded_;
  if (names_.empty()) return State::map();
  return State::map({{"n_averaged", n_averaged_},
                     {"latest_update_step", latest_update_step_},
                     {"average", named(swapped_ ? live_ : average_)}});
}

// As Lightning's files have it: who loads the weights alone, gets the average.
void WeightAveraging::on_save_checkpoint(Trainer&, Module&, State& checkpoint) {
  if (!fitting_) return;  // the module has the average, for good
  const auto tensors = [&](bool average) {
    const auto& found = average == swapped_ ? live_ : average_;
    if (!swapped_) return found;
    // They change places again before the file is written.
    std::vector<at::Tensor> kept;
    for (const at::Tensor& tensor : found) kept.push_back(tensor.clone());
    return kept;
  };
  const std::vector<at::Tensor> average = tensors(true), own = tensors(false);
  State& averaged = checkpoint["state_dict"];
  State current = State::map();
  for (const auto& [name, value] : averaged.entries()) current.set(name, value);
  for (std::size_t k = 0; k < names_.size(); ++k) {
    averaged.set(names_[k], average[k]);
    current.set(names_[k], own[k]);
  }
  for (const auto& [name, k] : aliases_) {
    averaged.set(name, average[k]);
    current.set(name, own[k]);
  }
  checkpoint["current_model_state"] = std::move(current);
  checkpoint["averaging_state"] =
      State::map({{"n_averaged", at::scalar_tensor(n_averaged_, at::kLong)}});
  // The file has the average once.
  checkpoint["callbacks"].set(
      state_key(), State::map({{"latest_update_step", latest_update_step_}}));
}

void WeightAveraging::on_load_checkpoint(Trainer& trainer, Module& module,
                                         const State& checkpoint) {
  if (trainer.function() != Stage::kFit) return;
  const State* own = checkpoint.find("current_model_state");
  const State* counts = checkpoint.find("averaging_state");
  if (own == nullptr || counts == nullptr) {
    const State* states = checkpoint.find("callbacks");
    const State* state = states == nullptr
                             ? nullptr
                             : states->find(std::string_view(state_key()));
    if (state == nullptr || !state->is_map() || !state->find("average")) {
      log_warning(
          "[WeightAveraging] the checkpoint has no average: it begins anew "
          "with the checkpoint's weights");
    }
    return;
  }
  try {
    load_state_dict(module, *own, module.strict_loading);
    const double count = counts->at("n_averaged").as_double();  // a tensor
    if (!(count >= 0 && count <= 0x1p60)) {
      throw Error({.where = "n_averaged", .what = "a count is out of range"});
    }
    loaded_ = State::map({{"n_averaged", static_cast<int64_t>(count)},
                          {"latest_update_step", 0},
                          {"average", checkpoint.at("state_dict").clone()}});
  } catch (const Error& error) {
    throw CheckpointError({.where = "WeightAveraging",
                           .what = "the average can't be taken back",
                           .got = error.what()});
  }
}

void WeightAveraging::load_state(const State& state) {
  if (!state.is_map() || state.size() == 0) return;
  if (state.find("average") == nullptr) {
    // The rest stands in the checkpoint itself: see on_load_checkpoint.
    const int64_t step = state.at("latest_update_step").as_int();
    if (!loaded_.is_none()) loaded_["latest_update_step"] = step;
    return;
  }
  state.at("n_averaged").as_int();
  state.at("latest_update_step").as_int();
  for (const auto& [name, tensor] : state.at("average").entries()) {
    tensor.as_tensor();
  }
  loaded_ = state.clone();
  if (fitting_) restore();  // else it is for the fit that comes
}

}  // namespace bolt
