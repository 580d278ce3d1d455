#include <gtest/gtest.h>
#include <torchbolt/core/log.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <string>

#include "support/environment.h"
#include "support/errors.h"
#include "support/fake_clock.h"
#include "support/generator.h"
#include "support/models.h"
#include "support/pty.h"

namespace bolt {
namespace {

using namespace std::chrono_literals;
using testing::FakeClock;
using testing::has;
using testing::Line;
using testing::line_batches;
using testing::OutputTo;
using testing::Pty;
using testing::WithEnvironment;
using Lines = std::vector<std::string>;

// Logs where the bar sees it, and draws a frame in each step.
struct Shown : Line {
  StepOutput training_step(const Batch& batch, StepContext& step) override {
    auto loss = loss_of(batch);
    log("loss", loss, {.prog_bar = true});
    say("step " + std::to_string(step.batch_idx));
    if (on_step) on_step(step);
    return loss;
  }
  void validation_step(const Batch& batch, StepContext& step) override {
    log("val", loss_of(batch), {.prog_bar = true});
    say("val " + std::to_string(step.dataloader_idx) + " " +
        std::to_string(step.batch_idx));
  }
  void say(const std::string& text) {
    if (clock == nullptr) return;
    clock->advance(1s);
    print(text);
  }
  FakeClock* clock = nullptr;
  std::function<void(StepContext&)> on_step{};
};

class ProgressBarTest : public ::testing::Test {
 protected:
  TrainerOptions options(ProgressBarOptions bar = {}) {
    TrainerOptions o{.max_epochs = 2, .num_sanity_val_steps = 0};
    o.accelerator = Accelerator::kCPU;
    o.callbacks = {ProgressBar(bar)};
    o.logger = false;
    o.enable_checkpointing = false;
    o.enable_model_summary = false;
    o.seams.clock = &clock;
    return o;
  }

