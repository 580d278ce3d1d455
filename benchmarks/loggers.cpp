// What logging costs the thread that trains.
//
//   loggers            time of a call: 1, 32 and 100 metrics, half of the calls
//                      take less than p50, all but one of a hundred less than
//                      p99; and of a copy of the map, to compare with
//   loggers --steps    steps of a millisecond with 100 metrics each, without
//                      loggers, with all, and with all while the server that
//                      MLflowLogger sends to takes connections and answers
//                      nothing, in turns
//
// With MLFLOW_TRACKING_URI set, MLflowLogger sends there meanwhile; otherwise
// it writes its journal.
//
// A call leaves the metrics in the logger's queue; writing is another thread's
// work. A pause between calls gives it time, as training does.

#include <arpa/inet.h>
#include <benchmark/benchmark.h>
#include <sys/socket.h>
#include <torch/torch.h>
#include <torchbolt/torchbolt.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "paired.h"

namespace {

using Clock = std::chrono::steady_clock;
using Loggers = std::vector<std::shared_ptr<bolt::Logger>>;

constexpr auto kStep = std::chrono::microseconds(1000);
constexpr int kCalls = 5'000;
constexpr int kRounds = 21;
constexpr int kSteps = 300;
constexpr int kCold = 20;  // steps at the start that don't count

std::filesystem::path scratch() {
  return std::filesystem::temp_directory_path() / "torchbolt-loggers";
}

// A server that was stopped: the system takes its connections.
class StoppedServer {
 public:
  StoppedServer() : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const at = reinterpret_cast<sockaddr*>(&address);
    if (::bind(socket_, at, size) != 0 || ::listen(socket_, 64) != 0 ||
        ::getsockname(socket_, at, &size) != 0) {
      throw std::runtime_error("no server");
    }
    uri_ = "http://127.0.0.1:" + std::to_string(::ntohs(address.sin_port));
  }
  ~StoppedServer() { ::close(socket_); }
  StoppedServer(const StoppedServer&) = delete;
  StoppedServer& operator=(const StoppedServer&) = delete;
  const std::string& uri() const { return uri_; }

 private:
  int socket_;
  std::string uri_{};
};

std::shared_ptr<bolt::Logger> make_logger(
    const std::string& name, const std::optional<std::string>& mlflow = {}) {
  if (name == "tensorboard") {
    return std::make_shared<bolt::TensorBoardLogger>(
        bolt::TensorBoardLoggerOptions{.save_dir = scratch()});
  }
  if (name == "csv") {
    return std::make_shared<bolt::CSVLogger>(
        bolt::CSVLoggerOptions{.save_dir = scratch()});
  }
  if (name == "mlflow") {
    return std::make_shared<bolt::MLflowLogger>(
        bolt::MLflowLoggerOptions{.tracking_uri = mlflow,
                                  .save_dir = scratch(),
                                  .finalize_timeout = std::chrono::seconds(1)});
  }
  if (name == "wandb") {
    return std::make_shared<bolt::WandbLogger>(
        bolt::WandbLoggerOptions{.save_dir = scratch(), .offline = true});
  }
  return std::make_shared<bolt::JSONLLogger>(
      bolt::JSONLLoggerOptions{.save_dir = scratch()});
}

bolt::MetricMap make_metrics(int64_t count) {
  bolt::MetricMap metrics;
  for (int64_t k = 0; k < count; ++k) {
    metrics["train/some_layer/metric_" + std::to_string(k)] = 0.1 * double(k);
  }
  return metrics;
}

// Work of a given length, which the machine can't skip.
void work_until(Clock::time_point end) {
  while (Clock::now() < end) benchmark::ClobberMemory();
}

double microseconds(Clock::duration time) {
  return std::chrono::duration<double, std::micro>(time).count();
}

void time_calls(benchmark::State& state, const std::string& name,
                int64_t count) {
  const auto logger = name == "copy" ? nullptr : make_logger(name);
  if (logger != nullptr) logger->start();
  const bolt::MetricMap metrics = make_metrics(count);
  std::vector<double> times;
  int64_t step = 0;
  for (auto _ : state) {
    const auto begin = Clock::now();
    if (logger != nullptr) {
      logger->log_metrics(metrics, step++);
      logger->save();
    } else {
      bolt::MetricMap copy = metrics;
      benchmark::DoNotOptimize(copy);
    }
    const auto end = Clock::now();
    times.push_back(microseconds(end - begin));
    state.SetIterationTime(times.back() * 1e-6);
    work_until(end + kStep / 5);
  }
  state.counters["p50_us"] = paired::quantile(times, 0.5);
  state.counters["p99_us"] = paired::quantile(times, 0.99);
  if (logger != nullptr) logger->finalize(bolt::LoggerStatus::kSuccess);
}

