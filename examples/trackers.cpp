// One run on Fashion-MNIST, in several experiment trackers at once: metrics,
// settings, pictures, histograms, tables, curves.
//
//   build/dev/bin/trackers --epochs 3
//   tensorboard --logdir trackers               shows it
//   --logger tensorboard,csv,jsonl,wandb   where to   --out DIR   --epochs N
//   --batches N (at most, an epoch)             --data DIR  the .gz files
//
// Ends with a line for each logger, such as
//
//   TensorBoardLogger  trackers/tensorboard/version_0

#include <torch/torch.h>
#include <torchbolt/torchbolt.h>

#include <cstdio>
#include <filesystem>
#include <map>
#include <string>

namespace nn = torch::nn;
namespace F = torch::nn::functional;
using torch::Tensor;

const std::vector<std::string> kKinds{
    "T-shirt", "trousers", "pullover", "dress", "coat",
    "sandal",  "shirt",    "sneaker",  "bag",   "boot"};

struct Classifier : bolt::LightningModule<> {
  explicit Classifier(double lr) : lr(lr) {
    register_module("net", net);
    register_metric("accuracy", accuracy);
    save_hyperparameters({{"lr", lr}, {"width", kWidth}});
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
    // What one of them alone has.
    for (const auto& logger : trainer().loggers()) {
      auto* board = dynamic_cast<bolt::TensorBoardLogger*>(logger.get());
      if (board == nullptr || trainer().sanity_checking()) continue;
      board->log_pr_curve("is a shirt", batch.target.eq(6),
                          logits.softmax(1).select(1, 6), global_step());
    }
  }

  bolt::OptimizerConfig configure_optimizers() override {
    return bolt::optim::AdamW(parameters(), {.lr = lr});
  }

  static constexpr int64_t kWidth = 16;
  static nn::Conv2d conv(int64_t in, int64_t out) {
    return nn::Conv2d(nn::Conv2dOptions(in, out, 3).stride(2).padding(1));
  }
  double lr;
  nn::Sequential net{
      conv(1, kWidth), nn::ReLU(),    conv(kWidth, 2 * kWidth),
      nn::ReLU(),      nn::Flatten(), nn::Linear(2 * kWidth * 7 * 7, 10)};
  bolt::metrics::Accuracy accuracy{{.num_classes = 10}};
};

using Flags = std::map<std::string, std::string>;

std::vector<bolt::LoggerHandle> make_loggers(const Flags& flags) {
  const std::filesystem::path out = flags.at("--out");
  const std::string wanted = "," + flags.at("--logger") + ",";
  const auto wants = [&](const std::string& name) {
    return wanted.find("," + name + ",") != std::string::npos;
  };
  std::vector<bolt::LoggerHandle> loggers;
  if (wants("tensorboard")) {
    loggers.push_back(bolt::TensorBoardLogger(
        {.save_dir = out, .name = "tensorboard", .log_graph = true}));
  }
  if (wants("csv")) {
    loggers.push_back(bolt::CSVLogger({.save_dir = out, .name = "csv"}));
  }
  if (wants("jsonl")) {
    loggers.push_back(bolt::JSONLLogger({.save_dir = out, .name = "jsonl"}));
  }
  if (wants("wandb")) {
    loggers.push_back(
        bolt::WandbLogger({.save_dir = out, .project = "fashion-mnist"}));
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
  Classifier model(2e-3);
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
  for (int k = 1; k < argc; k += 2) {
    const auto flag = flags.find(argv[k]);
    const bool good = flag != flags.end() && k + 1 < argc;
    if (!good) throw std::invalid_argument("the flags are in trackers.cpp");
    flag->second = argv[k + 1];
  }
  run(flags);
} catch (const std::exception& error) {
  std::fprintf(stderr, "error: %s\n", error.what());
  return 1;
}
