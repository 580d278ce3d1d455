// Logs as fast as it can to all loggers that write files, and says after each
// flush which step was the last before it. killed_logs.py kills it.
//
//   log_job FOLDER

#include <torch/torch.h>
#include <torchbolt/torchbolt.h>

#include <cstdio>
#include <exception>
#include <filesystem>

int main(int argc, char** argv) try {
  if (argc != 2) {
    std::fprintf(stderr, "usage: log_job FOLDER\n");
    return 2;
  }
  const std::filesystem::path folder = argv[1];
  bolt::TensorBoardLogger board({.save_dir = folder, .name = "tensorboard"});
  bolt::CSVLogger csv({.save_dir = folder, .name = "csv"});
  bolt::JSONLLogger lines({.save_dir = folder, .name = "jsonl"});
  bolt::WandbLogger wandb(
      {.save_dir = folder / "wandb" / "version_0", .offline = true});
  bolt::MLflowLogger mlflow({.experiment_name = "mlflow", .save_dir = folder});
  const std::vector<bolt::Logger*> loggers{&board, &csv, &lines, &wandb,
                                           &mlflow};
  const auto weights = torch::rand({1000});
  for (int64_t step = 0;; ++step) {
    for (bolt::Logger* logger : loggers) {
      logger->log_metrics({{"loss", 0.5 * static_cast<double>(step)}}, step);
      if (step % 50 == 0) {
        logger->log_histogram("h", bolt::histogram_of(weights), step);
      }
      // A column that comes later: the CSV file is written anew.
      if (step % 97 == 96) {
        const std::string name = "extra" + std::to_string(step / 970);
        logger->log_metrics({{name, 1}}, step);
      }
    }
    if (step % 23 != 0) continue;
    for (bolt::Logger* logger : loggers) logger->flush();
    std::printf("%lld\n", static_cast<long long>(step));
    std::fflush(stdout);
  }
} catch (const std::exception& error) {
  std::fprintf(stderr, "error: %s\n", error.what());
  return 1;
}
