#include "tools/project.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/files.h>

#include <csignal>
#include <filesystem>
#include <string>

#include "support/errors.h"
#include "support/temp_dir.h"
#include "tools/version.h"

namespace bolt::tools {
namespace {

namespace fs = std::filesystem;
using testing::has;
using testing::message_of;
using testing::TempDir;

std::string refusal(const std::string& name) {
  return message_of<ConfigError>([&] { check_project_name(name); });
}

TEST(NewName, IsAWordForCMakeAndCpp) {
  for (const char* name : {"a", "spirals", "My_Model2", "classy"}) {
    EXPECT_NO_THROW(check_project_name(name)) << name;
  }
  EXPECT_TRUE(has(refusal("my-model"), {"\"my-model\"", "try: my_model"}));
  EXPECT_TRUE(has(refusal("2nd"), {"try: nd"}));
  for (const char* name :
       {"", "_a", "a b", "a/b", "..", "a;b", "a\nb", "é", "$x"}) {
    EXPECT_TRUE(has(refusal(name), {"expected a letter"})) << name;
  }
}

TEST(NewName, IsNotTakenAlready) {
  EXPECT_TRUE(has(refusal("class"), {"a word of C++", "class_model"}));
  EXPECT_TRUE(has(refusal("co_await"), {"a word of C++"}));
  for (const char* name : {"test", "all", "install", "torch", "torchbolt"}) {
    EXPECT_TRUE(has(refusal(name), {"something else already"})) << name;
  }
}

TEST(NewProject, HoldsEveryFileWithItsNameFilledIn) {
  TempDir dir;
  const auto project = make_project({.name = "spirals",
                                     .dir = dir.path() / "a" / "b",
                                     .package = "/o \"p\""});
  EXPECT_EQ(project, dir.path() / "a" / "b" / "spirals");
  for (const char* file : {".clang-format", ".gitignore", "CMakeLists.txt",
                           "CMakePresets.json", "README.md", "main.cpp"}) {
    const auto text = read_file(project / file);
    EXPECT_FALSE(text.empty()) << file;
    EXPECT_EQ(text.find("@"), std::string::npos) << file;
  }
  EXPECT_TRUE(has(read_file(project / "CMakeLists.txt"),
                  {"project(spirals ", "find_package(torchbolt 0."}));
  EXPECT_TRUE(has(read_file(project / "CMakePresets.json"),
                  {R"("torchbolt_DIR": "/o \"p\"")"}));
}

TEST(NewProject, LeavesOutAPackageThatCMakeFinds) {
  TempDir dir;
  const auto project = make_project({.name = "spirals", .dir = dir.path()});
  EXPECT_EQ(read_file(project / "CMakePresets.json").find("torchbolt_DIR"),
            std::string::npos);
}

TEST(NewProject, NeverOverwrites) {
  TempDir dir;
  fs::create_directory(dir.path() / "folder");
  write_atomic(dir.path() / "file", "precious");
  fs::create_symlink("nowhere", dir.path() / "link");
  for (const char* name : {"folder", "file", "link"}) {
    EXPECT_TRUE(has(message_of<ConfigError>([&] {
                      make_project({.name = name, .dir = dir.path()});
                    }),
                    {"there is something already", name}));
  }
  EXPECT_TRUE(fs::is_empty(dir.path() / "folder"));
  EXPECT_EQ(read_file(dir.path() / "file"), "precious");
  EXPECT_FALSE(fs::exists(dir.path() / "nowhere"));
}

TEST(NewProject, SaysWhereItCantBeMade) {
  TempDir dir;
  write_atomic(dir.path() / "file", "");
  EXPECT_TRUE(has(message_of<Error>([&] {
                    make_project({.name = "a", .dir = dir.path() / "file"});
                  }),
                  {"file"}));
}

// Files may hold ten bytes, as if the disk were full.
TEST(NewProject, LeavesNothingWhenItCantBeWritten) {
  TempDir dir;
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit small = before;
  small.rlim_cur = 10;
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  EXPECT_TRUE(has(message_of<Error>([&] {
                    make_project({.name = "spirals", .dir = dir.path()});
                  }),
                  {"spirals"}));
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_FALSE(fs::exists(dir.path() / "spirals"));
}

TEST(Version, NamesWhatItIsMadeOf) {
  EXPECT_TRUE(has(version_text(),
                  {"torchbolt 0.", "libtorch  2.", "compiler", "CUDA"}));
}

}  // namespace
}  // namespace bolt::tools