  WithEnvironment term_{"TERM", "xterm"};
  WithEnvironment locale_{"LC_ALL", "C.UTF-8"};
  WithEnvironment plain_{"NO_COLOR", "1"};
  FakeClock clock;
  Shown model;
};

TEST_F(ProgressBarTest, ShowsEpochAndEvaluationBeneathEachOther) {
  Pty terminal(60);
  {
    const OutputTo output(terminal.fd());
    model.clock = &clock;
    Trainer trainer(options());
    trainer.fit(model, line_batches(4), {line_batches(2), line_batches(3)});
  }
  // Each frame as the text before it appeared.
  EXPECT_TRUE(has(terminal.screen("step 3").lines().back(),
                  {"Epoch 0/1 ━━━━", "──── 2/4 0:03<0:02 1.00it/s loss "}));
  const Lines lines = terminal.screen("val 1 2").lines();
  EXPECT_EQ(lines.at(lines.size() - 2).substr(0, 9), "Epoch 0/1");
  EXPECT_TRUE(has(lines.back(), {"Validation DataLoader 1 ", " 1/3 "}))
      << lines.back();
  // Validation took five seconds, which are not the epoch's.
  const Lines last = terminal.screen().lines();
  EXPECT_TRUE(
      has(last.at(last.size() - 3), {"Epoch 1/1 ", "4/4 0:04 1.00it/s"}))
      << last.at(last.size() - 3);
}

TEST_F(ProgressBarTest, LeavesLinesInOrderAndTheTerminalAsItWas) {
  Pty terminal(40);
  {
    const OutputTo output(terminal.fd());
    model.on_step = [&](StepContext& step) {
      const std::string k = std::to_string(step.batch_idx);
      clock.advance(100ms);
      model.trainer().print("trainer " + k);
      model.print("module " + k);
      std::cout << "cout " << k << std::endl;
      std::cerr << "cerr " << k << "\n";
      log_warning("log " + k);
      std::printf("printf %s\n", k.c_str());
      std::fflush(stdout);
    };
    Trainer trainer(options());
    trainer.fit(model, line_batches(2), line_batches(1));
    trainer.validate(model, line_batches(2), {.verbose = false});
  }
  const auto shown = terminal.screen();
  EXPECT_TRUE(shown.cursor_shown());
  EXPECT_EQ(shown.unknown(), "");
  EXPECT_EQ(shown.wraps(), 1);  // the library's own line about max_epochs
  Lines lines = shown.lines();
  // What printf writes has a line, but a frame before may show behind it.
  for (std::string& line : lines) {
    if (line.starts_with("printf ")) line.resize(8);
  }
  const auto step = [](const std::string& k) {
    return Lines{"trainer " + k, "module " + k,       "cout " + k,
                 "cerr " + k,    "warning: log " + k, "printf " + k};
  };
  Lines expected;
  for (const std::string epoch : {"0", "1"}) {
    for (const std::string k : {"0", "1"}) {
      std::ranges::copy(step(k), std::back_inserter(expected));
    }
    expected.push_back("Epoch " + epoch);
    expected.push_back("loss ");
  }
  expected.push_back("info: [Trainer.fit] stopped: max_epochs=");
  expected.push_back("2 reached");
  expected.push_back("Validation ");
  ASSERT_EQ(lines.size(), expected.size());
  for (std::size_t k = 0; k < lines.size(); ++k) {
    EXPECT_TRUE(lines[k].starts_with(expected[k]))
        << lines[k] << " | " << expected[k];
  }
}

TEST_F(ProgressBarTest, OfTheEpochsOnlyTheLastStaysWithoutLeave) {
  Pty terminal(100);
  {
    const OutputTo output(terminal.fd());
    Trainer trainer(options({.leave = false}));
    trainer.fit(model, line_batches(2), line_batches(1));
    trainer.validate(model, line_batches(2), {.verbose = false});
  }
  const Lines lines = terminal.screen().lines();
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_TRUE(lines[0].starts_with("info: "));
  EXPECT_TRUE(lines[1].starts_with("Epoch 1/1 ━"));
}

TEST_F(ProgressBarTest, AfterAnExceptionItSaysWhereItWas) {
  Pty terminal(80);
  {
    const OutputTo output(terminal.fd());
    model.clock = &clock;
    model.on_step = [](StepContext& step) {
      if (step.batch_idx == 2) throw std::runtime_error("broke off");
    };
    Trainer trainer(options());
    EXPECT_THROW(trainer.fit(model, line_batches(5)), std::runtime_error);
  }
  const auto shown = terminal.screen();
  EXPECT_TRUE(shown.cursor_shown());
  EXPECT_TRUE(has(shown.lines().back(), {"Epoch 0/1 ", " 2/5 "}));
}

TEST_F(ProgressBarTest, InAFileThereIsALinePerEpoch) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  {
    const OutputTo output(ends[1]);
    Trainer trainer(options());
    trainer.fit(model, testing::Generator(3, line_batches(1)[0]),
                line_batches(1));
    std::fflush(nullptr);
  }
  ::close(ends[1]);
  char bytes[4096];
  const ssize_t n = ::read(ends[0], bytes, sizeof(bytes));
  ::close(ends[0]);
  const std::string text(bytes, static_cast<std::size_t>(std::max(n, {})));
  EXPECT_EQ(text.find('\x1b'), std::string::npos) << text;
  EXPECT_TRUE(has(text, {"Epoch 0/1 3/3 0:00", "Epoch 1/1 3/3 0:00", "loss "}));
  EXPECT_EQ(std::ranges::count(text, '\n'), 3) << text;
}

TEST_F(ProgressBarTest, ShowsNothingWithARefreshRateOfZero) {
  Pty terminal(80);
  {
    const OutputTo output(terminal.fd());
    Trainer trainer(options({.refresh_rate = 0}));
    trainer.fit(model, line_batches(2));
  }
  EXPECT_EQ(terminal.finish().find("Epoch"), std::string::npos);
  EXPECT_EQ(terminal.finish().find('\x1b'), std::string::npos);
}

TEST_F(ProgressBarTest, CountsInStepsOfTheRefreshRate) {
  Pty terminal(80);
  {
    const OutputTo output(terminal.fd());
    model.clock = &clock;
    Trainer trainer(options({.refresh_rate = 4, .process_position = 2}));
    trainer.fit(model, line_batches(8));
  }
  const Lines lines = terminal.screen("step 7").lines();
  EXPECT_TRUE(has(lines.back(), {" 4/8 "})) << lines.back();
  EXPECT_EQ(lines.at(lines.size() - 2), "");
  EXPECT_EQ(lines.at(lines.size() - 3), "");
}

TEST_F(ProgressBarTest, KnowsItsLengthFromMaxSteps) {
  Pty terminal(80);
  {
    const OutputTo output(terminal.fd());
    model.clock = &clock;
    TrainerOptions o = options();
    o.max_epochs = -1;
    o.max_steps = 3;
    o.accumulate_grad_batches = 2;
    Trainer(o).fit(model, testing::Generator(50, line_batches(1)[0]));
  }
  const Lines lines = terminal.screen("step 5").lines();
  EXPECT_TRUE(has(lines.back(), {"Epoch 0 ", " 4/6 "})) << lines.back();
}

TEST_F(ProgressBarTest, RefusesWhatMakesNoSense) {
  EXPECT_THROW(ProgressBar({.refresh_rate = -1}), ConfigError);
  EXPECT_THROW(ProgressBar({.process_position = -1}), ConfigError);
  EXPECT_THROW(ProgressBar({.plain_interval = -1s}), ConfigError);
}

TEST_F(ProgressBarTest, AUsersLogSinkGetsItsLines) {
  Pty terminal(80);
  struct Sink final : LogSink {
    void write(LogLevel, std::string_view message) override {
      text += std::string(message) + "\n";
    }
    std::string text{};
  };
  const auto sink = std::make_shared<Sink>();
  const auto before = set_log_sink(sink);
  {
    const OutputTo output(terminal.fd());
    Trainer(options()).fit(model, line_batches(1));
  }
  set_log_sink(before);
  EXPECT_TRUE(has(sink->text, {"max_epochs=2 reached"}));
  EXPECT_EQ(terminal.finish().find("reached"), std::string::npos);
}

// What a process leaves in its terminal that ends without a destructor.
class AbruptEnd : public ProgressBarTest {
 protected:
  void SetUp() override {
    ::testing::GTEST_FLAG(death_test_style) = "threadsafe";
  }
  // In the child, which is a new process: the test begins anew there.
  static const char* terminal_name(const Pty& terminal) {
    static const char* variable = "TORCHBOLT_TEST_TERMINAL";
    ::setenv(variable, terminal.name().c_str(), /*overwrite=*/0);
    return ::getenv(variable);
  }
  void fit_and(const std::string& name, const std::function<void()>& end) {
    const int fd = ::open(name.c_str(), O_RDWR | O_NOCTTY);
    ::dup2(fd, STDOUT_FILENO);
    ::dup2(fd, STDERR_FILENO);
    model.clock = &clock;
    model.on_step = [&](StepContext& step) {
      if (step.batch_idx == 3) end();
    };
    Trainer(options()).fit(model, line_batches(5));
  }
  static void expect_usable(Pty& terminal) {
    ::unsetenv("TORCHBOLT_TEST_TERMINAL");
    const std::string& text = terminal.finish();
    EXPECT_NE(text.find("\x1b[?25l"), std::string::npos);
    const auto shown = terminal.screen();
    EXPECT_TRUE(shown.cursor_shown());
    EXPECT_EQ(shown.lines().back(), "step 3");  // and no bar below
  }
};

TEST_F(AbruptEnd, ASecondCtrlCShowsTheCursor) {
  Pty terminal(80);
  const std::string name = terminal_name(terminal);
  EXPECT_EXIT(fit_and(name,
                      [] {
                        std::raise(SIGINT);
                        std::raise(SIGINT);
                      }),
              ::testing::ExitedWithCode(130), "");
  expect_usable(terminal);
}

TEST_F(AbruptEnd, SigtermIsTheTrainersAlsoWithAHiddenCursor) {
  Pty terminal(80);
  const std::string name = terminal_name(terminal);
  EXPECT_EXIT(
      {
        try {
          fit_and(name, [] { std::raise(SIGTERM); });
        } catch (const Interrupted& interrupted) {
          std::exit(interrupted.exit_code());
        }
      },
      ::testing::ExitedWithCode(143), "");
  ::unsetenv("TORCHBOLT_TEST_TERMINAL");
  terminal.finish();
}

TEST_F(AbruptEnd, ExitShowsTheCursor) {
  Pty terminal(80);
  const std::string name = terminal_name(terminal);
  EXPECT_EXIT(fit_and(name, [] { std::exit(3); }), ::testing::ExitedWithCode(3),
              "");
  expect_usable(terminal);
}

TEST_F(AbruptEnd, ACrashShowsTheCursor) {
  Pty terminal(80);
  const std::string name = terminal_name(terminal);
  EXPECT_EXIT(fit_and(name, [] { std::abort(); }),
              ::testing::KilledBySignal(SIGABRT), "");
  expect_usable(terminal);
}

}  // namespace
}  // namespace bolt
