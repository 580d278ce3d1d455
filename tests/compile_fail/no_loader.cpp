#include <torch/torch.h>
#include <torchbolt/torchbolt.h>

struct Model : bolt::LightningModule<> {};

void wrong(bolt::Trainer& trainer, Model& model) { trainer.fit(model, 42); }
