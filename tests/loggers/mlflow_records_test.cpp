#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "loggers/mlflow/names.h"
#include "loggers/mlflow/records.h"
#include "support/temp_dir.h"

namespace bolt::detail {
namespace {

using nlohmann::json;
using testing::TempDir;

TEST(MlflowNames, TakesOutWhatMlflowDoesnt) {
  EXPECT_EQ(mlflow_key("train/loss_step.1 a-b"), "train/loss_step.1 a-b");
  EXPECT_EQ(mlflow_key("top:5"), "top:5");
  EXPECT_EQ(mlflow_key("acc@5"), "acc5");
  EXPECT_EQ(mlflow_key("/a//b/./../c/"), "a/b/c");
  EXPECT_EQ(mlflow_key("größe/損失"), "größe/損失");
  EXPECT_EQ(mlflow_key("a\xff"
                       "b→c\n"),
            "abc");
}

// What would be empty, or too long, stays different from its like.
TEST(MlflowNames, KeepsNamesApart) {
  EXPECT_EQ(mlflow_key("@").size(), 9u);
  EXPECT_NE(mlflow_key("@"), mlflow_key("#"));
  const std::string longer(300, 'k');
  EXPECT_EQ(mlflow_key(longer).size(), kMlflowKeyLength);
  EXPECT_NE(mlflow_key(longer + "a"), mlflow_key(longer + "b"));
  EXPECT_EQ(mlflow_key(std::string(250, 'k')), std::string(250, 'k'));
}

// With a step and the like behind it, it is still a name that a disk takes.
TEST(MlflowNames, PathsAreShorter) {
  EXPECT_EQ(mlflow_path("a/b c"), "a/b c");
  const std::string longer(200, 'k');
  EXPECT_LE(mlflow_path(longer).size(), 150u);
  EXPECT_NE(mlflow_path(longer + "a"), mlflow_path(longer + "b"));
}

TEST(MlflowNames, ArtifactsHaveThoseOfFiles) {
  EXPECT_EQ(mlflow_artifact_path("a b/größe&:'.ckpt"), "a b/größe&:'.ckpt");
  EXPECT_EQ(mlflow_artifact_path("a#b/c%20\td?"), "a_b/c_20_d_");
}

TEST(MlflowNames, CutsBetweenCharacters) {
  EXPECT_EQ(mlflow_value("äöü", 2), "äö");
  EXPECT_EQ(mlflow_value("abc", 10), "abc");
  EXPECT_EQ(mlflow_value("a\xc3", 10), "a\xef\xbf\xbd");
  EXPECT_EQ(mlflow_value("\xed\xa0\x80", 10).size(), 9u);  // a surrogate
  EXPECT_EQ(mlflow_value("😀x", 1), "😀");
}

class MlflowRecordsTest : public ::testing::Test {
 protected:
  json entries(const std::string& op) {
    json all = json::array();
    const std::string bytes = journal.read(0, 10 * kMostJournalLine);
    std::string_view rest = bytes;
    lines = 0;
    while (const auto line = take_line(rest)) {
      if (line->op != op) continue;
      ++lines;
      const auto found = read_entries(*line);
      const json list = json::parse("[" + std::string(found->json) + "]");
      EXPECT_EQ(list.size(), found->count);
      EXPECT_EQ(json::parse(line->json)["entries"], list);
      all.insert(all.end(), list.begin(), list.end());
    }
    return all;
  }
  MetricRow row(const std::vector<std::string>& names,
                std::vector<double> values, int64_t step = 3) {
    return {.names = std::make_shared<const std::vector<std::string>>(names),
            .values = std::move(values),
            .step = step,
            .wall_time = 1700000000.25};
  }

