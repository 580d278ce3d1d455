#pragma once

#include <ATen/ATen.h>
#include <torch/torch.h>
#include <torchbolt/torchbolt.h>

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

// The tiny training step that overhead is measured on: MLP 32-64-10, one batch
// of 32, cross-entropy, AdamW. benchmarks/README.md calls it W1.

namespace tiny {

using Example = torch::data::Example<>;
using Time = std::chrono::steady_clock::time_point;

/// The same batch so many times; notes the clock when asked for batch `from`
/// and for the last one.
class Repeated {
 public:
  Repeated(Example batch, int64_t steps, int64_t from)
      : batch_(std::move(batch)), steps_(steps), from_(from) {}

  class Iterator {
   public:
    using value_type = Example;
    using difference_type = std::ptrdiff_t;
    using reference = const Example&;
    Iterator() = default;
    Iterator(Repeated* source, int64_t at) : source_(source), at_(at) {}
    const Example& operator*() const { return source_->batch_; }
    Iterator& operator++() {
      source_->note(++at_);
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
  /// Microseconds a step took, between the two.
  double step_us() const {
    const std::chrono::duration<double, std::micro> time = end_ - begin_;
    return time.count() / static_cast<double>(steps_ - 1 - from_);
  }
  /// Called at batch `from`, and at the last one.
  std::function<void()> on_begin{};
  std::function<void()> on_end{};

 private:
  void note(int64_t at) {
    if (at == from_) {
      if (on_begin) on_begin();
      begin_ = std::chrono::steady_clock::now();
    }
    if (at == steps_ - 1) {
      end_ = std::chrono::steady_clock::now();
      if (on_end) on_end();
    }
  }

  Example batch_;
  int64_t steps_;
  int64_t from_;
  Time begin_{};
  Time end_{};
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

/// The loop that people write by hand.
inline void run_by_hand(Repeated& source, bool fused) {
  torch::manual_seed(0);
  Net net;
  auto optimizer = make_optimizer(net.parameters(), fused);
  for (const Example& batch : source) {
    optimizer->zero_grad();
    auto loss = torch::nn::functional::cross_entropy(net.forward(batch.data),
                                                     batch.target);
    loss.backward();
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
  bolt::Trainer trainer(std::move(options));
  trainer.fit(model, source);
}

struct QuietLog final : bolt::LogSink {
  void write(bolt::LogLevel, std::string_view) override {}
};

}  // namespace tiny
