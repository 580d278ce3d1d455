#include <cmath>

#include "job.h"

namespace parity {

Json number(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return value;
}

Json metrics(const bolt::MetricMap& map) {
  Json values = Json::object();
  for (const auto& [name, value] : map) {
    const bool timed = name.ends_with("time") || name.ends_with("_per_sec");
    values[name] = timed ? Json(0.0) : number(value);
  }
  return values;
}

void Recorder::event(const std::string& name, std::optional<Json> more) {
  Json event = {name, trainer != nullptr ? trainer->current_epoch() : 0,
                trainer != nullptr ? trainer->global_step() : 0};
  if (more) event.push_back(std::move(*more));
  events.push_back(std::move(event));
}

void Recorder::clear() {
  events = Json::array();
  logger_calls = Json::array();
  lrs = Json::array();
  losses = Json::array();
}

namespace {

using bolt::AnyBatch;
using bolt::Module;
using bolt::StepContext;
using bolt::Trainer;

Json position(const StepContext& step) {
  Json at = {step.batch_idx};
  if (step.num_dataloaders > 1) at.push_back(step.dataloader_idx);
  return at;
}

class Recording final : public bolt::Callback {
 public:
  explicit Recording(Recorder& recorder) : recorder_(recorder) {}

  void setup(Trainer&, Module&, bolt::Stage stage) override {
    recorder_.event("cb:setup", to_string(stage));
  }
  void teardown(Trainer&, Module&, bolt::Stage stage) override {
    recorder_.event("cb:teardown", to_string(stage));
  }
  void on_exception(Trainer&, Module&, std::exception_ptr) override {
    recorder_.event("cb:on_exception");
  }
  void on_save_checkpoint(Trainer&, Module&, bolt::State&) override {
    recorder_.event("cb:on_save_checkpoint");
  }
  void on_load_checkpoint(Trainer&, Module&, const bolt::State&) override {
    recorder_.event("cb:on_load_checkpoint");
  }
  bolt::State state() const override {
    recorder_.event("cb:state_dict");
    return bolt::State::map({{"recorded", 1}});
  }
  void load_state(const bolt::State&) override {
    recorder_.event("cb:load_state_dict");
  }
  std::string state_key() const override { return "Recording"; }

#define PARITY_HOOK(hook) \
  void hook(Trainer&, Module&) override { recorder_.event("cb:" #hook); }
  PARITY_HOOK(on_fit_start)
  PARITY_HOOK(on_fit_end)
  PARITY_HOOK(on_sanity_check_start)
  PARITY_HOOK(on_sanity_check_end)
  PARITY_HOOK(on_train_start)
  PARITY_HOOK(on_train_end)
  PARITY_HOOK(on_train_epoch_start)
  PARITY_HOOK(on_train_epoch_end)
  PARITY_HOOK(on_validation_start)
  PARITY_HOOK(on_validation_end)
  PARITY_HOOK(on_validation_epoch_start)
  PARITY_HOOK(on_validation_epoch_end)
  PARITY_HOOK(on_test_start)
  PARITY_HOOK(on_test_end)
  PARITY_HOOK(on_test_epoch_start)
  PARITY_HOOK(on_test_epoch_end)
  PARITY_HOOK(on_predict_start)
  PARITY_HOOK(on_predict_end)
  PARITY_HOOK(on_predict_epoch_start)
  PARITY_HOOK(on_predict_epoch_end)
  PARITY_HOOK(on_after_backward)
#undef PARITY_HOOK

#define PARITY_BATCH(hook)                                               \
  void hook(Trainer&, Module&, const AnyBatch&, const StepContext& step) \
      override {                                                         \
    recorder_.event("cb:" #hook, position(step));                        \
  }
  PARITY_BATCH(on_train_batch_start)
  PARITY_BATCH(on_validation_batch_start)
  PARITY_BATCH(on_validation_batch_end)
  PARITY_BATCH(on_test_batch_start)
  PARITY_BATCH(on_test_batch_end)
  PARITY_BATCH(on_predict_batch_start)
#undef PARITY_BATCH

  void on_train_batch_end(Trainer&, Module&, const bolt::StepOutput&,
                          const AnyBatch&, const StepContext& step) override {
    recorder_.event("cb:on_train_batch_end", position(step));
  }
  void on_predict_batch_end(Trainer&, Module&, const bolt::Prediction&,
                            const AnyBatch&, const StepContext& step) override {
    recorder_.event("cb:on_predict_batch_end", position(step));
  }
  void on_before_zero_grad(Trainer&, Module&,
                           torch::optim::Optimizer&) override {
    recorder_.event("cb:on_before_zero_grad");
  }
  void on_before_backward(Trainer&, Module&, const at::Tensor&) override {
    recorder_.event("cb:on_before_backward");
  }
  void on_before_optimizer_step(Trainer&, Module&,
                                torch::optim::Optimizer&) override {
    recorder_.event("cb:on_before_optimizer_step");
  }

 private:
  Recorder& recorder_;
};

class RecordingLogger final : public bolt::Logger {
 public:
  explicit RecordingLogger(Recorder& recorder) : recorder_(recorder) {}

  std::string name() const override { return "record"; }
  std::string version() const override { return "version_0"; }
  void log_metrics(const bolt::MetricMap& logged, int64_t step) override {
    recorder_.logger_calls.push_back(
        {{"step", step}, {"metrics", metrics(logged)}});
  }

 private:
  Recorder& recorder_;
};

}  // namespace

std::shared_ptr<bolt::Callback> make_recording_callback(Recorder& recorder) {
  return std::make_shared<Recording>(recorder);
}

std::shared_ptr<bolt::Logger> make_recording_logger(Recorder& recorder) {
  return std::make_shared<RecordingLogger>(recorder);
}

}  // namespace parity
