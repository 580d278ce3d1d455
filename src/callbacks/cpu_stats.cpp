#include "callbacks/cpu_stats.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace bolt {
namespace {

// "MemTotal:  16318480 kB", by name.
std::map<std::string, double> read_meminfo(const std::filesystem::path& path) {
  std::map<std::string, double> values;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string name;
    double value = 0;
    if (fields >> name >> value && name.ends_with(':')) {
      values[name.substr(0, name.size() - 1)] = value;
    }
  }
  return values;
}

double share(double part, double whole) {
  return whole > 0 ? std::clamp(100 * part / whole, 0.0, 100.0) : 0;
}

}  // namespace

bool CpuStats::available() const {
  std::error_code none;
  return std::filesystem::exists(proc_ / "stat", none);
}

MetricMap CpuStats::read() {
  MetricMap stats;
  // cpu user nice system idle iowait irq softirq steal guest guest_nice; the
  // guests' time is part of user and nice.
  std::ifstream file(proc_ / "stat");
  std::string name;
  std::vector<double> ticks;
  if (std::string line; std::getline(file, line)) {
    std::istringstream fields(line);
    fields >> name;
    for (double value = 0; fields >> value;) ticks.push_back(value);
  }
  if (name == "cpu" && ticks.size() >= 4) {
    Ticks now;
    for (std::size_t k = 0; k < std::min<std::size_t>(ticks.size(), 8); ++k) {
      now.total += ticks[k];
      if (k != 3 && k != 4) now.busy += ticks[k];
    }
    const bool first = !std::exchange(read_before_, true);
    const Ticks before = std::exchange(before_, now);
    stats["cpu_percent"] =
        first ? 0 : share(now.busy - before.busy, now.total - before.total);
  }
  const auto memory = read_meminfo(proc_ / "meminfo");
  const auto of = [&](const char* key) {
    const auto found = memory.find(key);
    return found == memory.end() ? 0 : found->second;
  };
  if (of("MemTotal") > 0) {
    const double total = of("MemTotal");
    stats["cpu_vm_percent"] = share(total - of("MemAvailable"), total);
    stats["cpu_swap_percent"] =
        share(of("SwapTotal") - of("SwapFree"), of("SwapTotal"));
  }
  std::ifstream own(proc_ / "self" / "statm");
  double size = 0;
  double resident = 0;  // pages
  if (own >> size >> resident) {
    stats["cpu_process_rss"] =
        resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
  }
  return stats;
}

}  // namespace bolt
