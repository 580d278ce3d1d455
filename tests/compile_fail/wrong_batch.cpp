#include <torch/torch.h>
#include <torchbolt/torchbolt.h>

struct Model : bolt::LightningModule<> {};

void wrong(bolt::Trainer& trainer, Model& model) {
  const std::vector<torch::Tensor> loader;
  trainer.fit(model, loader);
}
