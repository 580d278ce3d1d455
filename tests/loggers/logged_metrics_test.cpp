#include <gtest/gtest.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/files.h>
#include <torchbolt/loggers/csv_logger.h>
#include <torchbolt/loggers/jsonl_logger.h>
#include <torchbolt/loggers/logged_metrics.h>
#include <torchbolt/loggers/mlflow_logger.h>
#include <torchbolt/loggers/tensorboard_logger.h>
#include <torchbolt/loggers/wandb_logger.h>

#include <cmath>
#include <functional>
#include <limits>
#include <memory>

#include "loggers/tensorboard/events.h"
#include "loggers/tensorboard/tfrecord.h"
#include "support/errors.h"
#include "support/temp_dir.h"
#include "support/write_file.h"

namespace bolt {
namespace {

using testing::has;
using testing::message_of;
using testing::TempDir;
using testing::write_file;

constexpr double kInf = std::numeric_limits<double>::infinity();

// What is logged can be read back, whichever logger wrote it.
template <class Make>
void check_round_trip(
    const Make& make,
    const std::function<std::filesystem::path(Logger&)>& where) {
  const TempDir dir;
  auto logger = make(dir.path());
  for (int64_t k = 0; k < 5; ++k) {
    logger->log_metrics({{"a/b", 0.5 * static_cast<double>(k)}}, 10 * k);
  }
  logger->log_metrics({{"late", -kInf}, {"epoch", 0}}, 49);
  logger->log_text("note", "not a metric", 49);
  logger->flush();
  const LoggedMetrics metrics = read_logged_metrics(where(*logger));
  const LoggedMetric& first = metrics.at("a/b");
  EXPECT_EQ(first.steps, (std::vector<int64_t>{0, 10, 20, 30, 40}));
  EXPECT_EQ(first.values, (std::vector<double>{0, 0.5, 1, 1.5, 2}));
  EXPECT_EQ(metrics.at("late").values, std::vector<double>{-kInf});
  EXPECT_EQ(metrics.at("late").steps, std::vector<int64_t>{49});
  EXPECT_FALSE(metrics.contains("step"));
  EXPECT_FALSE(metrics.contains("note"));
}

std::filesystem::path folder_of(Logger& logger) { return *logger.log_dir(); }

TEST(LoggedMetrics, AreThoseThatCSVLoggerWrote) {
  check_round_trip(
      [](const auto& dir) {
        return std::make_unique<CSVLogger>(CSVLoggerOptions{.save_dir = dir});
      },
      folder_of);
}

TEST(LoggedMetrics, AreThoseThatJSONLLoggerWrote) {
  check_round_trip(
      [](const auto& dir) {
        return std::make_unique<JSONLLogger>(
            JSONLLoggerOptions{.save_dir = dir});
      },
      folder_of);
}

TEST(LoggedMetrics, AreThoseThatTensorBoardLoggerWrote) {
  check_round_trip(
      [](const auto& dir) {
        return std::make_unique<TensorBoardLogger>(
            TensorBoardLoggerOptions{.save_dir = dir});
      },
      folder_of);
}

TEST(LoggedMetrics, AreThoseThatWandbLoggerWrote) {
  check_round_trip(
      [](const auto& dir) {
        return std::make_unique<WandbLogger>(
            WandbLoggerOptions{.save_dir = dir, .offline = true});
      },
      [](Logger& logger) {
        return dynamic_cast<WandbLogger&>(logger).log_path().parent_path();
      });
}

TEST(LoggedMetrics, AreThoseThatMLflowLoggerKept) {
  check_round_trip(
      [](const auto& dir) {
        return std::make_unique<MLflowLogger>(
            MLflowLoggerOptions{.save_dir = dir});
      },
      folder_of);
}

TEST(LoggedMetrics, OfATensorBoardRunThatWentOnEachStepIsThereOnce) {
  const TempDir dir;
  State state;
  {
    TensorBoardLogger logger({.save_dir = dir.path()});
    for (int64_t k = 0; k < 4; ++k) {
      logger.log_metrics({{"a", 0}}, k);
      if (k == 1) state = logger.state();
    }
  }
  TensorBoardLogger logger({.save_dir = dir.path()});
  ASSERT_TRUE(logger.resume(state));
  for (int64_t k = 2; k < 5; ++k) logger.log_metrics({{"a", 1}}, k);
  logger.flush();
  const LoggedMetric a = read_logged_metrics(*logger.log_dir()).at("a");
  EXPECT_EQ(a.steps, (std::vector<int64_t>{0, 1, 2, 3, 4}));
  EXPECT_EQ(a.values, (std::vector<double>{0, 0, 1, 1, 1}));
}

// As other writers do it: a second file, which says from which step on.
TEST(LoggedMetrics, OfTensorBoardALaterSessionTakesBackTheEarlierOne) {
  const TempDir dir;
  const auto file = [&](const std::string& name, int64_t first, double value) {
    std::string bytes = detail::tfrecord(detail::version_event(1)) +
                        detail::tfrecord(detail::start_event({.step = first}));
    for (int64_t k = first; k < first + 4; ++k) {
      std::string summary;
      detail::add_scalar(summary, "a", value);
      bytes += detail::tfrecord(detail::summary_event({.step = k}, summary));
    }
    write_file(dir.path() / name, bytes);
  };
  file("events.out.tfevents.0000000001.host", 0, 0);
  file("events.out.tfevents.0000000002.host", 2, 1);
  const LoggedMetric a = read_logged_metrics(dir.path()).at("a");
  EXPECT_EQ(a.steps, (std::vector<int64_t>{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(a.values, (std::vector<double>{0, 0, 1, 1, 1, 1}));
}

TEST(LoggedMetrics, AFilesCutEndIsPassedOver) {
  const TempDir dir;
  write_file(dir.path() / "metrics.jsonl",
             "{\"t\":1,\"step\":3,\"m\":{\"a\":\"NaN\"}}\n"
             "{\"t\":1,\"hparams\":{\"lr\":1}}\n"
             "{\"t\":1,\"step\":4,\"m\":{\"a\":1}}\n{\"t\":1,\"st");
  const LoggedMetric a = read_logged_metrics(dir.path()).at("a");
  EXPECT_EQ(a.steps, (std::vector<int64_t>{3, 4}));
  EXPECT_TRUE(std::isnan(a.values[0]));
  write_file(dir.path() / "metrics.csv", "a,b,step\n1,,0\n2,3,1\n4,");
  EXPECT_EQ(read_logged_metrics(dir.path()).at("a").steps,
            (std::vector<int64_t>{0, 1}));
}

TEST(LoggedMetrics, OfOthersJsonNullIsNoNumber) {
  const TempDir dir;
  write_file(dir.path() / "metrics.jsonl",
             "{\"step\":0,\"m\":{\"a\":null,\"b\":\"-Infinity\"}}\n");
  const auto metrics = read_logged_metrics(dir.path());
  EXPECT_TRUE(std::isnan(metrics.at("a").values.at(0)));
  EXPECT_EQ(metrics.at("b").values.at(0), -INFINITY);
  write_file(dir.path() / "metrics.jsonl",
             "{\"step\":0,\"m\":{\"a\":\"high\"}}\n");
  EXPECT_THROW(read_logged_metrics(dir.path()), DataError);
}

TEST(LoggedMetrics, ErrorsNameTheFile) {
  const TempDir dir;
  const auto message = [&] {
    return message_of<DataError>([&] { read_logged_metrics(dir.path()); });
  };
  EXPECT_FALSE(has_logged_metrics(dir.path()));
  EXPECT_TRUE(has(message(), {"no metrics", "metrics.csv"}));
  write_file(dir.path() / "metrics.jsonl", "{}\n{\"step\":\n");
  EXPECT_TRUE(has_logged_metrics(dir.path()));
  EXPECT_TRUE(has(message(), {"metrics.jsonl, line 2"}));
  write_file(dir.path() / "metrics.csv", "a,b\n1,2\n");
  EXPECT_TRUE(has(message(), {"metrics.csv", "\"step\""}));
  EXPECT_TRUE(has(message_of<DataError>([&] {
                    write_file(dir.path() / "mlflow.jsonl", "{}\n");
                    read_logged_metrics(dir.path() / "mlflow.jsonl");
                  }),
                  {"mlflow.jsonl", "no journal"}));
}

}  // namespace
}  // namespace bolt
