// A generative adversarial network that learns to draw clothes: manual
// optimization with two optimizers, on Fashion-MNIST's 60,000 images.
//
//   build/dev/bin/gan --epochs 4
//   --data DIR   the .gz files; Debian's package dataset-fashion-mnist
//   --epochs N   --batch-size N   --batches N (at most, an epoch)   --out DIR
//
// Writes what the generator draws after each epoch, from the same random
// numbers each time, and ends with the path of the last one, such as
//
//   samples  ./lightning_logs/version_0/samples/epoch_3.png

#include <torch/torch.h>
#include <torchbolt/torchbolt.h>

#include <cstdio>
#include <filesystem>
#include <map>
#include <string>

namespace nn = torch::nn;
namespace F = torch::nn::functional;
using torch::Tensor;

constexpr int64_t kLatent = 64, kWidth = 32;

// From 28 pixels each way to 14 to 7, and the other way round.
nn::Conv2d down(int64_t in, int64_t out) {
  return nn::Conv2d(nn::Conv2dOptions(in, out, 4).stride(2).padding(1));
}
nn::ConvTranspose2d up(int64_t in, int64_t out) {
  return nn::ConvTranspose2d(
      nn::ConvTranspose2dOptions(in, out, 4).stride(2).padding(1));
}
const auto kLeaky = nn::LeakyReLUOptions().negative_slope(0.2);

struct Gan : bolt::LightningModule<> {
  Gan() {
    register_module("generator", generator);
    register_module("discriminator", discriminator);
    automatic_optimization = false;
  }

  // How far the discriminator is from its target: 1 for real images.
  Tensor loss(const Tensor& images, double target) {
    auto logits = discriminator->forward(images);
    return F::binary_cross_entropy_with_logits(
        logits, torch::full_like(logits, target));
  }

  bolt::StepOutput training_step(const Batch& batch,
                                 bolt::StepContext&) override {
    auto latent = torch::randn({batch.data.size(0), kLatent});
    auto fake = generator->forward(latent.to(device()));
    minimize("discriminator", [&] {
      // Not quite sure of the real ones, so that the generator can follow.
      return loss(batch.data, 0.9) + loss(fake.detach(), 0);
    });
    minimize("generator", [&] { return loss(fake, 1); });
    return {};
  }

  template <class Loss>
  void minimize(const std::string& name, const Loss& compute) {
    auto opt = optimizer(name);
    auto toggled = toggled_optimizer(opt);  // the other network stands still
    auto value = compute();
    opt.zero_grad();
    manual_backward(value);
    opt.step();
    log("loss/" + name, value, {.prog_bar = true});
  }

  bolt::OptimizerConfig configure_optimizers() override {
    const bolt::optim::AdamOptions options{.lr = 4e-4, .betas = {0.5, 0.999}};
    const auto adam = [&](nn::Sequential& network) {
      return std::make_shared<bolt::optim::Adam>(network->parameters(),
                                                 options);
    };
    return {{.optimizer = adam(generator), .name = "generator"},
            {.optimizer = adam(discriminator), .name = "discriminator"}};
  }

  // clang-format off
  nn::Sequential generator{
      nn::Linear(kLatent, 2 * kWidth * 7 * 7),
      nn::Unflatten(nn::UnflattenOptions(1, {2 * kWidth, 7, 7})),
      nn::BatchNorm2d(2 * kWidth), nn::ReLU(), up(2 * kWidth, kWidth),
      nn::BatchNorm2d(kWidth), nn::ReLU(), up(kWidth, 1), nn::Tanh()};
  nn::Sequential discriminator{
      down(1, kWidth), nn::LeakyReLU(kLeaky), down(kWidth, 2 * kWidth),
      nn::LeakyReLU(kLeaky), nn::Flatten(), nn::Dropout(0.3),
      nn::Linear(2 * kWidth * 7 * 7, 1)};
  // clang-format on
};

// Draws a grid of pictures after each epoch.
struct SampleGrid : bolt::Callback {
  void on_train_epoch_end(bolt::Trainer& trainer, bolt::Module& m) override {
    auto& gan = dynamic_cast<Gan&>(m);
    const torch::NoGradGuard no_grad;
    gan.eval();
    auto images = gan.generator->forward(latent.to(gan.device()));
    gan.train();
    const auto epoch = std::to_string(trainer.current_epoch());
    path = trainer.log_dir() / "samples" / ("epoch_" + epoch + ".png");
    bolt::write_png(path, bolt::make_grid((images + 1) / 2));
  }
  std::filesystem::path path{};
  Tensor latent = torch::randn({64, kLatent});
};

void run(const std::map<std::string, std::string>& flags) {
  bolt::seed_everything(1);
  auto images =
      bolt::read_idx(flags.at("--data") + "/train-images-idx3-ubyte.gz");
  auto scaled = images.to(torch::kFloat).div_(127.5).sub_(1).unsqueeze(1);
  bolt::TensorDataset clothes(scaled, scaled);  // nobody asks for their kinds
  const int64_t batch_size = std::stoll(flags.at("--batch-size"));
  bolt::DataLoader train(clothes, {.batch_size = batch_size, .shuffle = true});

  Gan gan;
  bolt::Trainer trainer({
      .max_epochs = std::stoll(flags.at("--epochs")),
      .limit_train_batches = std::stoll(flags.at("--batches")),
      .callbacks = {SampleGrid()},
      .default_root_dir = flags.at("--out"),
  });
  trainer.fit(gan, train);
  std::printf("samples  %s\n", trainer.callback<SampleGrid>().path.c_str());
}

int main(int argc, char** argv) try {
  std::map<std::string, std::string> flags{
      {"--data", "/usr/share/datasets/fashion-mnist"},
      {"--out", "."},
      {"--epochs", "4"},
      {"--batch-size", "64"},
      {"--batches", "1000"}};
  for (int k = 1; k < argc; k += 2) {
    const auto flag = flags.find(argv[k]);
    const bool good = flag != flags.end() && k + 1 < argc;
    if (!good) throw std::invalid_argument("the flags are in gan.cpp");
    flag->second = argv[k + 1];
  }
  run(flags);
} catch (const std::exception& error) {
  std::fprintf(stderr, "error: %s\n", error.what());
  return 1;
}
