#include <ATen/ATen.h>
#include <torchbolt/callbacks/base_prediction_writer.h>
#include <torchbolt/core/error.h>
#include <torchbolt/trainer/trainer.h>

#include <numeric>
#include <utility>

namespace bolt {
namespace {

[[noreturn]] void not_overridden(const char* function) {
  throw ConfigError({.where = "BasePredictionWriter",
                     .what = std::string(function) + " isn't overridden",
                     .tip = "override it, or choose another write interval"});
}

// The same tree with its tensors on the CPU.
State to_cpu(const State& value) {
  if (value.is_tensor()) return State(value.as_tensor().to(at::kCPU));
  if (value.is_map()) {
    State map = State::map();
    for (const auto& [key, item] : value.entries()) map.set(key, to_cpu(item));
    return map;
  }
  if (!value.is_list() && !value.is_tuple()) return value;
  std::vector<State> items;
  for (const State& item : value.items()) items.push_back(to_cpu(item));
  return value.is_list() ? State::list(std::move(items))
                         : State::tuple(std::move(items));
}

}  // namespace

WriteInterval parse_write_interval(std::string_view text) {
  if (text == "batch") return WriteInterval::kBatch;
  if (text == "epoch") return WriteInterval::kEpoch;
  if (text == "batch_and_epoch") return WriteInterval::kBatchAndEpoch;
  throw ConfigError({.where = "write_interval",
                     .what = "the value is not known",
                     .got = "\"" + std::string(text) + "\"",
                     .expected = "batch, epoch or batch_and_epoch"});
}

void BasePredictionWriter::write_on_batch_end(Trainer&, Module&,
                                              const Prediction&, const Indices&,
                                              const AnyBatch&,
                                              const StepContext&) {
  not_overridden("write_on_batch_end");
}

void BasePredictionWriter::write_on_epoch_end(
    Trainer&, Module&, const std::vector<std::vector<Prediction>>&,
    const std::vector<std::vector<Indices>>&) {
  not_overridden("write_on_epoch_end");
}

void BasePredictionWriter::on_predict_epoch_start(Trainer&, Module&) {
  seen_ = 0;
  predictions_.clear();
  indices_.clear();
}

void BasePredictionWriter::on_predict_batch_end(Trainer& trainer,
                                                Module& module,
                                                const Prediction& prediction,
                                                const AnyBatch& batch,
                                                const StepContext& step) {
  if (step.batch_idx == 0) seen_ = 0;
  Indices indices(static_cast<std::size_t>(batch.size().samples.value_or(0)));
  std::iota(indices.begin(), indices.end(), seen_);
  seen_ += static_cast<int64_t>(indices.size());
  if (interval_ != WriteInterval::kEpoch) {
    write_on_batch_end(trainer, module, prediction, indices, batch, step);
  }
  if (interval_ == WriteInterval::kBatch) return;
  const auto loaders = static_cast<std::size_t>(step.num_dataloaders);
  predictions_.resize(loaders);
  indices_.resize(loaders);
  const auto loader = static_cast<std::size_t>(step.dataloader_idx);
  predictions_[loader].push_back(to_cpu(prediction));
  indices_[loader].push_back(std::move(indices));
}

void BasePredictionWriter::on_predict_epoch_end(Trainer& trainer,
                                                Module& module) {
  if (interval_ == WriteInterval::kBatch) return;
  write_on_epoch_end(trainer, module, predictions_, indices_);
  predictions_.clear();
  indices_.clear();
}

}  // namespace bolt
