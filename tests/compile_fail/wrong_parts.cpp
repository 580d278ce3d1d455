#include <torch/torch.h>
#include <torchbolt/torchbolt.h>

using Batch = std::tuple<torch::Tensor, torch::data::Example<>>;
struct Model : bolt::LightningModule<Batch> {};

void wrong(bolt::Trainer& trainer, Model& model) {
  const std::vector<torch::Tensor> a, b;
  trainer.fit(model, {a, b});
}
