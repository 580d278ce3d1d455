#include <torch/torch.h>
#include <torchbolt/torchbolt.h>

struct Batch {
  torch::Tensor x;
};
struct Model : bolt::LightningModule<Batch> {};

void wrong(bolt::Trainer& trainer, Model& model) {
  const std::vector<Batch> loader;
  trainer.fit(model, loader);
}
