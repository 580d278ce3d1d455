#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <torch/torch.h>
#include <torchbolt/checkpoint/checkpoint.h>
#include <torchbolt/core/files.h>
#include <torchbolt/torchbolt.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "support/environment.h"
#include "support/errors.h"
#include "support/log_capture.h"
#include "support/models.h"
#include "support/state_diff.h"
#include "support/temp_dir.h"
#include "support/write_file.h"

// What a fit does when the system tells it to go.

namespace bolt::testing {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

TrainerOptions saving(const fs::path& folder, TrainerOptions options = {}) {
  if (!options.max_epochs) options.max_epochs = 2;
  options.callbacks = {EMAWeightAveraging({.decay = 0.8}),
                       ModelCheckpoint({.dirpath = folder / "files"})};
  options.default_root_dir = folder;
  options.enable_checkpointing = true;
  return quiet(std::move(options));
}

/// Raises a signal in the n-th call of a hook.
std::function<void(const std::string&)> raise_in(std::string hook, int n,
                                                 int signal) {
  return [hook, n, signal, seen = 0](const std::string& name) mutable {
    if (name == hook && ++seen == n) ::raise(signal);
  };
}

int exit_code_of(Trainer& trainer, Line& line) {
  try {
    trainer.fit(line, line_batches(5), line_batches(2));
    return 0;
  } catch (const Interrupted& interrupted) {
    return interrupted.exit_code();
  }
}

TEST(Preemption, SavesBehindTheBatchAndLeaves) {
  const TempDir dir;
  struct Told : Callback {
    void on_exception(Trainer& trainer, Module&, std::exception_ptr) override {
      saved_before = fs::exists(trainer.default_root_dir() / "hpc_ckpt_1.ckpt");
    }
    bool saved_before = false;
  };
  const auto told = std::make_shared<Told>();
  TrainerOptions options = saving(dir.path());
  options.callbacks.push_back(told);
  Trainer trainer(options);
  Line line;
  line.on_hook = raise_in("training_step", 3, SIGTERM);
  EXPECT_EQ(exit_code_of(trainer, line), 143);
  EXPECT_TRUE(told->saved_before);
  const State file = read_checkpoint(dir.path() / "hpc_ckpt_1.ckpt");
  EXPECT_EQ(file.at("global_step").as_int(), 3);
  EXPECT_TRUE(trainer.interrupted());

  // The next one has the next number.
  Line again;
  again.on_hook = raise_in("training_step", 1, SIGUSR1);
  Trainer second(saving(dir.path()));
  EXPECT_EQ(exit_code_of(second, again), 138);
  EXPECT_EQ(read_checkpoint(dir.path() / "hpc_ckpt_2.ckpt")
                .at("global_step")
                .as_int(),
            1);
}

TEST(Preemption, GoesOnAsIfNothingHadHappened) {
  const auto run = [](const fs::path& folder, const std::string& hook, int n,
                      const char* from) {
    seed_everything(7);
    struct Measured : Line {
      Measured() { register_metric("mean", mean); }
      metrics::Mean mean{};
    } line;
    torch::nn::init::constant_(line.layer->weight, 0.25);
    torch::nn::init::constant_(line.layer->bias, -0.5);
    line.on_hook = [raise = raise_in(hook, n, SIGTERM),
                    &line](const std::string& name) mutable {
      const torch::NoGradGuard no_grad;
      if (name == "on_after_backward") {
        line.layer->weight.mutable_grad().add_(torch::rand({1, 1}), 0.1);
      }
      if (name == "validation_step") {
        line.mean.update(torch::rand({}).item<double>());
        line.log("mean", line.mean);
      }
      raise(name);
    };
    const auto x = torch::arange(21).to(torch::kFloat).unsqueeze(1) / 21;
    DataLoader train(TensorDataset(x, 2 * x + 1),
                     {.batch_size = 3, .shuffle = true});
    Trainer trainer(saving(
        folder, {.val_check_interval = 3, .accumulate_grad_batches = 2}));
    FitOptions options;
    if (from != nullptr) options.ckpt_path = from;
    try {
      trainer.fit(line, train, line_batches(3), options);
    } catch (const Interrupted&) {
      return State();
    }
    EXPECT_EQ(trainer.global_step(), 8);
    // Nothing is left that would bring the run back.
    EXPECT_FALSE(fs::exists(folder / "hpc_ckpt_1.ckpt"));
    return State::map({{"weights", state_dict(line).clone()},
                       {"mean", trainer.callback_metrics().at("mean")},
                       {"loops", trainer.progress().state()}});
  };
  const TempDir dir;
  const State straight = run(dir.path() / "straight", "", 0, nullptr);
  const std::map<std::string, int> hooks = {{"training_step", 14},
                                            {"validation_step", 14},
                                            {"on_train_epoch_end", 2},
                                            {"on_train_end", 1}};
  for (const auto& [hook, count] : hooks) {
    // The first two validation steps are the sanity check's.
    for (int n = hook == "validation_step" ? 3 : 1; n <= count; ++n) {
      SCOPED_TRACE(hook + " " + std::to_string(n));
      const fs::path folder = dir.path() / (hook + std::to_string(n));
      ASSERT_TRUE(run(folder, hook, n, nullptr).is_none());
      EXPECT_EQ(first_difference(
                    straight, run(folder, "", 0, n % 2 == 0 ? "hpc" : "last")),
                "");
    }
  }
}

TEST(Preemption, BeforeTheTrainingThereIsNothingToSave) {
  const TempDir dir;
  Line line;
  line.on_hook = raise_in("validation_step", 1, SIGTERM);
  Trainer trainer(saving(dir.path()));
  EXPECT_EQ(exit_code_of(trainer, line), 143);
  EXPECT_FALSE(fs::exists(dir.path() / "hpc_ckpt_1.ckpt"));
}

TEST(Preemption, SavesNothingWhereCheckpointsAreOff) {
  const TempDir dir;
  TrainerOptions off = saving(dir.path());
  off.callbacks.clear();
  off.enable_checkpointing = false;
  TrainerOptions unwanted = saving(dir.path());
  unwanted.preemption.save = false;
  for (const TrainerOptions& options : {off, unwanted}) {
    Line line;
    line.on_hook = raise_in("training_step", 2, SIGTERM);
    Trainer trainer(options);
    EXPECT_EQ(exit_code_of(trainer, line), 143);
    EXPECT_FALSE(fs::exists(dir.path() / "hpc_ckpt_1.ckpt"));
  }
}

TEST(Preemption, WaitsForAFileThatIsWrittenBehind) {
  const TempDir dir;
  TrainerOptions options = saving(dir.path());
  options.plugins = {std::make_shared<AsyncCheckpointIO>()};
  Trainer trainer(options);
  Line line;
  line.on_hook = raise_in("training_step", 2, SIGTERM);
  EXPECT_EQ(exit_code_of(trainer, line), 143);
  EXPECT_NO_THROW(verify_checkpoint(dir.path() / "hpc_ckpt_1.ckpt"));
}

TEST(Preemption, PutsASlurmJobBackIntoTheQueue) {
  const TempDir dir;
  // Stands for SLURM's own, which keeps the job's number.
  write_file(dir.path() / "scontrol",
             "#!/bin/sh\necho \"$@\" >> \"$SCONTROL_CALLS\"\n");
  ::chmod((dir.path() / "scontrol").c_str(), 0755);
  const fs::path calls = dir.path() / "calls";
  const std::string path =
      dir.path().string() + ":" + std::string(::getenv("PATH"));
  const WithEnvironment tasks("SLURM_NTASKS", "1");
  const WithEnvironment name("SLURM_JOB_NAME", "train");
  const WithEnvironment job("SLURM_JOB_ID", "77");
  const WithEnvironment log("SCONTROL_CALLS", calls.c_str());
  const WithEnvironment programs("PATH", path.c_str());
  {
    Trainer trainer(saving(dir.path()));
    Line line;
    line.on_hook = raise_in("training_step", 7, SIGUSR1);
    EXPECT_EQ(exit_code_of(trainer, line), 138);
    EXPECT_EQ(read_file(calls), "requeue 77\n");
  }
  {
    // It begins again with the same command.
    Trainer trainer(saving(dir.path()));
    Line line;
    int steps = 0;
    line.on_hook = [&](const std::string& hook) {
      if (hook == "training_step") ++steps;
    };
    EXPECT_EQ(exit_code_of(trainer, line), 0);
    EXPECT_EQ(steps, 3);
    EXPECT_EQ(trainer.global_step(), 10);
  }
  const WithEnvironment array("SLURM_ARRAY_JOB_ID", "70");
  const WithEnvironment task("SLURM_ARRAY_TASK_ID", "3");
  fs::remove(dir.path() / "hpc_ckpt_1.ckpt");
  {
    // The end of its time, or scancel: not again.
    Trainer trainer(saving(dir.path()));
    Line line;
    line.on_hook = raise_in("training_step", 2, SIGTERM);
    EXPECT_EQ(exit_code_of(trainer, line), 143);
    EXPECT_EQ(read_file(calls), "requeue 77\n");
  }
  fs::remove(dir.path() / "hpc_ckpt_1.ckpt");
  Trainer trainer(saving(dir.path()));
  Line line;
  line.on_hook = raise_in("training_step", 2, SIGUSR1);
  EXPECT_EQ(exit_code_of(trainer, line), 138);
  EXPECT_EQ(read_file(calls), "requeue 77\nrequeue 70_3\n");
}

TEST(Preemption, EndsAStepThatTakesLongerThanTheGraceTime) {
  const TempDir dir;
  EXPECT_EXIT(
      {
        Line line;
        line.on_hook = [](const std::string& hook) {
          if (hook != "training_step") return;
          ::raise(SIGTERM);
          while (true) ::pause();
        };
        Trainer trainer(
            saving(dir.path(), {.preemption = {.grace_time = 50ms}}));
        trainer.fit(line, line_batches(3));
      },
      ::testing::ExitedWithCode(143), "the grace time is over");
}

std::atomic<int> heard{0};

TEST(Preemption, LeavesAHandlerOfTheProgramsOwn) {
  struct sigaction own{}, before{}, after{};
  own.sa_handler = [](int) { ++heard; };
  ::sigaction(SIGUSR1, &own, &before);
  const TempDir dir;
  Line line;
  line.on_hook = raise_in("training_step", 2, SIGUSR1);
  Trainer trainer(saving(dir.path()));
  EXPECT_EQ(exit_code_of(trainer, line), 0);
  EXPECT_EQ(heard, 1);
  ::sigaction(SIGUSR1, nullptr, &after);
  EXPECT_EQ(after.sa_handler, own.sa_handler);
  ::sigaction(SIGUSR1, &before, nullptr);

  // SIGTERM is for both.
  ::sigaction(SIGTERM, &own, &before);
  line.on_hook = raise_in("training_step", 2, SIGTERM);
  Trainer second(saving(dir.path()));
  EXPECT_EQ(exit_code_of(second, line), 143);
  EXPECT_EQ(heard, 2);
  ::sigaction(SIGTERM, &before, nullptr);
}

TEST(Preemption, IsntKeptFromSavingByAnOlderFailure) {
  struct Failing final : TorchCheckpointIO {
    void save_checkpoint(const State& state, const fs::path& path) override {
      if (path.filename() == "epoch=0-step=5.ckpt") {
        throw CheckpointError({.where = path.string(), .what = "no space"});
      }
      TorchCheckpointIO::save_checkpoint(state, path);
    }
  };
  for (const bool stops : {true, false}) {
    const TempDir dir;
    TrainerOptions options = saving(dir.path());
    options.plugins = {
        std::make_shared<AsyncCheckpointIO>(std::make_shared<Failing>())};
    options.stop_on_checkpoint_error = stops;
    Line line;
    line.on_hook = raise_in("training_step", 6, SIGTERM);
    Trainer trainer(options);
    EXPECT_EQ(exit_code_of(trainer, line), 143);
    EXPECT_NO_THROW(verify_checkpoint(dir.path() / "hpc_ckpt_1.ckpt"));
  }
}

TEST(Preemption, TakesAwayNothingButItsOwnFiles) {
  const TempDir dir;
  const fs::path precious = dir.path() / "precious";
  write_file(precious, "mine");
  Line line;
  line.on_hook = raise_in("training_step", 3, SIGTERM);
  Trainer first(saving(dir.path()));
  EXPECT_EQ(exit_code_of(first, line), 143);
  const fs::path file = dir.path() / "hpc_ckpt_1.ckpt";
  State tree = read_checkpoint(file);
  State names = State::list();
  for (const char* name : {"precious", "../precious", "hpc_ckpt_1.ckpt"}) {
    names.push_back(name);
  }
  names.push_back(precious.string());
  State own = tree.at("torchbolt");
  own["requeue_files"] = names;
  tree["torchbolt"] = own;
  write_checkpoint(file, tree);
  Line again;
  Trainer second(saving(dir.path()));
  second.fit(again, line_batches(5), line_batches(2), {.ckpt_path = "hpc"});
  EXPECT_TRUE(fs::exists(precious));
  EXPECT_FALSE(fs::exists(file));
}

TEST(Preemption, IsNoLossWhereItsFileIsDamaged) {
  for (const std::string which : {"hpc", "last"}) {
    const TempDir dir;
    Line line;
    line.on_hook = raise_in("training_step", 7, SIGTERM);
    Trainer first(saving(dir.path()));
    EXPECT_EQ(exit_code_of(first, line), 143);
    write_file(dir.path() / "hpc_ckpt_1.ckpt", "cut short");
    // What a run leaves that has no time for more than the name.
    write_file(dir.path() / "hpc_ckpt_2.ckpt", "");
    const auto fit = [&] {
      Line again;
      int steps = 0;
      again.on_hook = [&](const std::string& hook) {
        if (hook == "training_step") ++steps;
      };
      Trainer trainer(saving(dir.path()));
      trainer.fit(again, line_batches(5), line_batches(2),
                  {.ckpt_path = which});
      return steps;
    };
    const LogCapture log;
    EXPECT_EQ(fit(), 5) << which;
    EXPECT_EQ(log.count("hpc_ckpt_2"), 0);
    if (which == "last") continue;
    fs::remove(dir.path() / "hpc_ckpt_1.ckpt");
    EXPECT_TRUE(
        has(message_of<ConfigError>(fit), {"there is no hpc_ckpt_<n>.ckpt"}));
  }
}

TEST(Preemption, EndsOtherRunsInOrderToo) {
  Line line;
  line.on_hook = raise_in("test_step", 1, SIGUSR1);
  Trainer trainer(quiet());
  try {
    trainer.test(line, line_batches(3), {.verbose = false});
    FAIL() << "not interrupted";
  } catch (const Interrupted& interrupted) {
    EXPECT_EQ(interrupted.exit_code(), 138);
  }
  // Where nothing is left to end, it is still told.
  line.on_hook = raise_in("teardown", 1, SIGTERM);
  EXPECT_THROW(trainer.test(line, line_batches(1), {.verbose = false}),
               Interrupted);
  EXPECT_EQ(trainer.status(), RunStatus::kFinished);
}

struct sigaction before_theirs;

// A handler that calls the one before it, put in place while ours is there, and
// left there for the next fit.
TEST(Preemption, GetsAlongWithHandlersThatCallIt) {
  struct sigaction usual{};
  ::sigaction(SIGTERM, nullptr, &usual);
  const TempDir dir;
  Line line;
  line.on_hook = [](const std::string& hook) {
    if (hook != "on_train_start") return;
    struct sigaction theirs{};
    theirs.sa_handler = [](int signal) {
      ++heard;
      before_theirs.sa_sigaction(signal, nullptr, nullptr);
    };
    ::sigaction(SIGTERM, &theirs, &before_theirs);
  };
  Trainer first(saving(dir.path()));
  EXPECT_EQ(exit_code_of(first, line), 0);
  heard = 0;
  line.on_hook = raise_in("training_step", 2, SIGTERM);
  Trainer second(saving(dir.path()));
  EXPECT_EQ(exit_code_of(second, line), 143);
  EXPECT_EQ(heard, 1);
  ::sigaction(SIGTERM, &usual, nullptr);
}

TEST(Preemption, RefusesWhatCantBe) {
  EXPECT_TRUE(has(message_of<ConfigError>(
                      [] { Trainer({.preemption = {.grace_time = 0s}}); }),
                  {"grace_time", "more than none"}));
  EXPECT_TRUE(has(message_of<ConfigError>([] {
                    Trainer({.preemption = {.requeue_signal = SIGKILL}});
                  }),
                  {"requeue_signal", "signal 9", "SIGUSR1"}));
}

}  // namespace
}  // namespace bolt::testing
