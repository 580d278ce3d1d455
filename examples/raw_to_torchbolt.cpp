// The same training twice: by a loop written by hand on plain libtorch, and by
// a Trainer. Both must end with the same numbers and weights, to the last bit.
//
//   build/dev/bin/raw_to_torchbolt [--quick]
//
// Ends with:
//   train/loss  by hand 0.003907  torchbolt 0.003907
//   val/acc     by hand 1.000000  torchbolt 1.000000
//   val/loss    by hand 0.003842  torchbolt 0.003842
//   the same to the last bit

#include <torch/torch.h>
#include <torchbolt/torchbolt.h>

#include <cmath>
#include <cstdio>
#include <string_view>

namespace nn = torch::nn;
namespace F = torch::nn::functional;
namespace data = torch::data;

// Two spirals, one inside the other: a point, and on which of them it lies.
struct Spirals : data::datasets::Dataset<Spirals> {
  explicit Spirals(std::size_t points) : points(points) {}
  data::Example<> get(std::size_t index) override {
    const auto side = static_cast<int64_t>(index % 2);
    const double angle = 0.5 + 6.0 * static_cast<double>(index) / points;
    const double radius = (side == 0 ? 1 : -1) * angle / 6;
    return {torch::tensor({std::cos(angle), std::sin(angle)}) * radius,
            torch::tensor(side)};
  }
  std::optional<std::size_t> size() const override { return points; }
  std::size_t points;
};

template <class Sampler>
auto make_loader(std::size_t points) {
  return data::make_data_loader<Sampler>(
      Spirals(points).map(data::transforms::Stack<>()), 50);
}
nn::Sequential make_net() {
  return nn::Sequential(nn::Linear(2, 64), nn::Tanh(), nn::Linear(64, 64),
                        nn::Tanh(), nn::Linear(64, 2));
}

struct Result {
  bolt::MetricMap metrics{};
  std::vector<torch::Tensor> weights{};
};

Result train_by_hand(int epochs) {
  torch::manual_seed(1);
  auto net = make_net();
  torch::optim::AdamW adamw(net->parameters(), 5e-3);
  torch::optim::StepLR schedule(adamw, 20, 0.5);
  auto train = make_loader<data::samplers::RandomSampler>(1000);
  auto val = make_loader<data::samplers::SequentialSampler>(300);
  Result result;
  for (int epoch = 0; epoch < epochs; ++epoch) {
    net->train();
    double loss_sum = 0;
    int64_t seen = 0;
    for (auto& batch : *train) {
      auto loss = F::cross_entropy(net->forward(batch.data), batch.target);
      adamw.zero_grad();
      loss.backward();
      nn::utils::clip_grad_value_(net->parameters(), 0.5);
      adamw.step();
      loss_sum += loss.item<double>() * batch.data.size(0);
      seen += batch.data.size(0);
    }
    schedule.step();
    result.metrics["train/loss"] = loss_sum / seen;

    net->eval();
    torch::NoGradGuard no_grad;
    int64_t right = 0;
    loss_sum = seen = 0;
    for (auto& batch : *val) {
      auto logits = net->forward(batch.data);
      loss_sum += F::cross_entropy(logits, batch.target).item<double>() *
                  batch.data.size(0);
      right += (logits.argmax(1) == batch.target).sum().item<int64_t>();
      seen += batch.data.size(0);
    }
    result.metrics["val/loss"] = loss_sum / seen;
    result.metrics["val/acc"] = static_cast<double>(right) / seen;
  }
  result.weights = net->parameters();
  return result;
}

struct Classifier : bolt::LightningModule<> {
  Classifier() {
    register_module("net", net);
    register_metric("accuracy", accuracy);
  }
  bolt::StepOutput training_step(const Batch& batch,
                                 bolt::StepContext&) override {
    auto loss = F::cross_entropy(net->forward(batch.data), batch.target);
    log("train/loss", loss, {.on_step = false, .on_epoch = true});
    return loss;
  }
  void validation_step(const Batch& batch, bolt::StepContext&) override {
    auto logits = net->forward(batch.data);
    accuracy.update(logits, batch.target);
    log("val/loss", F::cross_entropy(logits, batch.target));
    log("val/acc", accuracy, {.prog_bar = true});
  }
  bolt::OptimizerConfig configure_optimizers() override {
    auto adamw = std::make_shared<torch::optim::AdamW>(parameters(), 5e-3);
    return {adamw, torch::optim::StepLR(*adamw, 20, 0.5)};
  }
  nn::Sequential net = make_net();
  bolt::metrics::Accuracy accuracy{{.num_classes = 2}};
};

Result train_with_torchbolt(int epochs) {
  torch::manual_seed(1);
  Classifier model;
  bolt::Trainer trainer({
      .max_epochs = epochs,
      .accelerator = bolt::Accelerator::kCPU,
      .gradient_clip_val = 0.5,
      .gradient_clip_algorithm = bolt::ClipAlgorithm::kValue,
      .logger = false,
      .enable_checkpointing = false,
  });
  trainer.fit(model, make_loader<data::samplers::RandomSampler>(1000),
              make_loader<data::samplers::SequentialSampler>(300));
  return {trainer.callback_metrics(), model.parameters()};
}

int main(int argc, char** argv) {
  torch::set_num_threads(1);  // tensors this small aren't worth a second one
  const bool quick = argc > 1 && std::string_view(argv[1]) == "--quick";
  const Result by_hand = train_by_hand(quick ? 5 : 60);
  const Result by_trainer = train_with_torchbolt(quick ? 5 : 60);
  for (const auto& [name, value] : by_hand.metrics) {
    std::printf("%-10s  by hand %.6f  torchbolt %.6f\n", name.c_str(), value,
                by_trainer.metrics.at(name));
  }
  bool same = by_hand.metrics == by_trainer.metrics;
  for (std::size_t k = 0; k < by_hand.weights.size(); ++k) {
    same = same && torch::equal(by_hand.weights[k], by_trainer.weights[k]);
  }
  std::puts(same ? "the same to the last bit" : "NOT the same");
  return same ? 0 : 1;
}
