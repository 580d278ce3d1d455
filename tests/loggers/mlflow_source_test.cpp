#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "loggers/mlflow/source.h"
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

TEST(MlflowSource, KnowsTheProgramAndItsUser) {
  EXPECT_TRUE(fs::exists(program_path()));
  EXPECT_NE(user_name(), "");
}

TEST(MlflowSource, FindsTheCommit) {
  const TempDir dir;
  const fs::path git = dir.path() / ".git";
  const fs::path inside = dir.path() / "a" / "b";
  fs::create_directories(inside);
  fs::create_directories(git);
  EXPECT_EQ(git_commit(inside), "");
  write(git / "HEAD", kCommit + "\n");
  EXPECT_EQ(git_commit(inside), kCommit);
  write(git / "HEAD", "ref: refs/heads/main\n");
  EXPECT_EQ(git_commit(inside), "");
  write(git / "packed-refs",
        "# pack-refs with: peeled\n" + kOther + " refs/heads/main\n");
  EXPECT_EQ(git_commit(inside), kOther);
  write(git / "refs/heads/main", kCommit + "\n");
  EXPECT_EQ(git_commit(inside), kCommit);
}

TEST(MlflowSource, FindsTheCommitOfAWorkTree) {
  const TempDir dir;
  const fs::path git = dir.path() / "main" / ".git";
  write(dir.path() / "tree" / ".git",
        "gitdir: " + (git / "worktrees/tree").string() + "\n");
  write(git / "worktrees/tree/HEAD", "ref: refs/heads/side\n");
  write(git / "worktrees/tree/commondir", "../..\n");
  write(git / "refs/heads/side", kCommit + "\n");
  EXPECT_EQ(git_commit(dir.path() / "tree"), kCommit);
}

}  // namespace
}  // namespace bolt::detail
