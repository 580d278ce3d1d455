#include <torchbolt/data/data_module.h>
#include <torchbolt/data/datasets_module.h>

#include <string>
#include <string_view>

namespace bolt {
namespace {

std::string line(std::string_view stage, const Loaders& loaders) {
  std::string text = "{" + std::string(stage) + " dataloader: ";
  if (!loaders.defined()) return text + "None}";
  for (std::size_t k = 0; k < loaders.count(); ++k) {
    if (loaders.count() > 1) {
      text += (k > 0 ? " ; " : "") + std::to_string(k + 1) + ". ";
    }
    const auto size = loaders[k].size();
    text += "size=" + (size ? std::to_string(*size) : "NA");
  }
  return text + "}";
}

}  // namespace

std::string describe(LightningDataModule& data) {
  return line("Train", data.train_dataloader()) + "\n" +
         line("Validation", data.val_dataloader()) + "\n" +
         line("Test", data.test_dataloader()) + "\n" +
         line("Predict", data.predict_dataloader());
}

}  // namespace bolt
