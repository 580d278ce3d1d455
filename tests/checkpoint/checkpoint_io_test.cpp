#include <gtest/gtest.h>
#include <torch/torch.h>
#include <torchbolt/checkpoint/checkpoint.h>
#include <torchbolt/core/error.h>

#include <condition_variable>
#include <filesystem>
#include <future>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/errors.h"
#include "support/log_capture.h"
#include "support/temp_dir.h"

namespace bolt {
namespace {

namespace fs = std::filesystem;
using testing::has;
using testing::message_of;

// Keeps what it is told, waits before each save until it may go on, and fails
// for paths that begin with "bad".
class Recorder : public CheckpointIO {
 public:
  void save_checkpoint(const State& state, const fs::path& path) override {
    std::unique_lock lock(mutex_);
    ++begun_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return allowed_ > 0; });
    --allowed_;
    calls_.push_back("save " + path.string());
    if (path.string().starts_with("bad")) {
      throw std::runtime_error("no " + path.string());
    }
    states_.push_back(state.clone());
  }
  State load_checkpoint(const fs::path& path) override {
    const std::scoped_lock lock(mutex_);
    calls_.push_back("load " + path.string());
    return states_.back();
  }
  void remove_checkpoint(const fs::path& path) override {
    const std::scoped_lock lock(mutex_);
    calls_.push_back("remove " + path.string());
  }
  void link_checkpoint(const fs::path& target, const fs::path& link) override {
    const std::scoped_lock lock(mutex_);
    calls_.push_back("link " + link.string() + " to " + target.string());
  }
  void teardown() override {
    const std::scoped_lock lock(mutex_);
    calls_.emplace_back("teardown");
  }

  void allow(int saves) {
    const std::scoped_lock lock(mutex_);
    allowed_ += saves;
    changed_.notify_all();
  }
  void wait_for_begun(int saves) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return begun_ >= saves; });
  }
  std::vector<std::string> calls() {
    const std::scoped_lock lock(mutex_);
    return calls_;
  }
  std::vector<State> states() {
    const std::scoped_lock lock(mutex_);
    return states_;
  }

 private:
  std::mutex mutex_{};
  std::condition_variable changed_{};
  int allowed_ = 0;
  int begun_ = 0;
  std::vector<std::string> calls_{};
  std::vector<State> states_{};
};

using Calls = std::vector<std::string>;

class AsyncCheckpoint : public ::testing::Test {
 protected:
  std::shared_ptr<Recorder> recorder_ = std::make_shared<Recorder>();
  AsyncCheckpointIO io_{recorder_};
  at::Tensor weight_ = torch::zeros({4});
  State state_ =
      State::map({{"w", weight_}, {"again", weight_.slice(0, 1, 3)}});
};

TEST(TorchCheckpoint, SavesLoadsAndRemoves) {
  testing::TempDir dir;
  TorchCheckpointIO io({.durable = false});
  const fs::path path = dir.path() / "a.ckpt";
  io.save_checkpoint(State(5), path);
  EXPECT_EQ(io.load_checkpoint(path), State(5));
  io.remove_checkpoint(path);
  EXPECT_FALSE(fs::exists(path));
  EXPECT_NO_THROW(io.remove_checkpoint(path));
  io.teardown();
}

TEST(TorchCheckpoint, LooksAtFoldersThatArentThereYet) {
  const testing::TempDir dir;
  TorchCheckpointIO io;
  EXPECT_NO_THROW(io.check_folder(dir.path() / "not" / "there"));
  EXPECT_TRUE(fs::is_empty(dir.path()));
  // Relative to the working directory.
  EXPECT_NO_THROW(io.check_folder("not_there"));
  EXPECT_NO_THROW(io.check_folder("not_there/either"));
  EXPECT_FALSE(fs::exists("not_there"));
  EXPECT_TRUE(
      has(message_of<Error>([&] { io.check_folder("/proc/not/there"); }),
          {"nothing can be written", "/proc/not/there"}));
}

