// Logs a run through WandbLogger for check_wandb.py and compare_wandb.py, as a
// program would.
//
//   wandb_run FOLDER rows N [S]   N rows, all kinds of media, settings; the end
//                                 waits S seconds for the upload
//   wandb_run FOLDER model        a checkpoint as an artifact
//   wandb_run FOLDER golden FILE  what compare_wandb.py logs in Python
//   wandb_run FOLDER sizes        rows of many lengths, for the blocks' borders
//   wandb_run FOLDER live         rows for as long as standard input has lines
//   wandb_run FOLDER forever      rows until it is killed
//   wandb_run FOLDER trainer      a real Trainer
//
// WANDB_* variables say the rest. It prints the log's path.

#include <torch/torch.h>
#include <torchbolt/torchbolt.h>

#include <cmath>
#include <fstream>
#include <iostream>
#include <limits>
#include <string>

namespace {

using bolt::State;

// A callback that has written a file.
class OneCheckpoint final : public bolt::CheckpointCallback {
 public:
  explicit OneCheckpoint(std::filesystem::path path) : path_(std::move(path)) {}
  std::vector<bolt::KeptCheckpoint> kept_checkpoints() const override {
    return {{.path = path_, .score = 0.25, .best = true, .last = true}};
  }
  State settings() const override {
    return State::map({{"monitor", "val/loss"}});
  }

 private:
  std::filesystem::path path_;
};

// Ten steps apart, with names and numbers that need care.
void log_rows(bolt::WandbLogger& logger, int64_t rows) {
  for (int64_t k = 0; k < rows; ++k) {
    const auto x = static_cast<double>(k);
    logger.log_metrics(
        {{"loss", 1.0 / (x + 3)},
         {"odd.name\\/ä", x * 1e-7},
         {"nan", k == 1 ? std::nan("") : x},
         {"inf", k == 1 ? -std::numeric_limits<double>::infinity() : x}},
        10 * k);
  }
}

void log_all_kinds(bolt::WandbLogger& logger, int64_t rows) {
  logger.log_hyperparams(
      State::map({{"lr", 0.1},
                  {"layers", State::list({1, 2})},
                  {"nested", State::map({{"a", true}, {"b", "x\xff"}})},
                  {"inf", std::numeric_limits<double>::infinity()}}));
  logger.log_output("first line\nsecond ");
  logger.log_output("half\n");
  log_rows(logger, rows);
  logger.log_histogram("weights", bolt::histogram_of(torch::arange(100.0), 4),
                       7);
  logger.log_image("one/picture", torch::linspace(0, 1, 60).view({3, 4, 5}), 7);
  logger.log_image("two", torch::zeros({2, 1, 6, 7}), 8);
  logger.log_text("note", "# Title\n\"quoted\"", 8);
  logger.log_table(
      "table",
      bolt::Table(
          {{.name = "n", .values = torch::arange(2)},
           {.name = "t", .values = std::vector<std::string>{"a", "b"}}}),
      9);
}

void log_golden(bolt::WandbLogger& logger,
                const std::filesystem::path& checkpoint) {
  logger.log_hyperparams(
      State::map({{"lr", 0.1},
                  {"layers", State::list({1, 2})},
                  {"nested", State::map({{"a", true}, {"b", "x"}})}}));
  logger.log_output("first line\n");
  log_rows(logger, 3);
  logger.log_histogram("weights", bolt::histogram_of(torch::arange(100.0), 4),
                       30);
  logger.log_image("one/picture",
                   torch::arange(60, torch::kByte).view({3, 4, 5}), 31);
  logger.log_image("two", torch::arange(84, torch::kByte).view({2, 1, 6, 7}),
                   32);
  logger.log_text("note", "# Title\n\"quoted\"", 33);
  logger.log_table(
      "a table",
      bolt::Table(
          {{.name = "n", .values = torch::arange(2)},
           {.name = "t", .values = std::vector<std::string>{"a", "b"}}}),
      34);
  logger.after_save_checkpoint(OneCheckpoint(checkpoint));
}

void log_sizes(bolt::WandbLogger& logger) {
  for (std::size_t n = 0; n < 300; ++n) {
    logger.log_output(std::string(331 * n % 1009 + n % 7, 'x') + "\n");
    if (n % 60 == 0)
      logger.log_output(std::string(33'000 + 1234 * n, 'y') + "\n");
  }
  logger.log_metrics({{"last", 1}}, 0);
}

struct Model : bolt::LightningModule<> {
  torch::nn::Linear layer{4, 2};
  Model() { register_module("layer", layer); }
  bolt::StepOutput training_step(const Batch& batch,
                                 bolt::StepContext&) override {
    auto loss = torch::nn::functional::cross_entropy(layer->forward(batch.data),
                                                     batch.target);
    log("train/loss", loss);
    return loss;
  }
  bolt::OptimizerConfig configure_optimizers() override {
    return bolt::optim::SGD(parameters(), {.lr = 0.1});
  }
};

void train(const std::filesystem::path& folder) {
  Model model;
  const bolt::TensorDataset data(torch::rand({64, 4}), torch::randint(2, {64}));
  bolt::DataLoader loader(data, {.batch_size = 8});
  bolt::Trainer trainer(
      {.max_epochs = 2,
       .logger = {bolt::WandbLogger({.log_model = bolt::LogModel::all()})},
       .log_every_n_steps = 1,
       .enable_progress_bar = false,
       .default_root_dir = folder});
  trainer.fit(model, loader);
}

}  // namespace

int main(int argc, char** argv) {
  const std::filesystem::path folder = argv[1];
  const std::string what = argv[2];
  if (what == "trainer") {
    train(folder);
    return 0;
  }
  bolt::WandbLogger logger(
      {.save_dir = folder,
       .log_model = what == "model" || what == "golden",
       .finish_timeout = std::chrono::seconds(
           what == "rows" && argc > 4 ? std::stoi(argv[4]) : 40)});
  logger.start();
  std::cout << logger.log_path().string() << std::endl;
  if (what == "rows") log_all_kinds(logger, std::stoll(argv[3]));
  if (what == "golden") log_golden(logger, argv[3]);
  if (what == "sizes") log_sizes(logger);
  if (what == "model") {
    const auto path = folder / "best.ckpt";
    std::ofstream(path) << std::string(3'000'000, 'w');
    logger.after_save_checkpoint(OneCheckpoint(path));
    logger.log_metrics({{"loss", 1}}, 0);
  }
  if (what == "live") {
    int64_t step = 0;
    for (std::string line; std::getline(std::cin, line); ++step) {
      logger.log_metrics({{"loss", static_cast<double>(step)}}, step);
      logger.flush();
      std::cout << step << std::endl;
    }
  }
  if (what == "forever") {
    for (int64_t step = 0;; ++step) {
      logger.log_metrics({{"loss", static_cast<double>(step)}}, step);
      logger.log_output(std::string(17 * step % 60'000, 'x') + "\n");
      logger.flush();
      std::cout << step << std::endl;
    }
  }
  logger.finalize(bolt::LoggerStatus::kSuccess);
}