struct Steps : bolt::LightningModule<> {
  Steps() {
    register_module("layer", layer);
    for (int64_t k = 0; k < 100; ++k) {
      names.push_back("train/metric_" + std::to_string(k));
    }
  }
  bolt::StepOutput training_step(const Batch&,
                                 bolt::StepContext& context) override {
    const auto begin = Clock::now();
    // What the last step took besides its work.
    if (context.batch_idx > kCold) added.push_back(microseconds(begin - end));
    for (const std::string& name : names) log(name, 0.5);
    end = begin + kStep;
    work_until(end);
    return {};
  }
  bolt::OptimizerConfig configure_optimizers() override {
    return torch::optim::SGD(parameters(), 0.1);
  }
  torch::nn::Linear layer{1, 1};
  std::vector<std::string> names{};
  Clock::time_point end{};
  std::vector<double> added{};
};

struct Added {
  double typical;
  double mean;
};

Added step_time(const Loggers& loggers) {
  std::vector<torch::data::Example<>> batches(
      kSteps, {torch::zeros({1, 1}), torch::zeros({1, 1})});
  Steps model;
  bolt::TrainerOptions options;
  options.max_epochs = 1;
  options.accelerator = bolt::Accelerator::kCPU;
  options.enable_checkpointing = false;
  options.enable_progress_bar = false;
  options.enable_model_summary = false;
  options.log_every_n_steps = 1;
  std::vector<bolt::LoggerHandle> handles;
  for (const auto& logger : loggers) handles.emplace_back(logger);
  if (handles.empty()) {
    options.logger = false;
  } else {
    options.logger = handles;
  }
  bolt::Trainer trainer(options);
  trainer.fit(model, batches);
  const auto& added = model.added;
  return {paired::median(added),
          std::accumulate(added.begin(), added.end(), 0.0) /
              static_cast<double>(added.size())};
}

// Each step lasts a millisecond and what comes on top of it.
void compare_steps() {
  struct Times {
    void add(const Added& logged, const Added& alone) {
      typical.push_back(logged.typical - alone.typical);
      mean.push_back(logged.mean - alone.mean);
    }
    void say(const char* loggers) const {
      for (const auto& [step, times] :
           {std::pair("a median", &typical), std::pair("a mean", &mean)}) {
        std::printf("%s step: %s add %.2f us (%.2f to %.2f)\n", step, loggers,
                    paired::median(*times), paired::quantile(*times, 0.25),
                    paired::quantile(*times, 0.75));
      }
    }
    std::vector<double> typical{}, mean{};
  };
  const StoppedServer stopped;
  const auto all = [](const std::optional<std::string>& mlflow) {
    Loggers loggers;
    for (const char* name :
         {"tensorboard", "csv", "jsonl", "mlflow", "wandb"}) {
      loggers.push_back(make_logger(name, mlflow));
    }
    return loggers;
  };
  Times logged, with_stopped;
  for (int round = 0; round < kRounds; ++round) {
    const Added alone = step_time({});
    logged.add(step_time(all({})), alone);
    with_stopped.add(step_time(all(stopped.uri())), alone);
  }
  logged.say("five loggers");
  with_stopped.say("five loggers, and a server that was stopped,");
}

struct QuietLog final : bolt::LogSink {
  void write(bolt::LogLevel, std::string_view) override {}
};

}  // namespace

int main(int argc, char** argv) {
  torch::set_num_threads(1);
  bolt::set_log_sink(std::make_shared<QuietLog>());
  if (argc == 2 && std::strcmp(argv[1], "--steps") == 0) {
    compare_steps();
    std::filesystem::remove_all(scratch());
    return 0;
  }
  for (const char* name :
       {"tensorboard", "csv", "jsonl", "mlflow", "wandb", "copy"}) {
    for (const int64_t count : {1, 32, 100}) {
      benchmark::RegisterBenchmark(
          (std::string(name) + "/" + std::to_string(count)).c_str(),
          [=](benchmark::State& state) { time_calls(state, name, count); })
          ->UseManualTime()
          ->Iterations(kCalls)
          ->Unit(benchmark::kMicrosecond);
    }
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  std::filesystem::remove_all(scratch());
}
