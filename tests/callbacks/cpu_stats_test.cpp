#include "callbacks/cpu_stats.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "support/temp_dir.h"
#include "support/write_file.h"

namespace bolt {
namespace {

using testing::TempDir;
using testing::write_file;

// A folder like /proc.
struct Proc {
  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((dir.path() / name).parent_path());
    write_file(dir.path() / name, text);
  }
  TempDir dir;
};

TEST(CpuStats, AreThoseOfPsutil) {
  const Proc proc;
  //                         user nice sys idle iowait irq softirq steal guest
  proc.write("stat", "cpu  100 10 50 800 40 0 0 0 7 7\ncpu0 1 1 1 1\n");
  proc.write("meminfo",
             "MemTotal:       1000 kB\nMemFree:         100 kB\n"
             "MemAvailable:    400 kB\nSwapTotal:       200 kB\n"
             "SwapFree:        150 kB\n");
  proc.write("self/statm", "900 300 20 1 0 5 0\n");
  CpuStats stats(proc.dir.path());
  ASSERT_TRUE(stats.available());
  const MetricMap first = stats.read();
  EXPECT_EQ(first.at("cpu_percent"), 0) << "since when?";
  EXPECT_EQ(first.at("cpu_vm_percent"), 60);
  EXPECT_EQ(first.at("cpu_swap_percent"), 25);
  EXPECT_EQ(first.at("cpu_process_rss"),
            300.0 * static_cast<double>(::sysconf(_SC_PAGESIZE)));
  // 30 + 5 + 15 busy, 40 + 10 not; the guests' are part of the user's.
  proc.write("stat", "cpu  130 10 60 840 50 5 3 2 37 7\n");
  EXPECT_EQ(stats.read().at("cpu_percent"), 50);
  EXPECT_EQ(stats.read().at("cpu_percent"), 0) << "nothing went by";
}

TEST(CpuStats, LeaveOutWhatCantBeRead) {
  const Proc proc;
  CpuStats none(proc.dir.path());
  EXPECT_FALSE(none.available());
  EXPECT_TRUE(none.read().empty());
  proc.write("stat", "cpu  one two\n");
  proc.write("meminfo", "MemTotal:\nno colon 3\n");
  proc.write("self/statm", "900\n");
  EXPECT_TRUE(none.read().empty());
  proc.write("meminfo", "MemTotal: 10 kB\nMemAvailable: 20 kB\n");
  const MetricMap odd = none.read();
  EXPECT_EQ(odd.at("cpu_vm_percent"), 0);
  EXPECT_EQ(odd.at("cpu_swap_percent"), 0);
}

TEST(CpuStats, ReadThoseOfThisProcess) {
  CpuStats stats;
  ASSERT_TRUE(stats.available());
  stats.read();
  const MetricMap now = stats.read();
  for (const char* share :
       {"cpu_percent", "cpu_vm_percent", "cpu_swap_percent"}) {
    EXPECT_GE(now.at(share), 0) << share;
    EXPECT_LE(now.at(share), 100) << share;
  }
  EXPECT_GT(now.at("cpu_process_rss"), 1e6);
}

}  // namespace
}  // namespace bolt
