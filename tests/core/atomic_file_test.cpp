#include "core/atomic_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/files.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "support/errors.h"
#include "support/temp_dir.h"

namespace bolt::detail {
namespace {

namespace fs = std::filesystem;
using testing::has;
using testing::message_of;

class Atomic : public ::testing::Test {
 protected:
  bool nameless_files() const {
    const int fd = ::open(dir_.path().c_str(), O_TMPFILE | O_RDWR, 0600);
    if (fd >= 0) ::close(fd);
    return fd >= 0;
  }

  testing::TempDir dir_;
  fs::path path_ = dir_.path() / "file";
};

TEST_F(Atomic, TakesItsPlaceWhenItIsWhole) {
  write_atomic(path_, "old");
  AtomicFile file(path_);
  file.write("new ");
  file.write("content");
  EXPECT_EQ(read_file(path_), "old");
  EXPECT_EQ(file.size(), 11U);
  file.replace(0, "NEW");
  file.start_flush();
  file.commit();
  EXPECT_EQ(read_file(path_), "NEW content");
}

TEST_F(Atomic, WithoutThatNothingIsLeft) {
  {
    AtomicFile(path_).write("content");
  }
  EXPECT_TRUE(fs::is_empty(dir_.path()));
}

TEST_F(Atomic, NothingIsLeftWhenItsPlaceIsTaken) {
  fs::create_directories(path_ / "folder");
  EXPECT_TRUE(has(message_of<Error>([&] {
                    AtomicFile file(path_);
                    file.commit();
                  }),
                  {path_.c_str(), "can't rename"}));
  EXPECT_EQ(std::distance(fs::directory_iterator(dir_.path()),
                          fs::directory_iterator()),
            1);
}

TEST_F(Atomic, HasThePermissionsOfAnyNewFile) {
  const mode_t before = ::umask(027);
  AtomicFile(path_).commit();
  ::umask(before);
  struct stat status{};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0640U);
}

TEST_F(Atomic, AKilledProcessLeavesNothing) {
  const pid_t child = ::fork();
  if (child == 0) {
    AtomicFile file(path_);
    file.write("content");
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_FALSE(fs::exists(path_));
  // Where a file needs a name, the temporary one stays.
  EXPECT_EQ(fs::is_empty(dir_.path()), nameless_files());
}

// A name is needed where the system has no nameless files.
TEST_F(Atomic, TwoAtATimeDontMeet) {
  AtomicFile one(path_), two(path_);
  one.write("one");
  two.write("two");
  two.commit(false);
  one.commit(false);
  EXPECT_EQ(read_file(path_), "one");
  EXPECT_TRUE(has(message_of<Error>([&] { AtomicFile(path_ / "x"); }),
                  {path_.c_str(), "Not a directory"}));
}

}  // namespace
}  // namespace bolt::detail
