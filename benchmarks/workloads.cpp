// torchbolt's side of the comparison with other frameworks (benchmarks/peers):
// the same workloads, in the same words.
//
//   torchbolt_workloads THREADS W1:plain W2:memory …
//
// Prints a line "RESULT [workload, variant, metric, value, unit, threads]"
// each.

#include <torch/torch.h>
#include <torchbolt/torchbolt.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "tiny_step.h"

namespace {

namespace nn = torch::nn;
namespace F = torch::nn::functional;

constexpr int64_t kTinySteps = 2500;
constexpr int64_t kTinyWarmup = 500;

double seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return double(time.tv_sec) + double(time.tv_nsec) * 1e-9;
}

void emit(const std::string& cell, const char* metric, double value,
          const char* unit) {
  std::printf("\nRESULT [\"%s\", \"%s\", \"%s\", %.9g, \"%s\", %d]\n",
              cell.substr(0, 2).c_str(), cell.substr(3).c_str(), metric, value,
              unit, torch::get_num_threads());
}

std::filesystem::path scratch() {
  return std::filesystem::temp_directory_path() / "torchbolt-workloads";
}

// W1, W2: the tiny step.
void tiny_steps(const std::string& cell, const std::string& variant) {
  tiny::Repeated source(tiny::make_batch(), kTinySteps, kTinyWarmup);
  bolt::TrainerOptions options;
  options.enable_progress_bar = variant == "bar";
  options.enable_model_summary = false;
  if (variant == "csv") {
    options.logger = bolt::CSVLogger({.save_dir = scratch(), .version = 0});
  } else {
    options.logger = false;
  }
  const bool logs = cell.starts_with("W2");
  tiny::run_trainer(source, variant != "unfused", logs, options);
  emit(cell, "step", source.step_us(), "us");
  std::filesystem::remove_all(scratch());
}

struct Mlp : bolt::LightningModule<> {
  Mlp() { register_module("net", net); }
  bolt::StepOutput training_step(const Batch& batch,
                                 bolt::StepContext&) override {
    return F::cross_entropy(net->forward(batch.data), batch.target);
  }
  bolt::OptimizerConfig configure_optimizers() override {
    return tiny::make_optimizer(parameters(), true);
  }
  nn::Sequential net{nn::Linear(784, 256), nn::ReLU(), nn::Linear(256, 10)};
};

// W3: an epoch of Fashion-MNIST from memory.
void fashion(const std::string& cell) {
  const char* folder = std::getenv("FASHION_MNIST");
  const std::filesystem::path data =
      folder != nullptr ? folder : "/usr/share/datasets/fashion-mnist";
  const auto read = [&](const std::string& part) {
    const auto x = bolt::read_idx(data / (part + "-images-idx3-ubyte.gz"));
    const auto y = bolt::read_idx(data / (part + "-labels-idx1-ubyte.gz"));
    return bolt::TensorDataset(x.to(torch::kFloat).div_(255).reshape({-1, 784}),
                               y.to(torch::kLong));
  };
  bolt::DataLoader train(read("train"), {.batch_size = 128, .shuffle = true});
  const auto fit = [&](Mlp& model, std::optional<bolt::BatchLimit> limit) {
    bolt::Trainer trainer({.max_epochs = 1,
                           .limit_train_batches = limit,
                           .accelerator = bolt::Accelerator::kCPU,
                           .logger = false,
                           .enable_progress_bar = false,
                           .enable_model_summary = false});
    trainer.fit(model, train);
  };
  Mlp warm_up;
  fit(warm_up, 20);
  torch::manual_seed(0);
  Mlp model;
  const double start = seconds();
  fit(model, {});
  const double time = seconds() - start;
  const torch::NoGradGuard no_grad;
  const auto test = read("t10k");
  bolt::metrics::Accuracy accuracy({.num_classes = 10});
  accuracy.update(model.net->forward(test.data()), test.target());
  emit(cell, "accuracy", accuracy.compute().item<double>(), "fraction");
  emit(cell, "samples", 60'000 / time, "1/s");
}

// W5: from the start of the process to the end of a fit of one step.
void start_up(const std::string& cell) {
  tiny::Repeated source(tiny::make_batch(), 1, 0);
  bolt::TrainerOptions options;
  options.logger = false;
  options.enable_progress_bar = false;
  options.enable_model_summary = false;
  tiny::run_trainer(source, true, false, options);
  const char* begun = std::getenv("BENCH_T0");
  emit(cell, "first_step", seconds() - (begun ? std::atof(begun) : 0), "s");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr,
                 "usage: torchbolt_workloads THREADS WORKLOAD:VARIANT…\n");
    return 2;
  }
  if (const int threads = std::atoi(argv[1])) torch::set_num_threads(threads);
  bolt::set_log_sink(std::make_shared<tiny::QuietLog>());
  for (int k = 2; k < argc; ++k) {
    const std::string cell = argv[k];
    if (cell.starts_with("W1") || cell.starts_with("W2")) {
      tiny_steps(cell, cell.substr(3));
    } else if (cell.starts_with("W3")) {
      fashion(cell);
    } else if (cell.starts_with("W5")) {
      start_up(cell);
    } else {
      std::fprintf(stderr, "%s is not there yet\n", cell.c_str());
      return 1;
    }
  }
}
