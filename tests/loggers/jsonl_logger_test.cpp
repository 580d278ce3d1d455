#include <gtest/gtest.h>
#include <torchbolt/core/files.h>
#include <torchbolt/data/table.h>
#include <torchbolt/loggers/jsonl_logger.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "loggers/path_lock.h"
#include "support/log_capture.h"
#include "support/models.h"
#include "support/temp_dir.h"

namespace bolt {
namespace {

using nlohmann::json;
using testing::TempDir;

JSONLLogger logger_in(const TempDir& dir) {
  return JSONLLogger({.save_dir = dir.path(), .name = "", .version = "v"});
}

// The lines, without their times.
std::vector<json> lines_of(const TempDir& dir) {
  std::vector<json> lines;
  std::ifstream file(dir.path() / "v" / "metrics.jsonl");
  for (std::string line; std::getline(file, line);) {
    lines.push_back(json::parse(line));
    EXPECT_GT(lines.back().at("t").get<double>(), 1.6e9);
    lines.back().erase("t");
  }
  return lines;
}

TEST(JSONLLogger, ALineForEachCall) {
  const TempDir dir;
  auto logger = logger_in(dir);
  logger.log_hyperparams(
      State::map({{"lr", 0.1}, {"sizes", State::list({1, State()})}}));
  logger.log_metrics({{"loss", 0.1}, {"epoch", 2}}, 3);
  logger.log_metrics({{"a\"b\n\xff", 1e300}}, 4);
  logger.log_metrics({{"x", std::nan("")}, {"y", INFINITY}, {"z", -INFINITY}},
                     5);
  logger.log_text("note", "größe\n", 6);
  logger.log_table("t",
                   Table({{"n", torch::tensor({int64_t{1}, int64_t{2}})},
                          {"s", std::vector<std::string>{"a", "b"}}}),
                   7);
  logger.log_histogram("h", histogram_of(torch::tensor({0.0, 1.0}), 2), 8);
  logger.flush();
  const auto lines = lines_of(dir);
  ASSERT_EQ(lines.size(), 7u);
  EXPECT_EQ(lines[0],
            json({{"hparams", {{"lr", 0.1}, {"sizes", {1, nullptr}}}}}));
  EXPECT_EQ(lines[1],
            json({{"step", 3}, {"epoch", 2}, {"m", {{"loss", 0.1}}}}));
  EXPECT_EQ(lines[2],
            json({{"step", 4}, {"m", {{"a\"b\n\xef\xbf\xbd", 1e300}}}}));
  EXPECT_EQ(
      lines[3],
      json({{"step", 5},
            {"m", {{"x", "NaN"}, {"y", "Infinity"}, {"z", "-Infinity"}}}}));
  EXPECT_EQ(
      lines[4],
      json({{"step", 6}, {"text", {{"name", "note"}, {"text", "größe\n"}}}}));
  EXPECT_EQ(
      lines[5]["table"],
      json({{"name", "t"}, {"columns", {{"n", {1, 2}}, {"s", {"a", "b"}}}}}));
  EXPECT_EQ(lines[6]["histogram"]["limits"], json({0, 0.5, 1}));
  EXPECT_EQ(lines[6]["histogram"]["counts"], json({1, 1}));
}

TEST(JSONLLogger, PicturesAreFilesThatLinesName) {
  const TempDir dir;
  auto logger = logger_in(dir);
  const auto image = torch::randint(256, {3, 2, 2}, torch::kByte);
  logger.log_image("a/b", image, 1);
  logger.log_image("two", torch::zeros({2, 1, 2, 2}), 2);
  logger.log_figure("plot", {.bytes = "<svg/>", .format = "svg"}, 3);
  logger.flush();
  const auto lines = lines_of(dir);
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines[0],
            json({{"step", 1},
                  {"image", {{"name", "a/b"}, {"file", "media/a/b_1.png"}}}}));
  EXPECT_EQ(read_file(dir.path() / "v" / "media/a/b_1.png"), encode_png(image));
  EXPECT_EQ(lines[2]["image"]["name"], "two/1");
  EXPECT_EQ(read_file(dir.path() / "v" / "media/plot_3.svg"), "<svg/>");
}

TEST(JSONLLogger, PicturesOfSimilarNamesAreFilesOfTheirOwn) {
  const TempDir dir;
  auto logger = logger_in(dir);
  const std::vector<std::string> names{"a/b",
                                       "a_b",
                                       "a b",
                                       "a//b",
                                       "/a/b",
                                       "../a/b",
                                       "\u65e5\u672c",
                                       "\u4e2d\u56fd",
                                       "",
                                       ".",
                                       "a/",
                                       "a",
                                       std::string(300, 'x'),
                                       std::string(301, 'x')};
  for (const auto& name : names) {
    logger.log_figure(name, {.bytes = name, .format = "svg"}, 1);
  }
  logger.flush();
  std::set<std::string> files;
  const auto media = std::filesystem::canonical(dir.path() / "v" / "media");
  for (const auto& line : lines_of(dir)) {
    const auto file =
        dir.path() / "v" / line["figure"]["file"].get<std::string>();
    EXPECT_EQ(read_file(file), line["figure"]["name"].get<std::string>());
    const auto whole = std::filesystem::canonical(file).string();
    EXPECT_TRUE(whole.starts_with(media.string() + "/")) << whole;
    files.insert(whole);
  }
  EXPECT_EQ(files.size(), names.size());
}

TEST(JSONLLogger, GoesOnWhereTheCheckpointWas) {
  const TempDir dir;
  State state;
  {
    auto first = logger_in(dir);
    first.log_metrics({{"a", 1}}, 0);
    state = first.state();
    first.log_metrics({{"a", 2}}, 1);
  }
  EXPECT_EQ(lines_of(dir).size(), 2u);
  auto second = logger_in(dir);
  ASSERT_TRUE(second.resume(state));
  second.start();
  second.log_metrics({{"a", 3}}, 1);
  second.flush();
  const auto lines = lines_of(dir);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[1]["m"]["a"], 3);
}

TEST(JSONLLogger, ARunThatAnotherProcessWritesIsNotGoneOnWith) {
  const testing::LogCapture log;
  const TempDir dir;
  const auto logger = [&] {
    return JSONLLogger({.save_dir = dir.path(), .name = ""});
  };
  State state;
  {
    auto first = logger();
    first.log_metrics({{"a", 1}}, 0);
    state = first.state();
  }
  {
    // As another process has it: this one's would be shared.
    const detail::PathLock lock(dir.path() / "version_0");
    ASSERT_TRUE(lock.is_held());
    auto again = logger();
    EXPECT_FALSE(again.resume(state));
    EXPECT_EQ(log.count("another process writes to"), 1);
    again.log_metrics({{"a", 2}}, 1);
    again.flush();
    EXPECT_EQ(again.version(), "version_1");
  }
  auto again = logger();
  EXPECT_TRUE(again.resume(state));
  EXPECT_TRUE(logger().resume(state));  // in this process one takes over
}

TEST(JSONLLogger, ALineThatWasBegunByAKilledProcessGoes) {
  const TempDir dir;
  write_atomic(dir.path() / "v" / "metrics.jsonl",
               "{\"t\":1700000000,\"step\":0,\"m\":{}}\n{\"t\":17");
  auto logger = logger_in(dir);
  logger.log_metrics({{"a", 1}}, 1);
  logger.flush();
  EXPECT_EQ(lines_of(dir).size(), 2u);
}

}  // namespace
}  // namespace bolt
