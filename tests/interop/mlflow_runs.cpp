// Runs of MLflowLogger for check_mlflow.py. The server comes from
// MLFLOW_TRACKING_URI. Prints what became of the run as a line of JSON.
//
//   train FOLDER             a fit and a test, with checkpoints and artifacts
//   stop FOLDER              the first of three epochs, then an exception
//   resume FOLDER            goes on from the last checkpoint of `stop`
//   limits FOLDER            more, longer and stranger than the server takes
//   steps FOLDER N MS WAIT   N steps, MS apart; waits WAIT seconds for the
//                            server in the end; says how long steps took
//   flushes FOLDER           logs and flushes until it is killed; says how far
//                            it has got
//   child FOLDER PARENT      a run nested in another

#include <torch/torch.h>
#include <torchbolt/torchbolt.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "support/models.h"

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using bolt::testing::Line;
using bolt::testing::line_batches;
using bolt::testing::quiet;

void say(const bolt::MLflowLogger& logger, nlohmann::json more = {}) {
  more["run_id"] = logger.run_id().value_or("");
  more["folder"] = logger.log_dir()->string();
  std::printf("%s\n", more.dump().c_str());
}

// Logs one of everything.
struct Model : Line {
  Model() {
    save_hyperparameters(
        {{"lr", 0.1},
         {"net", bolt::State::map({{"width", 3}, {"bias", true}})},
         {"note", "a \"b\" ü"}});
  }
  void on_train_epoch_end() override {
    Line::on_train_epoch_end();
    log_image("pictures/ramp", torch::linspace(0, 1, 64).reshape({8, 8}));
    log_text("words", "**bold**");
    log_figure("plot", bolt::Figure{.bytes = "<svg/>", .format = "svg"});
    log_table("scores",
              bolt::Table({{.name = "n", .values = torch::arange(2)},
                           {.name = "s",
                            .values = std::vector<std::string>{"a", "b"}}}));
    log_histogram("weights", layer->weight);
  }
};

bolt::TrainerOptions options(const fs::path& folder,
                             std::shared_ptr<bolt::MLflowLogger> logger,
                             int64_t epochs) {
  auto all = quiet(bolt::TrainerOptions{
      .max_epochs = epochs,
      .callbacks = {bolt::ModelCheckpoint(
          {.monitor = "val_loss", .save_last = true, .save_top_k = 2})},
      .logger = logger,
      .enable_checkpointing = true});
  all.default_root_dir = folder;
  all.log_every_n_steps = 1;
  return all;
}

std::shared_ptr<bolt::MLflowLogger> logger_for(const fs::path& folder,
                                               const std::string& experiment) {
  return std::make_shared<bolt::MLflowLogger>(
      bolt::MLflowLoggerOptions{.experiment_name = experiment,
                                .tags = {{"team", "tests"}},
                                .save_dir = folder / "runs",
                                .log_model = true});
}

void train(const fs::path& folder) {
  torch::manual_seed(1);
  auto logger = logger_for(folder, "train");
  bolt::Trainer trainer(options(folder, logger, 3));
  Model model;
  trainer.fit(model, line_batches(4), line_batches(1));
  const double loss = trainer.callback_metrics().at("val_loss");
  const auto best = trainer.callback<bolt::ModelCheckpoint>().best_model_path();
  trainer.test(model, line_batches(1));
  say(*logger, {{"val_loss", loss},
                {"test_loss", trainer.callback_metrics().at("test_loss")},
                {"best", best.string()}});
}

void stop(const fs::path& folder) {
  torch::manual_seed(1);
  auto logger = logger_for(folder, "resume");
  bolt::Trainer trainer(options(folder, logger, 3));
  Model model;
  int steps = 0;
  model.on_hook = [&](const std::string& hook) {
    // Two steps behind the checkpoint of the first epoch.
    if (hook == "training_step" && ++steps == 7) throw std::runtime_error("!");
  };
  try {
    trainer.fit(model, line_batches(4), line_batches(1));
  } catch (const std::runtime_error&) {
  }
  say(*logger,
      {{"last", trainer.callback<bolt::ModelCheckpoint>().last_model_path()}});
}

void resume(const fs::path& folder, const fs::path& checkpoint) {
  auto logger = logger_for(folder, "resume");
  auto all = options(folder, logger, 3);
  bolt::Trainer trainer(std::move(all));
  Model model;
  trainer.fit(model, line_batches(4), line_batches(1),
              {.ckpt_path = checkpoint.string()});
  say(*logger);
}

