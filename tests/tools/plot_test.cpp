#include "tools/plot.h"

#include <gtest/gtest.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/files.h>

#include <filesystem>
#include <string>
#include <vector>

#include "support/errors.h"
#include "support/log_capture.h"
#include "support/temp_dir.h"
#include "support/write_file.h"

namespace bolt::tools {
namespace {

using testing::has;
using testing::message_of;
using testing::TempDir;
using testing::write_file;
using Texts = std::vector<std::string>;

class Plot : public ::testing::Test {
 protected:
  void write(const std::string& run, const std::string& table) const {
    make_directories(dir_.path() / run);
    write_file(dir_.path() / run / "metrics.csv", table);
  }
  std::vector<ui::Chart> charts(const Texts& runs, const Texts& metrics = {}) {
    PlotOptions options{.metrics = metrics};
    for (const auto& run : runs) options.runs.push_back(dir_.path() / run);
    return plot_charts(options);
  }
  static Texts titles(const std::vector<ui::Chart>& charts) {
    Texts out;
    for (const auto& chart : charts) out.push_back(chart.title);
    return out;
  }
  static Texts labels(const ui::Chart& chart) {
    Texts out;
    for (const auto& curve : chart.curves) out.push_back(curve.label);
    return out;
  }

  TempDir dir_{};
};

TEST_F(Plot, EachMetricHasAChartAndEachRunACurve) {
  write("logs/version_2", "epoch,loss,step\n0,1,0\n0,,1\n1,0.5,2\n");
  write("logs/version_10", "acc,loss,step\n0.1,3,0\n");
  const auto all = charts({"logs"});
  EXPECT_EQ(titles(all), (Texts{"acc", "loss"}));
  EXPECT_EQ(labels(all[0]), Texts{"version_10"});
  EXPECT_EQ(labels(all[1]), (Texts{"version_2", "version_10"}));
  EXPECT_EQ(all[1].curves[0].x, (std::vector<double>{0, 2}));
  EXPECT_EQ(all[1].curves[0].y, (std::vector<double>{1, 0.5}));
}

TEST_F(Plot, MetricsAreChosenByNameOrPattern) {
  write("a", "step,train/loss,val/acc,val/loss\n0,1,2,3\n");
  EXPECT_EQ(titles(charts({"a"}, {"val/*"})), (Texts{"val/acc", "val/loss"}));
  EXPECT_EQ(titles(charts({"a"}, {"train/loss", "val/acc"})),
            (Texts{"train/loss", "val/acc"}));
  EXPECT_TRUE(has(message_of<ConfigError>([&] { charts({"a"}, {"val/los"}); }),
                  {"val/los", "train/loss, val/acc", "--metric val/loss"}));
}

TEST_F(Plot, RunsOfTheSameNameAreToldApart) {
  write("x/logs/version_0", "loss,step\n1,0\n");
  write("y/logs/version_0", "loss,step\n1,0\n");
  write("y/logs/version_1", "loss,step\n1,0\n");
  EXPECT_EQ(labels(charts({"x/logs/version_0", "y/logs"})[0]),
            (Texts{"x/logs/version_0", "y/logs/version_0", "version_1"}));
}

TEST_F(Plot, WritesPictures) {
  write("a", "loss,step\n1,0\n2,1\n");
  const auto svg = dir_.path() / "a.svg";
  const auto png = dir_.path() / "sub" / "a.png";
  write_charts(charts({"a"}), svg, 640);
  write_charts(charts({"a"}), png, 640);
  EXPECT_TRUE(read_file(svg).starts_with("<svg "));
  const std::string bytes = read_file(png);
  EXPECT_TRUE(bytes.starts_with("\x89PNG"));
  EXPECT_EQ(bytes.substr(16, 4), std::string("\0\0\x02\x80", 4));  // 640
  EXPECT_TRUE(has(message_of<ConfigError>([&] {
                    write_charts(charts({"a"}), dir_.path() / "a.jpg", 640);
                  }),
                  {"a.jpg", ".svg or .png"}));
}

TEST_F(Plot, ARunThatCantBeReadDoesntHideTheOthers) {
  const testing::LogCapture log;
  write("logs/version_0", "loss,step\n1,0\n");
  write("logs/version_1", "");
  EXPECT_EQ(labels(charts({"logs"})[0]), Texts{"version_0"});
  EXPECT_EQ(log.count("version_1/metrics.csv"), 1);
  EXPECT_THROW(charts({"logs/version_1"}), DataError);
}

TEST_F(Plot, RunsWithoutMetricsAreSaidToHaveNone) {
  write("a", "loss,step\n");
  EXPECT_TRUE(has(message_of<ConfigError>([&] { charts({"a"}); }),
                  {"no metric was logged", "/a"}));
}

TEST_F(Plot, AFolderWithoutRunsIsAnError) {
  EXPECT_TRUE(has(message_of<DataError>([&] { charts({""}); }),
                  {dir_.path().filename().c_str(), "no metrics"}));
}

}  // namespace
}  // namespace bolt::tools
