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

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
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

struct Arguments {
  std::filesystem::path data = "/usr/share/datasets/fashion-mnist";
  std::filesystem::path out = ".";
  int64_t epochs = 10;
  int64_t batch_size = 128;
  uint64_t seed = 42;
  double eps = 1e-8;
  bolt::Precision precision = bolt::Precision::k32True;
};

Arguments read_arguments(int argc, char** argv) {
  Arguments arguments;
  for (int k = 1; k < argc; ++k) {
    const std::string flag = argv[k];
    if (k + 1 == argc) throw std::invalid_argument(flag + " needs a value");
    const std::string value = argv[++k];
    if (flag == "--data") {
      arguments.data = value;
    } else if (flag == "--out") {
      arguments.out = value;
    } else if (flag == "--epochs") {
      arguments.epochs = std::stoll(value);
    } else if (flag == "--batch-size") {
      arguments.batch_size = std::stoll(value);
    } else if (flag == "--seed") {
      arguments.seed = std::stoull(value);
    } else if (flag == "--eps") {
      arguments.eps = std::stod(value);
    } else if (flag == "--precision") {
      arguments.precision = bolt::parse_precision(value);
    } else {
      throw std::invalid_argument("unknown flag " + flag);
    }
  }
  return arguments;
}

void run(const Arguments& arguments) {
  bolt::seed_everything(arguments.seed);
  const auto all = read_images(arguments.data, "train");
  const auto split = [&](int64_t first, int64_t count) {
    auto part = all.get_range(first, count);
    return bolt::TensorDataset(part.data, part.target);
  };
  const int64_t batch_size = arguments.batch_size;
  bolt::DataLoader train(split(0, 55'000),
                         {.batch_size = batch_size, .shuffle = true});
  bolt::DataLoader val(split(55'000, 5'000), {.batch_size = 500});
  bolt::DataLoader test(read_images(arguments.data, "t10k"),
                        {.batch_size = 500});

  Classifier model(1e-3);
  model.eps = arguments.eps;
  bolt::Trainer trainer({
      .max_epochs = arguments.epochs,
      .precision = arguments.precision,
      .callbacks = {bolt::EarlyStopping({.monitor = "val/loss"})},
      .logger = bolt::CSVLogger(),
      .default_root_dir = arguments.out,
  });
  trainer.fit(model, train, val);
  trainer.test(model, test);

  std::printf("\nmetrics and settings  %s\n", trainer.log_dir().c_str());
}

int main(int argc, char** argv) try {
  run(read_arguments(argc, argv));
  return EXIT_SUCCESS;
} catch (const bolt::Interrupted& interrupted) {
  std::fprintf(stderr, "%s\n", interrupted.what());
  return interrupted.exit_code();
} catch (const std::exception& error) {
  std::fprintf(stderr, "error: %s\n", error.what());
  return EXIT_FAILURE;
}
