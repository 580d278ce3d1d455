// Writes runs with a TensorBoardLogger, and what their readers must find in
// FOLDER/expected.json.
//
//   tensorboard_run FOLDER
//   tensorboard_run FOLDER golden  what compare_tensorboard.py logs in Python
//   tensorboard_run FOLDER live    logs steps 0 to 99, says so, and on a line
//   of
//                                  input goes on from step 80 to 119

#include <torch/torch.h>
#include <torchbolt/torchbolt.h>

#include <cmath>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

namespace {

using nlohmann::json;
namespace fs = std::filesystem;

struct Net : bolt::LightningModule<> {
  Net() {
    register_module("body", body);
    register_module("head", head);
  }
  torch::nn::Sequential body{torch::nn::Linear(8, 16), torch::nn::ReLU()};
  torch::nn::Linear head{16, 3};
};

bolt::TensorBoardLogger logger_of(const fs::path& folder,
                                  const std::string& version,
                                  const std::string& name = "runs") {
  return bolt::TensorBoardLogger({.save_dir = folder,
                                  .name = name,
                                  .version = version,
                                  .log_graph = true});
}

// JSON has no such numbers: as Python's float() reads them.
json number(double value) {
  if (std::isfinite(value)) return value;
  return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

json of(const bolt::Histogram& h) {
  return {{"limits", h.limits}, {"counts", h.counts}};
}

// A value of each kind.
json everything(const fs::path& folder) {
  json expected;
  auto logger = logger_of(folder, "everything");
  logger.start();
  logger.log_hyperparams(
      bolt::State::map({{"lr", 0.125},
                        {"layers", bolt::State::list({1, 2})},
                        {"fast", true},
                        {"net", bolt::State::map({{"name", "größe"}})}}),
      {{"hp/score", 0.5}});
  Net net;
  net.example_input_array = torch::zeros({4, 8});
  logger.log_graph(net);
  for (int64_t step = 0; step < 200; ++step) {
    const double x = static_cast<double>(step);
    const bolt::MetricMap row{{"train/loss", 1 / (x + 3)},
                              {"odd name, \"quoted\"", std::sin(x) * 1e-30}};
    logger.log_metrics(row, step);
    for (const auto& [name, value] : row) {
      expected["scalars"][name].push_back({step, value});
    }
  }
  int64_t step = 0;
  for (const double value :
       {double(INFINITY), -double(INFINITY), double(NAN), 1e38, 1e-45}) {
    logger.log_metrics({{"extreme", value}}, step);
    expected["scalars"]["extreme"].push_back({step++, number(value)});
  }
  torch::manual_seed(1);
  for (step = 0; step < 3; ++step) {
    const auto h = bolt::histogram_of(torch::randn({1000}), 16);
    logger.log_histogram("weights", h, step);
    expected["histograms"]["weights"].push_back(of(h));
  }
  const auto image = torch::randint(256, {3, 5, 7}, torch::kByte);
  logger.log_image("picture", image, 0);
  logger.log_image("several", torch::rand({3, 1, 4, 6}), 1);
  const auto pixels = image.permute({1, 2, 0}).contiguous();
  const auto* first = pixels.const_data_ptr<uint8_t>();
  expected["picture"] = std::vector<int>(first, first + pixels.numel());
  bolt::write_png(folder / "figure.png", image);
  logger.log_figure("figure", bolt::Figure::read(folder / "figure.png"), 2);
  logger.log_text("note", "some **bold** text, größe <b>no tag</b>", 3);
  logger.log_table(
      "scores",
      bolt::Table({{"class", std::vector<std::string>{"a", "b"}},
                   {"n", torch::tensor({int64_t{7}, int64_t{8}})},
                   {"f1", torch::tensor({0.5, 0.25}, torch::kDouble)}}),
      4);
  const auto labels = torch::randint(2, {500});
  const auto scores = torch::rand({500});
  logger.log_pr_curve("pr", labels, scores, 5, 11);
  const auto as_doubles = [](const torch::Tensor& t) {
    const auto d = t.to(torch::kDouble).contiguous();
    return std::vector<double>(d.const_data_ptr<double>(),
                               d.const_data_ptr<double>() + d.numel());
  };
  expected["pr"] = {{"labels", as_doubles(labels)},
                    {"scores", as_doubles(scores)}};
  logger.log_layout(
      {{.title = "Losses",
        .charts = {{.title = "lines", .tags = {"train/loss", "val/.*"}},
                   {.title = "band",
                    .bands = {{"train/loss", "extreme", "hp/score"}}}}}});
  logger.log_embedding(
      "points", torch::arange(12).reshape({4, 3}), 6,
      {.labels = {"a", "b", "c", "d"}, .images = torch::rand({4, 3, 8, 8})});
  logger.finalize(bolt::LoggerStatus::kSuccess);
  return expected;
}

// Steps 0 to 99, a checkpoint's state at 80, and a process that goes on there.
void resumed(const fs::path& folder) {
  bolt::State state;
  auto first = logger_of(folder, "resumed");
  for (int64_t step = 0; step < 100; ++step) {
    if (step == 80) state = first.state();
    first.log_metrics({{"loss", 0.01 * static_cast<double>(step)}}, step);
  }
  first.finalize(bolt::LoggerStatus::kFailed);
  auto second = logger_of(folder, "resumed");
  if (!second.resume(state)) throw std::runtime_error("it can't go on");
  for (int64_t step = 80; step < 120; ++step) {
    second.log_metrics({{"loss", 0.01 * static_cast<double>(step)}}, step);
  }
  second.finalize(bolt::LoggerStatus::kSuccess);
}

// What a server may stumble over: no UTF-8, no values, no room.
void odd(const fs::path& folder) {
  auto logger = logger_of(folder, "odd", "odd");
  logger.log_hyperparams(
      bolt::State::map({{"k\xff", "v\xff\n\"x\" # \xe2\x80\xa8"},
                        {"nan", std::nan("")},
                        {"none", bolt::State()}}),
      {{"score\xff", 0.5}});
  logger.log_metrics(
      {{"a\xff", 1}, {"line\nbreak", 2}, {"日本/größe", 3}, {"/b/", 4}}, -1);
  logger.log_histogram("empty", bolt::histogram_of(torch::empty({0})), 0);
  logger.log_histogram("nan", bolt::histogram_of(torch::full({3}, NAN)), 0);
  logger.log_histogram(
      "inf", bolt::histogram_of(torch::tensor({INFINITY, 1.0F, -1.0F})), 0);
  logger.log_histogram("none", bolt::Histogram(), 0);
  logger.log_histogram("one", bolt::histogram_of(torch::ones({5}), 1), 0);
  logger.log_text("text\xff", std::string(1'000'000, 'x') + "\xff", 0);
  logger.log_text("nothing", "", 0);
  logger.log_image("rgba\xff", torch::rand({6, 4, 4}).permute({2, 1, 0}), 0);
  logger.log_image("grey", torch::rand({4, 6}).to(torch::kHalf), 0);
  logger.log_image("no picture", torch::zeros({}), 0);
  logger.log_embedding("e\xff/ä\n\"", torch::ones({2, 2}), 0,
                       {.labels = {"x\xff", "y\tz"}});
  logger.finalize(bolt::LoggerStatus::kFailed);
}

// What compare_tensorboard.py logs by torch's own writer.
void golden(const fs::path& folder) {
  auto logger = logger_of(folder, "ours", "");
  logger.log_hyperparams(
      bolt::State::map({{"lr", 0.125}, {"fast", true}, {"net", "größe"}}),
      {{"hp/score", 0.5}});
  for (int64_t step = 0; step < 100; ++step) {
    const double x = static_cast<double>(step);
    logger.log_metrics({{"loss", step == 50 ? std::nan("") : 1 / (x + 3)}},
                       step);
  }
  logger.log_histogram(
      "weights", bolt::histogram_of(torch::arange(100.0).square(), 10), 1);
  logger.log_image("picture", torch::arange(60, torch::kByte).view({3, 4, 5}),
                   2);
  logger.log_text("note", "some **bold** text", 3);
  const auto scores = torch::arange(100.0).div(128);
  logger.log_pr_curve("pr", torch::arange(100).remainder(3).eq(1), scores, 4);
  logger.log_layout(
      {{.title = "Losses",
        .charts = {{.title = "lines", .tags = {"loss", "hp/.*"}},
                   {.title = "band", .bands = {{"loss", "loss", "loss"}}}}}});
  logger.log_embedding("points", torch::arange(12).reshape({4, 3}), 5,
                       {.labels = {"a", "b", "c", "d"}});
  logger.finalize(bolt::LoggerStatus::kSuccess);
}

void live(const fs::path& folder) {
  bolt::State state;
  auto first = logger_of(folder, "live");
  for (int64_t step = 0; step < 100; ++step) {
    if (step == 80) state = first.state();
    first.log_metrics({{"loss", step}}, step);
  }
  first.flush();
  std::printf("logged\n");
  std::fflush(stdout);
  std::getchar();
  auto second = logger_of(folder, "live");
  if (!second.resume(state)) throw std::runtime_error("it can't go on");
  for (int64_t step = 80; step < 120; ++step) {
    second.log_metrics({{"loss", -step}}, step);
  }
  second.flush();
  while (std::getchar() != EOF) continue;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 2 && argc != 3) {
    std::fprintf(stderr, "usage: tensorboard_run FOLDER [live|golden]\n");
    return 2;
  }
  const fs::path folder = argv[1];
  fs::create_directories(folder);
  if (argc == 3) {
    if (std::string(argv[2]) == "golden") {
      golden(folder);
    } else {
      live(folder);
    }
    return 0;
  }
  const json expected = everything(folder);
  resumed(folder);
  odd(folder);
  std::ofstream(folder / "expected.json") << expected;
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "error: %s\n", error.what());
  return 1;
}
