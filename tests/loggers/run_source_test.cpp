#include "loggers/run_source.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "support/temp_dir.h"

namespace bolt::detail {
namespace {

namespace fs = std::filesystem;
using testing::TempDir;

const std::string kCommit(40, 'a');
const std::string kOther(40, 'b');

void write(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

TEST(RunSource, KnowsTheProgramAndItsUser) {
  EXPECT_TRUE(fs::exists(program_path()));
  EXPECT_NE(user_name(), "");
}

TEST(RunSource, FindsTheCommit) {
  const TempDir dir;
  const fs::path git = dir.path() / ".git";
  const fs::path inside = dir.path() / "a" / "b";
  fs::create_directories(inside);
  fs::create_directories(git);
  EXPECT_EQ(git_source(inside).commit, "");
  write(git / "HEAD", kCommit + "\n");
  EXPECT_EQ(git_source(inside).commit, kCommit);
  write(git / "HEAD", "ref: refs/heads/main\n");
  EXPECT_EQ(git_source(inside).commit, "");
  write(git / "packed-refs",
        "# pack-refs with: peeled\n" + kOther + " refs/heads/main\n");
  EXPECT_EQ(git_source(inside).commit, kOther);
  write(git / "refs/heads/main", kCommit + "\n");
  EXPECT_EQ(git_source(inside).commit, kCommit);
}

TEST(RunSource, FindsTheCommitOfAWorkTree) {
  const TempDir dir;
  const fs::path git = dir.path() / "main" / ".git";
  write(dir.path() / "tree" / ".git",
        "gitdir: " + (git / "worktrees/tree").string() + "\n");
  write(git / "worktrees/tree/HEAD", "ref: refs/heads/side\n");
  write(git / "worktrees/tree/commondir", "../..\n");
  write(git / "refs/heads/side", kCommit + "\n");
  write(git / "config", "[remote \"origin\"]\n\turl = ../there\n");
  const GitSource source = git_source(dir.path() / "tree");
  EXPECT_EQ(source.commit, kCommit);
  EXPECT_EQ(source.remote_url, "../there");
}

TEST(RunSource, TellsTheRemoteWithoutNameAndPassword) {
  const TempDir dir;
  const fs::path config = dir.path() / ".git" / "config";
  const auto remote = [&](const std::string& text) {
    write(config, text);
    return git_source(dir.path()).remote_url;
  };
  EXPECT_EQ(remote("[core]\n\turl = no\n[remote \"fork\"]\n\turl = no\n"), "");
  EXPECT_EQ(remote("[remote \"origin\"]\n\tfetch = +refs\n"
                   "\turl = https://me:secret@host.org/code.git\n"
                   "[branch \"main\"]\n\tremote = origin\n"),
            "https://host.org/code.git");
  EXPECT_EQ(remote("[remote \"origin\"]\r\n  url=git@host.org:code.git\r\n"),
            "git@host.org:code.git");
}

}  // namespace
}  // namespace bolt::detail
