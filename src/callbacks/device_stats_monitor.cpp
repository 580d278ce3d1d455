#include <c10/core/CachingDeviceAllocator.h>
#include <torchbolt/callbacks/device_stats_monitor.h>
#include <torchbolt/core/error.h>
#include <torchbolt/trainer/trainer.h>

#include <array>
#include <utility>
#include <vector>

#include "callbacks/cpu_stats.h"
#include "callbacks/need_logger.h"

namespace bolt {
namespace {

constexpr const char* kDeviceStats = "DeviceStatsMonitor";

using c10::CachingAllocator::Stat;
using c10::CachingAllocator::StatArray;

void add(MetricMap& stats, const std::string& name, const Stat& stat) {
  stats[name + ".current"] = static_cast<double>(stat.current);
  stats[name + ".peak"] = static_cast<double>(stat.peak);
  stats[name + ".allocated"] = static_cast<double>(stat.allocated);
  stats[name + ".freed"] = static_cast<double>(stat.freed);
}

void add(MetricMap& stats, const std::string& name, const StatArray& of) {
  constexpr std::array kPools{"all", "small_pool", "large_pool"};
  for (std::size_t k = 0; k < kPools.size(); ++k) {
    add(stats, name + "." + kPools[k], of[k]);
  }
}

// The names are those of torch.cuda.memory_stats.
MetricMap allocator_stats(const at::Device& device) {
  MetricMap stats;
  auto* allocator = c10::getDeviceAllocator(device.type());
  if (allocator == nullptr || !allocator->initialized()) return stats;
  const auto of = allocator->getDeviceStats(device.index());
  add(stats, "allocation", of.allocation);
  add(stats, "segment", of.segment);
  add(stats, "active", of.active);
  add(stats, "inactive_split", of.inactive_split);
  add(stats, "allocated_bytes", of.allocated_bytes);
  add(stats, "reserved_bytes", of.reserved_bytes);
  add(stats, "active_bytes", of.active_bytes);
  add(stats, "inactive_split_bytes", of.inactive_split_bytes);
  add(stats, "requested_bytes", of.requested_bytes);
  add(stats, "oversize_allocations", of.oversize_allocations);
  add(stats, "oversize_segments", of.oversize_segments);
  stats["num_alloc_retries"] = static_cast<double>(of.num_alloc_retries);
  stats["num_ooms"] = static_cast<double>(of.num_ooms);
  stats["num_sync_all_streams"] = static_cast<double>(of.num_sync_all_streams);
  stats["num_device_alloc"] = static_cast<double>(of.num_device_alloc);
  stats["num_device_free"] = static_cast<double>(of.num_device_free);
  stats["max_split_size"] = static_cast<double>(of.max_split_size);
  return stats;
}

}  // namespace

DeviceStatsMonitor::DeviceStatsMonitor(DeviceStatsMonitorOptions options)
    : options_(std::move(options)), cpu_(std::make_shared<CpuStats>()) {}

DeviceStatsMonitor::DeviceStatsMonitor(const DeviceStatsMonitor& other)
    : Callback(other),
      options_(other.options_),
      cpu_(std::make_shared<CpuStats>()) {}

void DeviceStatsMonitor::setup(Trainer& trainer, Module&, Stage) {
  need_logger(trainer, kDeviceStats);
  const bool on_cpu = trainer.fabric().device().is_cpu();
  if (options_.cpu_stats.value_or(on_cpu) && !cpu_->available()) {
    throw ConfigError({.where = kDeviceStats,
                       .what = "the processor's use is read from /proc, which "
                               "isn't there",
                       .tip = "set .cpu_stats = false"});
  }
  if (!on_cpu || !options_.cpu_stats.value_or(true)) return;
  std::vector<std::string> known;
  for (const auto& [name, value] : CpuStats().read()) known.push_back(name);
  for (const std::string& key : options_.filter_keys) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    std::string list;
    for (const std::string& name : known) {
      list += (list.empty() ? "" : ", ") + name;
    }
    const std::string near = did_you_mean(key, known);
    throw ConfigError(
        {.where = kDeviceStats,
         .what = "filter_keys names what isn't there",
         .got = "\"" + key + "\"",
         .expected = "some of: " + list,
         .tip = near.empty() ? "" : "did you mean \"" + near + "\"?"});
  }
}

void DeviceStatsMonitor::send(Trainer& trainer, const char* hook) {
  const at::Device& device = trainer.fabric().device();
  MetricMap stats;
  if (!device.is_cpu()) stats = allocator_stats(device);
  if (options_.cpu_stats.value_or(device.is_cpu())) stats.merge(cpu_->read());
  MetricMap named;
  for (const auto& [name, value] : stats) {
    if (!options_.filter_keys.empty() && !options_.filter_keys.contains(name)) {
      continue;
    }
    named[std::string(kDeviceStats) + "." + hook + "/" + name] = value;
  }
  if (named.empty()) return;
  const int64_t step = trainer.progress().batches_that_stepped;
  for (const auto& logger : trainer.loggers()) {
    logger->log_metrics(named, step);
  }
}

void DeviceStatsMonitor::send_of_evaluation(Trainer& trainer, const char* hook,
                                            const StepContext& step) {
  if (trainer.sanity_checking()) return;
  const int64_t every = *trainer.options().log_every_n_steps;
  if (every > 0 && (step.batch_idx + 1) % every == 0) send(trainer, hook);
}

void DeviceStatsMonitor::on_train_batch_start(Trainer& trainer, Module&,
                                              const AnyBatch&,
                                              const StepContext&) {
  if (trainer.logging_is_due()) send(trainer, "on_train_batch_start");
}

void DeviceStatsMonitor::on_train_batch_end(Trainer& trainer, Module&,
                                            const StepOutput&, const AnyBatch&,
                                            const StepContext&) {
  if (trainer.logging_is_due()) send(trainer, "on_train_batch_end");
}

void DeviceStatsMonitor::on_validation_batch_start(Trainer& trainer, Module&,
                                                   const AnyBatch&,
                                                   const StepContext& step) {
  send_of_evaluation(trainer, "on_validation_batch_start", step);
}

void DeviceStatsMonitor::on_validation_batch_end(Trainer& trainer, Module&,
                                                 const AnyBatch&,
                                                 const StepContext& step) {
  send_of_evaluation(trainer, "on_validation_batch_end", step);
}

void DeviceStatsMonitor::on_test_batch_start(Trainer& trainer, Module&,
                                             const AnyBatch&,
                                             const StepContext& step) {
  send_of_evaluation(trainer, "on_test_batch_start", step);
}

void DeviceStatsMonitor::on_test_batch_end(Trainer& trainer, Module&,
                                           const AnyBatch&,
                                           const StepContext& step) {
  send_of_evaluation(trainer, "on_test_batch_end", step);
}

}  // namespace bolt
