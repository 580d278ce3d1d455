// A run on Fashion-MNIST in several experiment trackers at once: metrics,
// settings, pictures, histograms, a table.
//
//   build/dev/bin/trackers --logger tensorboard,csv,jsonl,mlflow,wandb
//   --epochs N   --batches N (at most, an epoch)   --out DIR
//   --data DIR   the .gz files; Debian's package dataset-fashion-mnist
//   tensorboard --logdir trackers/tensorboard      shows it
//
// Ends with a line for each logger: its class, and the folder of the run.

#include <torch/torch.h>
#include <torchbolt/torchbolt.h>

#include <cstdio>
#include <filesystem>
#include <map>
#include <sstream>
#include <string>

namespace nn = torch::nn;
namespace F = torch::nn::functional;
using torch::Tensor;

const std::vector<std::string> kKinds{
    "T-shirt", "trousers", "pullover", "dress", "coat",
    "sandal",  "shirt",    "sneaker",  "bag",   "boot"};

struct Classifier : bolt::LightningModule<> {
  Classifier() {
    register_module("net", net);
    register_metric("accuracy", accuracy);
    save_hyperparameters({{"lr", 2e-3}, {"channels", 16}});
  }

  bolt::StepOutput training_step(const Batch& batch,
                                 bolt::StepContext&) override {
    auto loss = F::cross_entropy(net->forward(batch.data), batch.target);
    log("train/loss", loss, {.prog_bar = true});
    return loss;
  }

  void validation_step(const Batch& batch,
                       bolt::StepContext& context) override {
    auto logits = net->forward(batch.data);
    log("val/loss", F::cross_entropy(logits, batch.target));
    accuracy.update(logits, batch.target);
    log("val/acc", accuracy, {.prog_bar = true});
    log("hp_metric", accuracy);  // what runs are compared by
    if (context.batch_idx == 0) show(batch, logits);
  }

  // Every logger that keeps such things gets them, at the step of the metrics.
  void show(const Batch& batch, const Tensor& logits) {
    auto right = logits.argmax(1).eq(batch.target);
    auto wrong = right.logical_not().nonzero().flatten().slice(0, 0, 32);
    log_image("mistakes", bolt::make_grid(batch.data.index({wrong})));
    std::vector<int64_t> share;
    for (int64_t kind = 0; kind < 10; ++kind) {
      auto of_kind = right.index({batch.target.eq(kind)});
      share.push_back(of_kind.sum().item<int64_t>() * 100 / of_kind.numel());
    }
    log_table("right", bolt::Table({{"kind", kKinds},
                                    {"percent", torch::tensor(share)}}));
  }

  bolt::OptimizerConfig configure_optimizers() override {
    return bolt::optim::AdamW(parameters(), {.lr = 2e-3});
  }

  nn::Sequential net{nn::Conv2d(nn::Conv2dOptions(1, 16, 5).stride(3)),
                     nn::ReLU(), nn::Flatten(), nn::Linear(16 * 8 * 8, 10)};
  bolt::metrics::Accuracy accuracy{{.num_classes = 10}};
};

using Flags = std::map<std::string, std::string>;

std::vector<bolt::LoggerHandle> make_loggers(const Flags& flags) {
  const std::filesystem::path out = flags.at("--out");
  std::vector<bolt::LoggerHandle> loggers;
  std::istringstream names(flags.at("--logger"));
  for (std::string name; std::getline(names, name, ',');) {
    if (name == "tensorboard") {
      loggers.push_back(bolt::TensorBoardLogger(
          {.save_dir = out, .name = name, .log_graph = true}));
    } else if (name == "csv") {
      loggers.push_back(bolt::CSVLogger({.save_dir = out, .name = name}));
    } else if (name == "jsonl") {
      loggers.push_back(bolt::JSONLLogger({.save_dir = out, .name = name}));
    } else if (name == "mlflow") {
      loggers.push_back(bolt::MLflowLogger({.experiment_name = "fashion-mnist",
                                            .save_dir = out / name,
                                            .log_model = true}));
    } else if (name == "wandb") {
      loggers.push_back(
          bolt::WandbLogger({.save_dir = out, .project = "fashion-mnist"}));
    } else {
      throw std::invalid_argument("there is no logger " + name);
    }
  }
  return loggers;
}

bolt::TensorDataset read_images(const Flags& flags, const std::string& part) {
  const std::string path = flags.at("--data") + "/" + part;
  auto images = bolt::read_idx(path + "-images-idx3-ubyte.gz");
  auto labels = bolt::read_idx(path + "-labels-idx1-ubyte.gz");
  return {images.to(torch::kFloat).div_(255).unsqueeze(1),
          labels.to(torch::kLong)};
}

void run(const Flags& flags) {
  bolt::seed_everything(1);
  bolt::DataLoader train(read_images(flags, "train"),
                         {.batch_size = 128, .shuffle = true});
  bolt::DataLoader val(read_images(flags, "t10k"), {.batch_size = 500});
  Classifier model;
  bolt::Trainer trainer({
      .max_epochs = std::stoll(flags.at("--epochs")),
      .limit_train_batches = std::stoll(flags.at("--batches")),
      .callbacks = {bolt::LearningRateMonitor(),
                    bolt::HistogramMonitor({.every_n_steps = 100})},
      .logger = make_loggers(flags),
      .log_every_n_steps = 10,
      .default_root_dir = flags.at("--out"),
  });
  trainer.fit(model, train, val);
  for (const auto& logger : trainer.loggers()) {
    const bolt::Logger& of = *logger;
    std::printf("%s  %s\n", bolt::type_name(typeid(of)).c_str(),
                of.log_dir()->c_str());
  }
}

int main(int argc, char** argv) try {
  Flags flags{{"--data", "/usr/share/datasets/fashion-mnist"},
              {"--out", "trackers"},
              {"--epochs", "3"},
              {"--batches", "1000"},
              {"--logger", "tensorboard,csv,jsonl"}};
  for (int k = 1; k + 1 < argc; k += 2) {
    if (!flags.contains(argv[k])) throw std::invalid_argument("unknown flag");
    flags[argv[k]] = argv[k + 1];
  }
  run(flags);
} catch (const std::exception& error) {
  std::fprintf(stderr, "error: %s\n", error.what());
  return 1;
}
