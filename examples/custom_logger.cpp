// A logger of one's own: metrics and settings as JSON, one object a line, which
// jq, pandas (read_json(lines=True)) and everything else can read.
//
//   build/dev/bin/custom_logger [FILE]        default: metrics.jsonl
//
// Prints "wrote 17 lines to metrics.jsonl"; they begin with
//
//   {"hparams": {"lr": 0.1, "hidden": 8}}
//   {"step": 4, "epoch": 0, "train/loss_step": 2.0049653053283691}
//
// and end with {"finished": "success"}.

#include <torch/torch.h>
#include <torchbolt/core/number.h>
#include <torchbolt/torchbolt.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

namespace nn = torch::nn;
namespace F = torch::nn::functional;

std::string number(double value) {
  return std::isfinite(value) ? bolt::shortest(value)
                              : "null";  // no NaN in JSON
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < ' ') {
      char code[8];
      std::snprintf(code, sizeof code, "\\u%04x", c);
      out += code;
    } else {
      out += c;
    }
  }
  return out + '"';
}

class JsonLinesLogger final : public bolt::Logger {
 public:
  explicit JsonLinesLogger(std::filesystem::path path)
      : path_(std::move(path)) {}

  std::string name() const override { return "json_lines"; }
  std::string version() const override { return ""; }
  std::optional<std::filesystem::path> save_dir() const override {
    return path_.parent_path();
  }

  // Before the run's first hook: what can't be written is better known now.
  void start() override {
    if (file_.is_open()) return;  // a second run of the same Trainer
    file_.open(path_);
    check();
  }

  void log_hyperparams(const bolt::State& params) override {
    std::string fields;
    for (const auto& [key, value] : params.entries()) {
      if (!fields.empty()) fields += ", ";
      fields +=
          quoted(std::get<std::string>(key)) + ": " +
          (value.is_int() || value.is_double() ? number(value.as_double())
                                               : quoted(value.to_string()));
    }
    write("{\"hparams\": {" + fields + "}}");
  }

  void log_metrics(const bolt::MetricMap& metrics, int64_t step) override {
    std::string line = "{\"step\": " + std::to_string(step);
    for (const auto& [name, value] : metrics) {
      line += ", " + quoted(name) + ": " + number(value);
    }
    write(line + "}");
  }

  void save() override { file_.flush(), check(); }

  void finalize(bolt::LoggerStatus status) override {
    write(std::string("{\"finished\": ") +
          (status == bolt::LoggerStatus::kFailed ? "\"failed\"}"
                                                 : "\"success\"}"));
    save();
  }

  int64_t lines() const { return lines_; }

 private:
  void write(const std::string& line) {
    file_ << line << '\n';
    check();
    ++lines_;
  }
  void check() const {
    if (!file_) {
      throw bolt::Error({.where = "JsonLinesLogger",
                         .what = "can't write " + path_.string()});
    }
  }

  std::filesystem::path path_;
  std::ofstream file_{};
  int64_t lines_ = 0;
};

struct Regression : bolt::LightningModule<> {
  Regression() {
    register_module("net", net);
    save_hyperparameters({{"lr", 0.1}, {"hidden", 8}});
  }
  bolt::StepOutput training_step(const Batch& batch,
                                 bolt::StepContext&) override {
    auto loss = F::mse_loss(net->forward(batch.data), batch.target);
    log("train/loss", loss, {.on_step = true, .on_epoch = true});
    return loss;
  }
  bolt::OptimizerConfig configure_optimizers() override {
    return torch::optim::SGD(parameters(), 0.1);
  }
  nn::Sequential net{nn::Linear(4, 8), nn::Tanh(), nn::Linear(8, 1)};
};

int main(int argc, char** argv) {
  const std::filesystem::path path = argc > 1 ? argv[1] : "metrics.jsonl";
  torch::manual_seed(1);
  auto x = torch::randn({320, 4});
  bolt::DataLoader train(bolt::TensorDataset(x, x.sum(1, true)),
                         {.batch_size = 16, .shuffle = true});
  // Can't be copied (it has a file), so it is given as a shared_ptr.
  auto logger = std::make_shared<JsonLinesLogger>(path);
  Regression model;
  bolt::Trainer trainer(
      {.max_epochs = 3, .logger = {logger}, .log_every_n_steps = 5});
  trainer.fit(model, train);
  std::printf("wrote %d lines to %s\n", static_cast<int>(logger->lines()),
              path.c_str());
}
