#include <torchbolt/callbacks/summarize.h>
#include <torchbolt/ui/format.h>
#include <torchbolt/ui/table.h>
#include <torchbolt/ui/text.h>

#include <array>
#include <cstdio>
#include <utility>

namespace bolt {
namespace {

std::string sizes_text(const std::optional<std::vector<int64_t>>& sizes) {
  if (!sizes) return "?";
  std::string text;
  for (const int64_t size : *sizes) {
    text += (text.empty() ? "" : ", ") + std::to_string(size);
  }
  return "[" + text + "]";
}

std::string table(const Summary& summary, int width, bool unicode) {
  std::vector<std::string> header{"", "Name", "Type", "Params", "Mode"};
  if (summary.ran) {
    header.insert(header.end(), {"FLOPs", "In sizes", "Out sizes"});
  }
  std::vector<std::vector<std::string>> rows;
  for (const LayerSummary& layer : summary.layers) {
    const bool other = layer.type == "n/a";
    std::vector<std::string> row{other ? "" : std::to_string(rows.size()),
                                 layer.name, layer.type,
                                 ui::format_count(layer.parameters),
                                 other            ? "n/a"
                                 : layer.training ? "train"
                                                  : "eval"};
    if (summary.ran) {
      row.push_back(ui::format_count(layer.flops));
      row.push_back(sizes_text(layer.in_size));
      row.push_back(sizes_text(layer.out_size));
    }
    rows.push_back(std::move(row));
  }
  return ui::draw_table(
      header, rows, {.width = width, .unicode = unicode, .left_aligned = 3});
}

}  // namespace

std::string to_text(const Summary& summary, int width, bool unicode) {
  std::string text;
  if (!summary.layers.empty()) text = table(summary, width, unicode) + "\n";
  const auto line = [&](const std::string& value, const std::string& what) {
    const std::string whole = ui::pad_right(value, 10) + what;
    text += (width > 0 ? ui::cut(whole, width, unicode) : whole) + "\n";
  };
  std::array<char, 32> megabytes{};
  std::snprintf(megabytes.data(), megabytes.size(), "%.3f", summary.model_size);
  line(ui::format_count(summary.trainable_parameters), "Trainable params");
  line(ui::format_count(summary.non_trainable_parameters),
       "Non-trainable params");
  line(ui::format_count(summary.total_parameters()), "Total params");
  line(megabytes.data(), "Total estimated model params size (MB)");
  line(std::to_string(summary.modules_in_train_mode), "Modules in train mode");
  line(std::to_string(summary.modules_in_eval_mode), "Modules in eval mode");
  if (summary.ran) line(ui::format_count(summary.total_flops), "Total FLOPs");
  text.pop_back();
  return text;
}

}  // namespace bolt
