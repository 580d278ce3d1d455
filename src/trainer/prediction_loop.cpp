#include "trainer/prediction_loop.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <utility>

#include "trainer/checks.h"
#include "trainer/core.h"
#include "trainer/modes.h"

namespace bolt::detail {
namespace {

// The same tree with its tensors on the CPU.
State to_cpu(const State& value) {
  if (value.is_tensor()) return State(value.as_tensor().to(at::kCPU));
  if (value.is_list() || value.is_tuple()) {
    std::vector<State> items;
    for (const State& item : value.items()) items.push_back(to_cpu(item));
    return value.is_list() ? State::list(std::move(items))
                           : State::tuple(std::move(items));
  }
  if (value.is_map()) {
    State map = State::map({});
    for (const auto& [key, item] : value.entries()) map.set(key, to_cpu(item));
    return map;
  }
  return value;
}

}  // namespace

void PredictionLoop::setup_data() {
  max_batches_.clear();
  if (core_.limit(DataStage::kPredict).is_zero()) return;
  Loaders loaders = core_.request_loaders(DataStage::kPredict);
  max_batches_ = core_.limits(DataStage::kPredict, loaders);
  fetcher_.emplace(std::move(loaders), max_batches_);
}

void PredictionLoop::release() {
  const std::optional<Fetcher> fetcher = std::exchange(fetcher_, std::nullopt);
  if (fetcher) close_loaders(fetcher->loaders(), core_.options);
}

Predictions PredictionLoop::run(bool collect) {
  const c10::InferenceMode inference_mode(core_.options.inference_mode);
  const at::NoGradGuard no_grad;
  setup_data();
  if (std::ranges::all_of(max_batches_, [](int64_t n) { return n == 0; })) {
    return {};
  }
  progress_.reset_current();
  fetcher_->start(std::nullopt);
  note_modes(*core_.module);
  core_.hook_module(Hook::kOnModelEval,
                    [](Module& m) { m.on_predict_model_eval(); });
  core_.hook(Hook::kOnPredictStart, &Callback::on_predict_start,
             &Module::on_predict_start);
  core_.hook(Hook::kOnPredictEpochStart, &Callback::on_predict_epoch_start,
             &Module::on_predict_epoch_start);

  Predictions predictions(max_batches_.size());
  while (Fetcher::Fetched* fetched = fetcher_->next()) {
    progress_.is_last_batch = fetcher_->done();
    Prediction prediction = step(*fetched);
    if (collect) {
      predictions[static_cast<std::size_t>(fetched->dataloader_idx)].push_back(
          to_cpu(prediction));
    }
    fetched->batch.reset();
    core_.signals.check();
  }

  core_.hook(Hook::kOnPredictEpochEnd, &Callback::on_predict_epoch_end,
             &Module::on_predict_epoch_end);
  core_.hook(Hook::kOnPredictEnd, &Callback::on_predict_end,
             &Module::on_predict_end);
  restore_modes(*core_.module);
  return collect ? predictions : Predictions{};
}

Prediction PredictionLoop::step(Fetcher::Fetched& fetched) {
  core_.transfer(fetched.batch, fetched.dataloader_idx);
  StepContext context{
      .batch_idx = fetched.batch_idx,
      .dataloader_idx = fetched.dataloader_idx,
      .num_dataloaders = static_cast<int64_t>(max_batches_.size())};
  Module& module = *core_.module;
  progress_.counts.increment_ready();
  {
    const HookScope scope(module, Hook::kOnPredictBatchStart);
    for (const auto& callback : core_.callbacks) {
      callback->on_predict_batch_start(core_.trainer, module, fetched.batch,
                                       context);
    }
    (module.*TrainerAccess::on_predict_batch_start)(fetched.batch, context);
  }
  progress_.counts.increment_started();
  Prediction prediction;
  {
    const HookScope scope(module, Hook::kPredictStep);
    const auto autocast = core_.fabric.autocast();
    prediction =
        core_.module_hooks.predict_step
            ? (module.*TrainerAccess::predict_step)(fetched.batch, context)
            : core_.module_hooks.forward(module, fetched.batch);
  }
  if (prediction.is_none()) {
    core_.once.warning("[predict_step] returned nothing");
  }
  progress_.counts.increment_processed();
  {
    const HookScope scope(module, Hook::kOnPredictBatchEnd);
    for (const auto& callback : core_.callbacks) {
      callback->on_predict_batch_end(core_.trainer, module, prediction,
                                     fetched.batch, context);
    }
    (module.*TrainerAccess::on_predict_batch_end)(prediction, fetched.batch,
                                                  context);
  }
  progress_.counts.increment_completed();
  return prediction;
}

}  // namespace bolt::detail
