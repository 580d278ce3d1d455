// Trains with loggers that write into a folder, on a disk that has no room for
// it, or that hangs after a while: then each write and flush of a file there
// waits forever. It ends as if it were written. full_disk.py and
// hanging_disk.py run it.
//
//   bad_disk_job FOLDER LOGGER...          csv jsonl mlflow tensorboard wandb
//   bad_disk_job --hang FOLDER LOGGER...

#include <sys/syscall.h>
#include <torch/torch.h>
#include <torchbolt/torchbolt.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>
#include <vector>

namespace {

std::filesystem::path folder;
bool shall_hang = false;
std::atomic<bool> hangs{false};

void reach_disk(int file) {
  if (!hangs) return;
  std::error_code error;
  const auto path = std::filesystem::read_symlink(
      "/proc/self/fd/" + std::to_string(file), error);
  while (path.string().starts_with(folder.string())) ::pause();
}

}  // namespace

// These are called in place of the C library's.
extern "C" {
ssize_t write(int file, const void* bytes, size_t count) {
  reach_disk(file);
  return ::syscall(SYS_write, file, bytes, count);
}
ssize_t pwrite(int file, const void* bytes, size_t count, off_t at) {
  reach_disk(file);
  return ::syscall(SYS_pwrite64, file, bytes, count, at);
}
int fdatasync(int file) {
  reach_disk(file);
  return static_cast<int>(::syscall(SYS_fdatasync, file));
}
}

namespace {

struct Model : bolt::LightningModule<> {
  torch::nn::Linear layer{4, 2};
  Model() {
    register_module("layer", layer);
    save_hyperparameters({{"lr", 0.1}});
  }
  bolt::StepOutput training_step(const Batch& batch,
                                 bolt::StepContext& context) override {
    auto loss = torch::nn::functional::cross_entropy(layer->forward(batch.data),
                                                     batch.target);
    log("loss", 0.5 * static_cast<double>(context.batch_idx));
    for (int k = 0; k < 50; ++k) log("metric" + std::to_string(k), loss);
    if (context.batch_idx == 500) hangs = shall_hang;
    if (context.batch_idx % 50 == 0) {
      log_image("picture", torch::rand({3, 64, 64}));
      log_histogram("weights", layer->weight);
      log_text("text", std::string(1000, 'x'));
    }
    return loss;
  }
  void test_step(const Batch&, bolt::StepContext&) override {
    log("test/loss", 1);
  }
  bolt::OptimizerConfig configure_optimizers() override {
    return bolt::optim::SGD(parameters(), {.lr = 0.1});
  }
};

bolt::LoggerHandle make_logger(const std::string& name) {
  if (name == "csv") {
    return bolt::CSVLogger({.save_dir = folder, .name = name});
  }
  if (name == "jsonl") {
    return bolt::JSONLLogger({.save_dir = folder, .name = name});
  }
  if (name == "mlflow") {
    return bolt::MLflowLogger({.experiment_name = name, .save_dir = folder});
  }
  if (name == "tensorboard") {
    return bolt::TensorBoardLogger({.save_dir = folder, .name = name});
  }
  if (name == "wandb") {
    return bolt::WandbLogger(
        {.save_dir = folder / name / "version_0", .offline = true});
  }
  throw bolt::Error({.where = "bad_disk_job", .what = "no logger " + name});
}

}  // namespace

int main(int argc, char** argv) try {
  std::vector<std::string> words(argv + 1, argv + argc);
  shall_hang = !words.empty() && words[0] == "--hang";
  if (shall_hang) words.erase(words.begin());
  if (words.size() < 2) {
    std::fprintf(stderr, "usage: bad_disk_job [--hang] FOLDER LOGGER...\n");
    return 2;
  }
  folder = std::filesystem::absolute(words[0]);
  Model model;
  const bolt::TensorDataset data(torch::rand({8'000, 4}),
                                 torch::randint(2, {8'000}));
  bolt::DataLoader loader(data, {.batch_size = 4});
  std::vector<bolt::LoggerHandle> loggers;
  for (std::size_t k = 1; k < words.size(); ++k) {
    loggers.push_back(make_logger(words[k]));
  }
  bolt::Trainer trainer({.max_epochs = 1,
                         .logger = loggers,
                         .log_every_n_steps = 1,
                         .enable_checkpointing = false,
                         .enable_progress_bar = false,
                         .default_root_dir = folder});
  trainer.fit(model, loader);
  trainer.test(model, loader);
  std::printf("%lld steps\n", static_cast<long long>(trainer.global_step()));
} catch (const std::exception& error) {
  std::fprintf(stderr, "error: %s\n", error.what());
  return 1;
}