  TempDir dir{};
  Journal journal{dir.path() / "a.jsonl"};
  std::vector<std::string> said{};
  MlflowRecords records{
      journal, "", [this](const std::string& text) { said.push_back(text); }};
  int lines = 0;
};

TEST_F(MlflowRecordsTest, MetricsAreAsTheServerTakesThem) {
  records.metrics(
      row({"a", "b@", "c", "d"}, {0.1, std::nan(""), INFINITY, -INFINITY}));
  EXPECT_EQ(entries("metrics"), json::parse(R"([
    {"key":"a","value":0.1,"timestamp":1700000000250,"step":3},
    {"key":"b","value":"NaN","timestamp":1700000000250,"step":3},
    {"key":"c","value":"Infinity","timestamp":1700000000250,"step":3},
    {"key":"d","value":"-Infinity","timestamp":1700000000250,"step":3}])"));
  records.metrics(row({"b@"}, {1}));
  ASSERT_EQ(said.size(), 1u);
  EXPECT_NE(said[0].find("no name like \"b@\""), std::string::npos);
}

TEST_F(MlflowRecordsTest, LinesAreNoLongerThanARequest) {
  std::vector<std::string> names;
  MlflowPairs params;
  for (int k = 0; k < 1200; ++k) names.push_back("m" + std::to_string(k));
  for (int k = 0; k < 250; ++k) {
    params.emplace_back("p" + std::to_string(k), std::string(7000, 'x'));
  }
  records.metrics(row(names, std::vector<double>(1200, 1.5)));
  EXPECT_EQ(entries("metrics").size(), 1200u);
  EXPECT_EQ(lines, 3);
  records.params(params);
  const json written = entries("params");
  EXPECT_EQ(written.size(), 250u);
  EXPECT_GT(lines, 3);
  for (const json& entry : written) {
    EXPECT_EQ(entry["value"].get<std::string>().size(), 6000u);
  }
}

// A run that goes on from a checkpoint logs some steps again.
// However many tags it has, a run is the first line.
TEST_F(MlflowRecordsTest, ARunWithManyTagsIsALine) {
  MlflowRun run{.key = "k"};
  for (int k = 0; k < 300; ++k) {
    run.tags.emplace_back("tag" + std::to_string(k), std::string(8000, 'x'));
  }
  records.run(run);
  const std::string bytes = journal.read(0, 16 << 20);
  std::string_view rest = bytes;
  const auto line = take_line(rest);
  ASSERT_TRUE(line);
  const auto read = read_run(*line);
  ASSERT_TRUE(read);
  std::size_t tags = read->tags.size();
  while (const auto more = take_line(rest)) tags += read_entries(*more)->count;
  EXPECT_EQ(tags, 300u);
  EXPECT_EQ(journal.dropped(), 0);
}

TEST_F(MlflowRecordsTest, KnownPointsAreNotWrittenAgain) {
  records.metrics(row({"a", "b"}, {1, 2}, 0));
  const uint64_t checkpoint = journal.size();
  records.metrics(row({"a", "b"}, {0.1, std::nan("")}, 1));
  records.know_points(checkpoint);
  records.metrics(row({"a", "b"}, {0.1, std::nan("")}, 1));
  EXPECT_EQ(entries("metrics").size(), 4u);
  // Another value is another point, and so is a third time the same.
  records.metrics(row({"a", "b"}, {0.1, 3}, 1));
  EXPECT_EQ(entries("metrics").size(), 6u);
}

TEST_F(MlflowRecordsTest, RunsAndWhatBecomesOfThemAreReadBack) {
  MlflowRun run{.key = "k",
                .server = "http://a",
                .experiment = "e \"x\"",
                .name = "n",
                .start_ms = 17,
                .tags = {{"a@b", "c"}}};
  records.run(run);
  records.artifact({.path = "a/b c.png", .file = "mlflow_files/1.png"});
  records.status({"FINISHED", 18});
  const std::string bytes = journal.read(0, 10'000);
  std::string_view rest = bytes;
  const auto first = read_run(*take_line(rest));
  ASSERT_TRUE(first);
  EXPECT_EQ(first->experiment, "e \"x\"");
  EXPECT_EQ(first->start_ms, 17);
  EXPECT_EQ(first->tags, (MlflowPairs{{"ab", "c"}}));
  const auto second = take_line(rest);
  EXPECT_FALSE(read_run(*second));
  EXPECT_EQ(read_artifact(*second)->path, "a/b c.png");
  const auto third = read_status(*take_line(rest));
  EXPECT_EQ(third->status, "FINISHED");
  EXPECT_EQ(third->time_ms, 18);
}

TEST(MlflowParams, AreFlatAndSpelledAsInPython) {
  const auto params = mlflow_params(State::map(
      {{"lr", 1e-3},
       {"big", 100.0},
       {"on", true},
       {"none", State()},
       {"net", State::map({{"width", 3}, {"act", "relu"}})},
       {"parts", State::list({State::map({{"k", 1}}), State::map({{"k", 2}})})},
       {"betas", State::tuple({0.9, 0.99})}}));
  EXPECT_EQ(params, (MlflowPairs{{"lr", "0.001"},
                                 {"big", "100.0"},
                                 {"on", "True"},
                                 {"none", "None"},
                                 {"net/width", "3"},
                                 {"net/act", "relu"},
                                 {"parts/0/k", "1"},
                                 {"parts/1/k", "2"},
                                 {"betas", "(0.9, 0.99)"}}));
}

}  // namespace
}  // namespace bolt::detail