TEST(TorchCheckpoint, LinksWhatIsThere) {
  testing::TempDir dir;
  TorchCheckpointIO io({.durable = false});
  const fs::path link = dir.path() / "last.ckpt";
  io.save_checkpoint(State(5), dir.path() / "a.ckpt");
  io.link_checkpoint(dir.path() / "a.ckpt", link);
  EXPECT_EQ(fs::read_symlink(link), "a.ckpt");
  io.link_checkpoint(dir.path() / "none.ckpt", link);
  EXPECT_EQ(io.load_checkpoint(link), State(5));
  const fs::path nowhere = dir.path() / "none" / "last.ckpt";
  EXPECT_TRUE(has(message_of<Error>([&] {
                    io.link_checkpoint(dir.path() / "a.ckpt", nowhere);
                  }),
                  {"none/last.ckpt", "a.ckpt"}));
}

TEST_F(AsyncCheckpoint, StoresTheStateOfTheMomentOfTheCall) {
  io_.save_checkpoint(state_, "a");
  weight_.fill_(1);
  state_["w"] = 0;
  recorder_->allow(1);
  io_.teardown();
  const State stored = recorder_->states().at(0);
  EXPECT_TRUE(torch::equal(stored.at("w").as_tensor(), torch::zeros({4})));
  EXPECT_TRUE(
      stored.at("w").as_tensor().is_alias_of(stored.at("again").as_tensor()));
  EXPECT_EQ(recorder_->calls(), (Calls{"save a", "teardown"}));
}

TEST_F(AsyncCheckpoint, KeepsTheOrderOfSavesLinksAndRemovals) {
  recorder_->allow(3);
  io_.save_checkpoint(state_, "a");
  io_.save_checkpoint(state_, "b");
  io_.link_checkpoint("b", "last");
  io_.remove_checkpoint("a");
  io_.save_checkpoint(state_, "c");
  io_.remove_checkpoint("b");
  EXPECT_EQ(io_.load_checkpoint("c"), state_);
  EXPECT_EQ(recorder_->calls(),
            (Calls{"save a", "save b", "link last to b", "remove a", "save c",
                   "remove b", "load c"}));
}

TEST_F(AsyncCheckpoint, ASaveTooManyWaits) {
  io_.save_checkpoint(state_, "a");
  recorder_->wait_for_begun(1);
  weight_.fill_(1);
  auto second =
      std::async(std::launch::async, [&] { io_.save_checkpoint(state_, "b"); });
  // It can't end before the first has.
  EXPECT_EQ(recorder_->calls(), Calls{});
  recorder_->allow(2);
  second.get();
  io_.teardown();
  EXPECT_TRUE(torch::equal(recorder_->states().at(0).at("w").as_tensor(),
                           torch::zeros({4})));
  EXPECT_TRUE(torch::equal(recorder_->states().at(1).at("w").as_tensor(),
                           torch::ones({4})));
}

TEST_F(AsyncCheckpoint, AsManyAsAllowedDontWait) {
  AsyncCheckpointIO io(recorder_, {.max_pending = 3});
  for (const char* path : {"a", "b", "c"}) {
    io.save_checkpoint(state_, path);
    weight_ += 1;
  }
  EXPECT_EQ(recorder_->calls(), Calls{});
  recorder_->allow(3);
  io.teardown();
  for (std::size_t k = 0; k < 3; ++k) {
    EXPECT_EQ(recorder_->states().at(k).at("w").as_tensor()[0].item<float>(),
              static_cast<float>(k));
  }
}

TEST_F(AsyncCheckpoint, AnErrorComesWithTheNextSave) {
  recorder_->allow(2);
  io_.save_checkpoint(state_, "bad1");
  EXPECT_EQ(
      message_of<std::runtime_error>([&] { io_.save_checkpoint(state_, "b"); }),
      "no bad1");
  io_.save_checkpoint(state_, "c");
  io_.teardown();
  EXPECT_EQ(recorder_->calls(), (Calls{"save bad1", "save c", "teardown"}));
}

