#pragma once

#include <ATen/ATen.h>
#include <torch/torch.h>
#include <torchbolt/torchbolt.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

// The tiny training step that overhead is measured on: MLP 32-64-10, one batch
// of 32, cross-entropy, AdamW. benchmarks/README.md calls it W1.

namespace tiny {

using Example = torch::data::Example<>;
using Time = std::chrono::steady_clock::time_point;

/// The same batch so many times.
class Repeated {
 public:
  Repeated(Example batch, int64_t steps)
      : batch_(std::move(batch)), steps_(steps) {}

  class Iterator {
   public:
    using value_type = Example;
    using difference_type = std::ptrdiff_t;
    using reference = const Example&;
    Iterator() = default;
    Iterator(Repeated* source, int64_t at) : source_(source), at_(at) {}
    const Example& operator*() const { return source_->batch_; }
    Iterator& operator++() {
      ++at_;
      if (source_->on_batch) source_->on_batch(at_);
      return *this;
    }
    Iterator operator++(int) {
      Iterator before = *this;
      ++*this;
      return before;
    }
    bool operator==(const Iterator& other) const { return at_ == other.at_; }

   private:
    Repeated* source_ = nullptr;
    int64_t at_ = 0;
  };

  Iterator begin() { return {this, 0}; }
  Iterator end() { return {this, steps_}; }
  std::size_t size() const { return static_cast<std::size_t>(steps_); }
  /// Called when a batch but the first is asked for, with its index, and with
  /// the number of steps at the end.
  std::function<void(int64_t)> on_batch{};

 private:
  Example batch_;
  int64_t steps_;
};

inline Example make_batch() {
  torch::manual_seed(0);
  return {torch::randn({32, 32}), torch::randint(10, {32}, torch::kLong)};
}

struct Net : torch::nn::Module {
  torch::nn::Linear a{32, 64}, b{64, 10};
  Net() {
    register_module("a", a);
    register_module("b", b);
  }
  torch::Tensor forward(const torch::Tensor& x) {
    return b->forward(torch::relu(a->forward(x)));
  }
};

inline std::shared_ptr<torch::optim::Optimizer> make_optimizer(
    std::vector<torch::Tensor> parameters, bool fused) {
  if (fused) {
    return std::make_shared<bolt::optim::AdamW>(std::move(parameters));
  }
  return std::make_shared<torch::optim::AdamW>(
      std::move(parameters),
      torch::optim::AdamWOptions(1e-3).weight_decay(1e-2));
}

/// The loop that people write by hand; `clip` is the greatest norm of the
/// gradients, if any.
inline void run_by_hand(Repeated& source, bool fused,
                        std::optional<double> clip = {}) {
  torch::manual_seed(0);
  Net net;
  auto optimizer = make_optimizer(net.parameters(), fused);
  for (const Example& batch : source) {
    optimizer->zero_grad();
    auto loss = torch::nn::functional::cross_entropy(net.forward(batch.data),
                                                     batch.target);
    loss.backward();
    if (clip) torch::nn::utils::clip_grad_norm_(net.parameters(), *clip);
    optimizer->step();
  }
}

struct Model : bolt::LightningModule<> {
  Model(bool fused, bool logs) : fused(fused), logs(logs) {
    register_module("net", net);
  }
  bolt::StepOutput training_step(const Batch& batch,
                                 bolt::StepContext&) override {
    auto loss = torch::nn::functional::cross_entropy(net->forward(batch.data),
                                                     batch.target);
    if (logs) log("train/loss", loss, {.prog_bar = true});
    return loss;
  }
  bolt::OptimizerConfig configure_optimizers() override {
    return make_optimizer(net->parameters(), fused);
  }
  bool fused;
  bool logs;
  std::shared_ptr<Net> net = std::make_shared<Net>();
};

inline void run_trainer(Repeated& source, bool fused, bool logs,
                        bolt::TrainerOptions options) {
  torch::manual_seed(0);
  Model model(fused, logs);
  options.max_epochs = 1;
  options.accelerator = bolt::Accelerator::kCPU;
  options.enable_checkpointing = false;  // as by hand
  bolt::Trainer trainer(std::move(options));
  trainer.fit(model, source);
}

/// Microseconds a step of `run(source)` takes, from batch `from` to the last.
template <class Run>
double step_us(int64_t steps, int64_t from, Run run) {
  Repeated source(make_batch(), steps);
  Time begin{}, end{};
  source.on_batch = [&](int64_t at) {
    if (at == from) begin = std::chrono::steady_clock::now();
    if (at == steps - 1) end = std::chrono::steady_clock::now();
  };
  run(source);
  const std::chrono::duration<double, std::micro> time = end - begin;
  return time.count() / static_cast<double>(steps - 1 - from);
}

struct QuietLog final : bolt::LogSink {
  void write(bolt::LogLevel, std::string_view) override {}
};

}  // namespace tiny
