// torchbolt's side of the comparison with other frameworks (benchmarks/peers):
// the same workloads, in the same words.
//
//   torchbolt_workloads THREADS W1:plain W2:memory …
//
// Prints a line "RESULT [workload, variant, metric, value, unit, threads]"
// each.

#include <torch/torch.h>
#include <torchbolt/torchbolt.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "big_state.h"
#include "paired.h"
#include "tiny_step.h"

namespace {

namespace nn = torch::nn;
namespace F = torch::nn::functional;

constexpr int64_t kTinySteps = 2500;
constexpr int64_t kTinyWarmup = 500;
// Of Fashion-MNIST's pixels (W8).
constexpr double kMean = 0.2860;
constexpr double kStd = 0.3530;

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

// The number at the end of a variant's name.
int64_t workers_of(const std::string& variant) {
  return std::atoll(variant.c_str() + variant.find_first_of("0123456789"));
}

std::filesystem::path scratch() {
  return std::filesystem::temp_directory_path() / "torchbolt-workloads";
}

// W1, W2: the tiny step.
void tiny_steps(const std::string& cell, const std::string& variant) {
  bolt::TrainerOptions options;
  options.enable_progress_bar = variant == "bar";
  options.enable_model_summary = false;
  if (variant == "csv") {
    options.logger = bolt::CSVLogger({.save_dir = scratch(), .version = 0});
  } else {
    options.logger = false;
  }
  const bool logs = cell.starts_with("W2");
  const double step =
      tiny::step_us(kTinySteps, kTinyWarmup, [&](tiny::Repeated& source) {
        tiny::run_trainer(source, variant != "unfused", logs, options);
      });
  emit(cell, "step", step, "us");
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

// Fashion-MNIST, an image at a time: what the other frameworks' loaders read.
struct Images {
  torch::Tensor bytes, labels;
  int64_t size() const { return bytes.size(0); }
  torch::data::Example<> get(int64_t at) const {
    return {bytes[at].to(torch::kFloat).div_(255).flatten(), labels[at]};
  }
};

template <class Loader>
void fit_epoch(Mlp& model, Loader& train,
               std::optional<bolt::BatchLimit> limit) {
  bolt::Trainer trainer({.max_epochs = 1,
                         .limit_train_batches = limit,
                         .accelerator = bolt::Accelerator::kCPU,
                         .logger = false,
                         .enable_checkpointing = false,
                         .enable_progress_bar = false,
                         .enable_model_summary = false});
  trainer.fit(model, train);
}

template <class Loader>
void time_epoch(const std::string& cell, Loader train) {
  Mlp warm_up;
  fit_epoch(warm_up, train, 20);
  torch::manual_seed(0);
  Mlp model;
  const double start = seconds();
  fit_epoch(model, train, {});
  const double time = seconds() - start;
  const torch::NoGradGuard no_grad;
  const auto [images, labels] = paired::read_images("t10k");
  bolt::metrics::Accuracy accuracy({.num_classes = 10});
  accuracy.update(
      model.net->forward(images.to(torch::kFloat).div_(255).reshape({-1, 784})),
      labels);
  emit(cell, "accuracy", accuracy.compute().item<double>(), "fraction");
  emit(cell, "samples", 60'000 / time, "1/s");
}

// W3: an epoch of Fashion-MNIST, from tensors in memory or image by image.
void fashion(const std::string& cell, const std::string& variant) {
  const auto [images, labels] = paired::read_images();
  bolt::DataLoaderOptions options{.batch_size = 128, .shuffle = true};
  if (variant == "preloaded") {
    const auto x = images.to(torch::kFloat).div_(255).reshape({-1, 784});
    time_epoch(cell, bolt::DataLoader(bolt::TensorDataset(x, labels), options));
  } else {
    options.num_workers = workers_of(variant);
    time_epoch(cell, bolt::DataLoader(Images{images, labels}, options));
  }
}

// W8: augmented images, no model.
void augmented(const std::string& cell, const std::string& variant) {
  using namespace bolt::transforms;
  const auto [images, labels] = paired::read_images();
  bolt::DataLoader loader(
      bolt::AugmentedDataset(
          bolt::TensorDataset(images.unsqueeze(1), labels),
          Compose{Normalize({.mean = {kMean}, .std = {kStd}}),
                  RandomCrop({.height = 28, .width = 28, .padding = 4}),
                  RandomHorizontalFlip()}),
      {.batch_size = 128, .shuffle = true, .num_workers = workers_of(variant)});
  const double start = seconds();
  int64_t samples = 0;
  for (const auto& batch : loader) samples += batch.data.size(0);
  emit(cell, "samples", double(samples) / (seconds() - start), "1/s");
}

// W5: from the start of the process to the end of a fit of one step.
void start_up(const std::string& cell) {
  tiny::Repeated source(tiny::make_batch(), 1);
  bolt::TrainerOptions options;
  options.logger = false;
  options.enable_progress_bar = false;
  options.enable_model_summary = false;
  tiny::run_trainer(source, true, false, options);
  const char* begun = std::getenv("BENCH_T0");
  emit(cell, "first_step", seconds() - (begun ? std::atof(begun) : 0), "s");
}

// Into a model and an optimizer that are there.
void copy_tensors(const bolt::State& to, const bolt::State& from) {
  if (to.is_tensor()) {
    to.as_tensor().copy_(from.as_tensor());
  } else if (to.is_map()) {
    for (const auto& [key, value] : to.entries()) {
      copy_tensors(value, from.at(key));
    }
  }
}

// W6.
void checkpoint(const std::string& cell, const std::string& variant) {
  const bolt::State state = big_state();
  const char* folder = std::getenv("BENCH_TMP");
  const auto path = std::filesystem::path(folder ? folder : "/tmp") /
                    ("torchbolt." + std::to_string(::getpid()) + ".ckpt");
  std::shared_ptr<bolt::CheckpointIO> io =
      std::make_shared<bolt::TorchCheckpointIO>();
  if (variant == "async") io = std::make_shared<bolt::AsyncCheckpointIO>(io);
  double start = seconds();
  io->save_checkpoint(state, path);
  emit(cell, "blocked", seconds() - start, "s");
  io->teardown();
  emit(cell, "durable", seconds() - start, "s");
  bolt::State fresh = big_state();
  start = seconds();
  const bolt::State back = io->load_checkpoint(path);
  for (const char* part : {"model", "opt"}) {
    copy_tensors(fresh.at(part), back.at(part));
  }
  emit(cell, "load", seconds() - start, "s");
  std::filesystem::remove(path);
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
      fashion(cell, cell.substr(3));
    } else if (cell.starts_with("W5")) {
      start_up(cell);
    } else if (cell.starts_with("W6")) {
      checkpoint(cell, cell.substr(3));
    } else if (cell.starts_with("W8")) {
      augmented(cell, cell.substr(3));
    } else {
      std::fprintf(stderr, "%s is not there yet\n", cell.c_str());
      return 1;
    }
  }
}
