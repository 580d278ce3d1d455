#include <algorithm>
#include <cmath>

#include "job.h"

namespace parity {

using bolt::StepContext;

namespace {

Json position(const StepContext& step) {
  Json at = {step.batch_idx};
  if (step.num_dataloaders > 1) at.push_back(step.dataloader_idx);
  return at;
}

double plain(const Json& value) {
  if (!value.is_string()) return value.get<double>();
  const auto text = value.get<std::string>();
  constexpr double kInf = std::numeric_limits<double>::infinity();
  if (text == "inf") return kInf;
  if (text == "-inf") return -kInf;
  return std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

// `B`: a Batch, or the Parts of several.
template <class B>
class Model final : public bolt::LightningModule<B> {
  using bolt::Module::current_epoch;
  using bolt::Module::global_step;
  using bolt::Module::log;
  using bolt::Module::register_parameter;
  using bolt::Module::trainer;

 public:
  Model(Json spec, const Json& data, Recorder& recorder)
      : spec_(std::move(spec)), recorder_(recorder) {
    w = register_parameter("w", torch::tensor({0.5F, -0.25F}));
    if (spec_.value("backbone", false)) {
      backbone_ = std::make_shared<Backbone>();
      this->register_module("backbone", backbone_);
    }
    if (spec_.contains("manual")) {
      this->automatic_optimization = false;
      v = register_parameter("v", torch::tensor({-0.5F, 0.75F}));
    }
    const auto has = [&](const char* stage, const char* step) {
      const auto& without = spec_.value("without", Json::array());
      return data.contains(stage) && !data[stage].empty() &&
             std::ranges::find(without, step) == without.end();
    };
    hooks_ = bolt::module_hooks_of<Model>();
    hooks_.data = {};
    hooks_.validation_step = has("val", "validation_step");
    hooks_.test_step = has("test", "test_step");
    hooks_.predict_step = has("predict", "predict_step");
  }

  std::optional<bolt::ModuleHooks> hooks() const override { return hooks_; }

  // -- steps
  bolt::StepOutput training_step(const B& batch, StepContext& step) override {
    batch_idx_ = step.batch_idx;
    recorder_.event("mod:training_step", training_event(batch, step));
    if (listed("none_loss_at", "training_step")) {
      act("training_step");
      return {};
    }
    if (spec_.contains("manual")) {
      manual_step(batch, step.batch_idx);
      act("training_step");
      return {};
    }
    const torch::Tensor loss = compute(batch, w);
    loss_ = loss.detach();
    recorder_.losses.push_back(number(loss.item<double>()));
    act("training_step");
    return loss;
  }
  void validation_step(const B& batch, StepContext& step) override {
    evaluate("validation_step", batch, step);
  }
  void test_step(const B& batch, StepContext& step) override {
    evaluate("test_step", batch, step);
  }
  bolt::Prediction predict_step(const B& batch, StepContext& step) override {
    evaluate("predict_step", batch, step);
    return loss_;
  }

  // -- hooks that only record
  void prepare_data() override { recorder_.event("mod:prepare_data"); }
  void setup(bolt::Stage stage) override {
    recorder_.event("mod:setup", to_string(stage));
  }
  void teardown(bolt::Stage stage) override {
    recorder_.event("mod:teardown", to_string(stage));
  }
  std::vector<bolt::CallbackHandle> configure_callbacks() override {
    recorder_.event("mod:configure_callbacks");
    return {};
  }
  void on_save_checkpoint(bolt::State&) override {
    recorder_.event("mod:on_save_checkpoint");
  }
  void on_load_checkpoint(const bolt::State&) override {
    recorder_.event("mod:on_load_checkpoint");
  }
  void configure_model() override { recorder_.event("mod:configure_model"); }
  bolt::OptimizerConfig configure_optimizers() override {
    recorder_.event("mod:configure_optimizers");
    std::vector<bolt::OptimizerEntry> entries;
    // torch's Adagrad can't take another group.
    const bool own = spec_.contains("schedulers") || backbone_ != nullptr;
    if (spec_.contains("manual")) {
      const std::vector<torch::Tensor> parameters{w, v};
      for (std::size_t k = 0; k < 2; ++k) {
        entries.push_back({.optimizer = make_optimizer(spec_["optimizers"][k],
                                                       {parameters[k]}, own)});
      }
    } else {
      std::vector<torch::Tensor> trained;
      for (const torch::Tensor& p : this->parameters()) {
        if (p.requires_grad()) trained.push_back(p);
      }
      entries.push_back(
          {.optimizer = make_optimizer(spec_.value("optimizer", Json::object()),
                                       trained, own)});
    }
    for (const Json& scheduler : spec_.value("schedulers", Json::array())) {
      bolt::OptimizerEntry& entry = entries[scheduler.value("optimizer", 0U)];
      entry.lr_schedulers.push_back(make_scheduler(scheduler, entry.optimizer));
    }
    return entries;
  }
  void lr_scheduler_step(bolt::LRScheduler& scheduler,
                         std::optional<double> metric) override {
    recorder_.event("mod:lr_scheduler_step", scheduler.name());
    bolt::Module::lr_scheduler_step(scheduler, metric);
  }
  void optimizer_step(int64_t epoch, int64_t batch_idx,
                      torch::optim::Optimizer& optimizer,
                      const std::function<at::Tensor()>& closure) override {
    recorder_.event("mod:optimizer_step", Json::array({batch_idx}));
    bolt::Module::optimizer_step(epoch, batch_idx, optimizer, closure);
  }
  void optimizer_zero_grad(int64_t epoch, int64_t batch_idx,
                           torch::optim::Optimizer& optimizer) override {
    recorder_.event("mod:optimizer_zero_grad", Json::array({batch_idx}));
    bolt::Module::optimizer_zero_grad(epoch, batch_idx, optimizer);
  }
  void configure_gradient_clipping(
      torch::optim::Optimizer& optimizer, std::optional<double> value,
      std::optional<bolt::ClipAlgorithm> by) override {
    recorder_.event("mod:configure_gradient_clipping");
    bolt::Module::configure_gradient_clipping(optimizer, value, by);
  }
  void backward(const at::Tensor& loss) override {
    recorder_.event("mod:backward");
    bolt::Module::backward(loss);
  }

  // -- hooks that act as well
#define PARITY_HOOK(hook)          \
  void hook() override {           \
    recorder_.event("mod:" #hook); \
    act(#hook);                    \
  }
  PARITY_HOOK(on_fit_start)
  PARITY_HOOK(on_fit_end)
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

  void on_before_zero_grad(torch::optim::Optimizer&) override {
    recorder_.event("mod:on_before_zero_grad");
    act("on_before_zero_grad");
  }
  void on_before_backward(const at::Tensor&) override {
    recorder_.event("mod:on_before_backward");
    act("on_before_backward");
  }
  void on_before_optimizer_step(torch::optim::Optimizer&) override {
    recorder_.event("mod:on_before_optimizer_step");
    act("on_before_optimizer_step");
  }

#define PARITY_BATCH(hook, Context) \
  void hook(const B&, Context& step) override { at_batch(#hook, step); }
  PARITY_BATCH(on_validation_batch_start, StepContext)
  PARITY_BATCH(on_validation_batch_end, const StepContext)
  PARITY_BATCH(on_test_batch_start, StepContext)
  PARITY_BATCH(on_test_batch_end, const StepContext)
  PARITY_BATCH(on_predict_batch_start, StepContext)
#undef PARITY_BATCH
  void on_predict_batch_end(const bolt::Prediction&, const B&,
                            const StepContext& step) override {
    at_batch("on_predict_batch_end", step);
  }

  void on_train_batch_start(const B&, StepContext& step) override {
    at_batch("on_train_batch_start", step);
    step.skip_epoch = listed("skip_epoch_at", "on_train_batch_start");
  }
  void on_train_batch_end(const bolt::StepOutput& outputs, const B&,
                          const StepContext& step) override {
    Json loss;
    if (outputs.loss().defined()) {
      loss = number(outputs.loss().item<double>());
    }
    recorder_.event("mod:on_train_batch_end",
                    Json::array({step.batch_idx, loss}));
    int64_t k = 0;
    for (const auto& optimizer : trainer().optimizers()) {
      Json rates = Json::array({k++});
      for (const auto& group : optimizer->param_groups()) {
        rates.push_back(group.options().get_lr());
      }
      recorder_.lrs.push_back(std::move(rates));
    }
    act("on_train_batch_end");
  }

  torch::Tensor w;
  torch::Tensor v;

 private:
  struct Backbone : torch::nn::Module {
    Backbone() { b = register_parameter("b", torch::tensor({0.25F, -0.5F})); }
    torch::Tensor b;
  };

  torch::Tensor compute(const Batch& batch, const torch::Tensor& p) const {
    const torch::Tensor weight = backbone_ != nullptr ? p + backbone_->b : p;
    return (batch[0].matmul(weight) - batch[1]).pow(2).mean();
  }
  torch::Tensor compute(const Parts& parts, const torch::Tensor& p) const {
    torch::Tensor sum = torch::zeros({});
    for (const auto& part : parts) {
      if (part) sum = sum + compute(*part, p);
    }
    return sum;
  }

  void manual_step(const B& batch, int64_t batch_idx) {
    const Json& spec = spec_["manual"];
    const std::vector<bolt::LightningOptimizer> all = this->optimizers();
    bool ran = false;
    for (std::size_t k = 0; k < all.size(); ++k) {
      const int64_t every =
          spec.contains("every") ? spec["every"][k].get<int64_t>() : int64_t{1};
      if (batch_idx % every != 0) continue;
      if (spec.value("toggle", false)) this->toggle_optimizer(all[k]);
      const torch::Tensor loss = compute(batch, k == 0 ? w : v);
      loss_ = loss.detach();
      all[k].zero_grad();
      this->manual_backward(loss);
      if (spec.contains("clip") && !spec["clip"].is_null()) {
        this->clip_gradients(all[k], spec["clip"].get<double>(),
                             bolt::ClipAlgorithm::kNorm);
      }
      all[k].step();
      ran = true;
      if (spec.value("toggle", false)) this->untoggle_optimizer(all[k]);
    }
    if (spec.value("step_schedulers", false)) {
      for (bolt::LRScheduler* scheduler : this->lr_schedulers()) {
        scheduler->step();
      }
    }
    if (ran) recorder_.losses.push_back(number(loss_.item<double>()));
  }

  static Json training_event(const Batch&, const StepContext& step) {
    return Json::array({step.batch_idx});
  }
  // With the sum of each part's x, to tell the parts apart.
  static Json training_event(const Parts& parts, const StepContext& step) {
    Json sums = Json::array();
    for (const auto& part : parts) {
      const double sum = part ? part->front().sum().item<double>() : 0;
      sums.push_back(std::round(sum * 1e5) / 1e5);
    }
    return Json::array({step.batch_idx, std::move(sums)});
  }

  void evaluate(const char* name, const B& batch, StepContext& step) {
    batch_idx_ = step.batch_idx;
    recorder_.event(std::string("mod:") + name,
                    Json::array({step.batch_idx, step.dataloader_idx}));
    loss_ = compute(batch, w).detach();
    act(name);
  }

  void at_batch(const char* hook, const StepContext& step) {
    batch_idx_ = step.batch_idx;
    recorder_.event(std::string("mod:") + hook, position(step));
    act(hook);
  }

  // Whether a rule of the scenario means this moment.
  bool here(const Json& rule, const std::string& hook) const {
    return rule.value("hook", hook) == hook &&
           rule.value("epoch", current_epoch()) == current_epoch() &&
           rule.value("batch_idx", batch_idx_) == batch_idx_;
  }
  bool listed(const char* list, const std::string& hook) const {
    const Json rules = spec_.value(list, Json::array());
    return std::ranges::any_of(
        rules, [&](const Json& rule) { return here(rule, hook); });
  }
  bool listed_for(const char* list, const std::string& hook) const {
    const Json rules = spec_.value(list, Json::array());
    return std::ranges::any_of(rules, [&](const Json& rule) {
      return rule.value("hook", "training_step") == hook && here(rule, hook);
    });
  }

  // What the scenario asks for in a hook.
  void act(const std::string& hook) {
    if (listed_for("raise_at", hook)) throw UserError(hook);
    for (const Json& rule : spec_.value("log", Json::array())) {
      if (rule["hook"] == hook) log_rule(rule);
    }
    if (listed_for("stop_at", hook)) trainer().request_stop();
  }

  void log_rule(const Json& rule) {
    bolt::LogOptions options;
    if (rule.contains("on_step")) options.on_step = rule["on_step"];
    if (rule.contains("on_epoch")) options.on_epoch = rule["on_epoch"];
    if (rule.contains("logger")) options.logger = rule["logger"];
    options.prog_bar = rule.value("prog_bar", false);
    options.add_dataloader_idx = rule.value("add_dataloader_idx", true);
    if (rule.contains("batch_size")) options.batch_size = rule["batch_size"];
    if (rule.contains("reduce_fx")) {
      options.reduce_fx =
          bolt::parse_reduce(rule["reduce_fx"].get<std::string>());
    }
    log(rule["name"].get<std::string>(), value(rule["value"]), options);
  }

  torch::Tensor value(const Json& spec) const {
    const auto tensor = [](double v) {
      return torch::tensor(static_cast<float>(v));
    };
    if (!spec.is_object()) return tensor(plain(spec));
    const auto kind = spec["kind"].get<std::string>();
    if (kind == "const") return tensor(plain(spec["value"]));
    if (kind == "sequence") {
      const auto& values = spec["values"];
      const auto last = static_cast<int64_t>(values.size()) - 1;
      return tensor(plain(
          values[static_cast<std::size_t>(std::min(current_epoch(), last))]));
    }
    if (kind == "batch_idx") return tensor(static_cast<double>(batch_idx_));
    if (kind == "epoch") return tensor(static_cast<double>(current_epoch()));
    if (kind == "global_step") {
      return tensor(static_cast<double>(global_step()));
    }
    return loss_;
  }

  Json spec_;
  Recorder& recorder_;
  bolt::ModuleHooks hooks_{};
  std::shared_ptr<Backbone> backbone_{};
  int64_t batch_idx_ = 0;
  torch::Tensor loss_ = torch::zeros({});
};

std::shared_ptr<bolt::Module> make_model(const Json& module, const Json& data,
                                         Recorder& recorder) {
  if (module.value("combined", false)) {
    return std::make_shared<Model<Parts>>(module, data, recorder);
  }
  return std::make_shared<Model<Batch>>(module, data, recorder);
}

}  // namespace parity