void limits(const fs::path& folder) {
  bolt::MLflowLogger logger(
      {.experiment_name = "limits", .save_dir = folder / "runs"});
  logger.start();
  auto params = bolt::State::map();
  for (int k = 0; k < 300; ++k) {
    params["param_" + std::to_string(k)] = k;
  }
  params["long"] = std::string(7000, 'x') + "y";
  params[std::string(300, 'k')] = "key";
  params["bad\xff"] = "\xfe";
  logger.log_hyperparams(params);
  bolt::MetricMap metrics;
  for (int k = 0; k < 5000; ++k) metrics["metric_" + std::to_string(k)] = k;
  metrics["a:b"] = 1;
  metrics["c@d"] = 2;
  metrics["e//f"] = 3;
  metrics["/g/../h/"] = 4;
  metrics["größe/損失"] = 5;
  metrics["@"] = 6;
  metrics["nan"] = std::numeric_limits<double>::quiet_NaN();
  metrics["inf"] = std::numeric_limits<double>::infinity();
  metrics["ninf"] = -std::numeric_limits<double>::infinity();
  metrics["tiny"] = 5e-324;
  metrics["exact"] = 0.1 + 0.2;
  logger.log_metrics(metrics, 7);
  logger.log_hyperparams(bolt::State::map({{"param_0", "another"}}));
  auto files = nlohmann::json::array();
  fs::create_directories(folder / "files");
  for (const std::string name :
       {"a b.txt", "größe.txt", "a#b?c%20d&e+f=g.txt", "a:b.txt", "-x.txt",
        "~x.txt", "a'b\"c.txt", "a\\b.txt", "..x.txt", "x..txt", "tab\t.txt",
        "none"}) {
    std::ofstream(folder / "files" / name) << name;
    logger.log_artifact(folder / "files" / name, "strange/files");
    files.push_back(name);
  }
  logger.finalize(bolt::LoggerStatus::kSuccess);
  say(logger, {{"files", files}});
}

void steps(const fs::path& folder, int count, int apart_ms, int wait_s) {
  bolt::MLflowLogger logger({.experiment_name = "steps",
                             .save_dir = folder / "runs",
                             .finalize_timeout = std::chrono::seconds(wait_s)});
  logger.start();
  logger.log_hyperparams(bolt::State::map({{"count", count}}));
  std::vector<double> took;
  auto next = Clock::now();
  for (int step = 0; step < count; ++step) {
    const auto begin = Clock::now();
    bolt::MetricMap metrics;
    for (int k = 0; k < 10; ++k) {
      metrics["m" + std::to_string(k)] = step + 0.1 * k;
    }
    logger.log_metrics(metrics, step);
    logger.save();
    took.push_back(
        std::chrono::duration<double, std::micro>(Clock::now() - begin)
            .count());
    if (step == 0) std::fprintf(stderr, "begun\n");
    next += std::chrono::milliseconds(apart_ms);
    std::this_thread::sleep_until(next);
  }
  logger.finalize(bolt::LoggerStatus::kSuccess);
  std::ranges::sort(took);
  say(logger, {{"p99_us", took[took.size() * 99 / 100]}});
}

[[noreturn]] void flushes(const fs::path& folder) {
  bolt::MLflowLogger logger(
      {.experiment_name = "flushes", .save_dir = folder / "runs"});
  logger.start();
  for (int step = 0;; ++step) {
    logger.log_metrics({{"m", step}}, step);
    if (step % 10 != 9) continue;
    logger.flush();
    std::fprintf(stderr, "flushed %d\n", step + 1);
  }
}

void child(const fs::path& folder, const std::string& parent) {
  bolt::MLflowLogger logger({.experiment_name = "train",
                             .run_name = "child",
                             .save_dir = folder / "runs",
                             .parent_run_id = parent});
  logger.log_metrics({{"x", 1}}, 0);
  logger.log_tag("colour", "blue");
  logger.finalize(bolt::LoggerStatus::kFailed);
  say(logger);
}

int number(const char* text) { return std::atoi(text); }

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 2 ? argv[1] : "";
  const fs::path folder = argc > 2 ? argv[2] : "";
  if (what == "train") train(folder);
  if (what == "stop") stop(folder);
  if (what == "resume" && argc > 3) resume(folder, argv[3]);
  if (what == "limits") limits(folder);
  if (what == "steps" && argc > 5) {
    steps(folder, number(argv[3]), number(argv[4]), number(argv[5]));
  }
  if (what == "flushes") flushes(folder);
  if (what == "child" && argc > 3) child(folder, argv[3]);
  return 0;
}