TEST_F(AsyncCheckpoint, AnErrorComesWithTheEndOfTheRun) {
  recorder_->allow(1);
  io_.save_checkpoint(state_, "bad1");
  EXPECT_EQ(message_of<std::runtime_error>([&] { io_.teardown(); }), "no bad1");
  EXPECT_EQ(recorder_->calls(), (Calls{"save bad1", "teardown"}));
  EXPECT_NO_THROW(io_.teardown());
}

TEST_F(AsyncCheckpoint, AfterAnErrorNothingIsRemoved) {
  recorder_->allow(1);
  io_.save_checkpoint(state_, "bad1");
  io_.remove_checkpoint("the last good one");
  EXPECT_EQ(message_of<std::runtime_error>([&] { io_.teardown(); }), "no bad1");
  EXPECT_EQ(recorder_->calls(), (Calls{"save bad1", "teardown"}));
}

// Also when somebody has taken the error before their turn comes.
TEST_F(AsyncCheckpoint, WhatWaitedBehindAnErrorStaysAsItWas) {
  AsyncCheckpointIO io(recorder_, {.max_pending = 2});
  io.save_checkpoint(state_, "bad1");
  io.save_checkpoint(state_, "b");
  io.link_checkpoint("bad1", "last");
  io.remove_checkpoint("the last good one");
  recorder_->allow(1);
  recorder_->wait_for_begun(2);
  EXPECT_EQ(message_of<std::runtime_error>([&] { io.check(); }), "no bad1");
  recorder_->allow(1);
  io.teardown();
  EXPECT_EQ(recorder_->calls(), (Calls{"save bad1", "save b", "teardown"}));
}

TEST_F(AsyncCheckpoint, IsReadyForAnotherRun) {
  recorder_->allow(2);
  io_.save_checkpoint(state_, "a");
  io_.teardown();
  io_.save_checkpoint(state_, "b");
  io_.teardown();
  EXPECT_EQ(recorder_->calls(),
            (Calls{"save a", "teardown", "save b", "teardown"}));
}

TEST_F(AsyncCheckpoint, TheDestructorWaitsAndLogsWhatFailed) {
  const testing::LogCapture log;
  {
    AsyncCheckpointIO io(recorder_);
    io.save_checkpoint(state_, "bad1");
    recorder_->allow(1);
  }
  EXPECT_EQ(recorder_->calls(), Calls{"save bad1"});
  EXPECT_EQ(log.count("no bad1"), 1);
}

TEST_F(AsyncCheckpoint, AStateThatNoFileCanHoldIsRefusedAtOnce) {
  EXPECT_TRUE(has(message_of<CheckpointError>([&] {
                    io_.save_checkpoint(State::list({at::Tensor()}), "a.ckpt");
                  }),
                  {"a.ckpt", "[0]", "undefined"}));
}

TEST_F(AsyncCheckpoint, FollowsAStateThatChangesItsShape) {
  recorder_->allow(4);
  std::vector<State> states;
  for (const int64_t n : {4, 9, 2, 9}) {
    states.push_back(State::list({torch::rand({n}), torch::rand({n, 2})}));
    io_.save_checkpoint(states.back(), "a");
  }
  io_.teardown();
  EXPECT_EQ(recorder_->states(), states);
}

TEST(AsyncCheckpointOptions, AtLeastOneSaveIsPending) {
  EXPECT_TRUE(has(message_of<ConfigError>([] {
                    AsyncCheckpointIO io(nullptr, {.max_pending = 0});
                  }),
                  {"max_pending", "at least 1"}));
}

TEST(AsyncCheckpointFiles, AreThereAfterTheTeardown) {
  testing::TempDir dir;
  AsyncCheckpointIO io;
  const State state = State::map({{"w", torch::rand({100, 100})}});
  io.save_checkpoint(state, dir.path() / "a.ckpt");
  io.teardown();
  EXPECT_EQ(read_checkpoint(dir.path() / "a.ckpt"), state);
}

}  // namespace
}  // namespace bolt
