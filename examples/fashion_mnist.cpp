// Trains a small network on Fashion-MNIST's 60,000 images, the last 5,000 of
// them for validation, and tests it on the 10,000 others.
//
//   scripts/quickstart.sh                        does all that is needed
//   build/dev/bin/fashion_mnist --epochs 5       after that
//   --data DIR   the four .gz files; Debian's package dataset-fashion-mnist
//   --epochs N   --batch-size N   --out DIR   --seed N
//   --precision bf16-mixed   --eps X (AdamW's): see docs/guide/precision.md
//
// Ends with a table such as:  test/acc 0.8820, and the path of its log.

#include <torch/torch.h>
#include <torchbolt/torchbolt.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>

namespace nn = torch::nn;
namespace F = torch::nn::functional;

struct Classifier : bolt::LightningModule<> {
  explicit Classifier(double lr) : lr(lr) {
    register_module("net", net);
    register_metric("accuracy", accuracy);
    save_hyperparameters({{"lr", lr}, {"hidden", 256}});
  }

  bolt::StepOutput training_step(const Batch& batch,
                                 bolt::StepContext&) override {
    auto loss = F::cross_entropy(net->forward(batch.data), batch.target);
    log("train/loss", loss, {.prog_bar = true});
    return loss;
  }

  void validation_step(const Batch& batch, bolt::StepContext&) override {
    evaluate("val", batch);
  }
  void test_step(const Batch& batch, bolt::StepContext&) override {
    evaluate("test", batch);
  }

  bolt::OptimizerConfig configure_optimizers() override {
    auto adamw = std::make_shared<bolt::optim::AdamW>(
        parameters(), bolt::optim::AdamWOptions{.lr = lr, .eps = eps});
    return {adamw, bolt::optim::StepLR(adamw, {.step_size = 4, .gamma = 0.3})};
  }

  void evaluate(const std::string& stage, const Batch& batch) {
    auto logits = net->forward(batch.data);
    log(stage + "/loss", F::cross_entropy(logits, batch.target));
    accuracy.update(logits, batch.target);
    log(stage + "/acc", accuracy, {.prog_bar = true});
  }

  double lr;
  double eps = 1e-8;
  nn::Sequential net{nn::Flatten(), nn::Linear(784, 256), nn::ReLU(),
                     nn::Linear(256, 10)};
  bolt::metrics::Accuracy accuracy{{.num_classes = 10}};
};

// Images as floats around 0, classes as integers.
bolt::TensorDataset read_images(const std::filesystem::path& folder,
                                const std::string& part) {
  auto images = bolt::read_idx(folder / (part + "-images-idx3-ubyte.gz"));
  auto labels = bolt::read_idx(folder / (part + "-labels-idx1-ubyte.gz"));
  return {images.to(torch::kFloat).div_(255).sub_(0.286).div_(0.353),
          labels.to(torch::kLong)};
}

using Flags = std::map<std::string, std::string>;

Flags read_flags(int argc, char** argv) {
  Flags flags{{"--data", "/usr/share/datasets/fashion-mnist"},
              {"--out", "."},
              {"--epochs", "10"},
              {"--batch-size", "128"},
              {"--seed", "42"},
              {"--eps", "1e-8"},
              {"--precision", "32-true"}};
  for (int k = 1; k < argc; k += 2) {
    const auto flag = flags.find(argv[k]);
    if (flag == flags.end()) {
      throw std::invalid_argument(std::string(argv[k]) +
                                  " isn't one of fashion_mnist.cpp's flags");
    }
    if (k + 1 == argc) {
      throw std::invalid_argument(flag->first + " needs a value");
    }
    flag->second = argv[k + 1];
  }
  return flags;
}

template <class Number>
Number number(const Flags& flags, const std::string& name) {
  const std::string& text = flags.at(name);
  Number value{};
  const auto read = std::from_chars(&text[0], &text[0] + text.size(), value);
  if (read.ec == std::errc() && *read.ptr == '\0') return value;
  throw std::invalid_argument(name + ": expected a number, got " + text);
}

void run(const Flags& flags) {
  bolt::seed_everything(number<int64_t>(flags, "--seed"));
  Classifier model(1e-3);
  model.eps = number<double>(flags, "--eps");
  const auto epochs = number<int64_t>(flags, "--epochs");
  const auto batch_size = number<int64_t>(flags, "--batch-size");
  const auto precision = bolt::parse_precision(flags.at("--precision"));
  const auto all = read_images(flags.at("--data"), "train");
  const auto split = [&](int64_t first, int64_t count) {
    auto part = all.get_range(first, count);
    return bolt::TensorDataset(part.data, part.target);
  };
  bolt::DataLoader train(split(0, 55'000),
                         {.batch_size = batch_size, .shuffle = true});
  bolt::DataLoader val(split(55'000, 5'000), {.batch_size = 500});
  bolt::DataLoader test(read_images(flags.at("--data"), "t10k"),
                        {.batch_size = 500});

  bolt::Trainer trainer({
      .max_epochs = epochs,
      .precision = precision,
      .callbacks = {bolt::EarlyStopping({.monitor = "val/loss"})},
      .logger = bolt::CSVLogger(),
      .default_root_dir = flags.at("--out"),
  });
  trainer.fit(model, train, val);
  trainer.test(model, test);

  std::printf("\nmetrics and settings  %s\n", trainer.log_dir().c_str());
}

int main(int argc, char** argv) try {
  run(read_flags(argc, argv));
  return EXIT_SUCCESS;
} catch (const bolt::Interrupted& interrupted) {
  std::fprintf(stderr, "%s\n", interrupted.what());
  return interrupted.exit_code();
} catch (const std::exception& error) {
  std::fprintf(stderr, "error: %s\n", error.what());
  return EXIT_FAILURE;
}
