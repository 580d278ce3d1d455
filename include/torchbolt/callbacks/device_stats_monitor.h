#pragma once

#include <torchbolt/export.h>
#include <torchbolt/trainer/callback.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>

namespace bolt {

class CpuStats;

/// Settings of DeviceStatsMonitor.
struct DeviceStatsMonitorOptions {
  /// The processor's too. Default: only when it is the run's device.
  std::optional<bool> cpu_stats{};
  /// Only these, such as "cpu_percent"; empty: all.
  std::set<std::string> filter_keys{};
};

/// Sends what the devices use to the loggers at the start and the end of
/// batches, as often as `log_every_n_steps` says, as
/// "DeviceStatsMonitor.on_train_batch_start/cpu_percent". Of the processor:
/// cpu_percent, cpu_vm_percent, cpu_swap_percent (psutil's names and formulas,
/// read from /proc) and cpu_process_rss, the memory of this process in bytes.
/// Of another device: the statistics of its allocator under the names of
/// torch.cuda.memory_stats, such as "allocated_bytes.all.current".
///
///     .callbacks = {bolt::DeviceStatsMonitor({.cpu_stats = true})}
class TORCHBOLT_API DeviceStatsMonitor final : public Callback {
 public:
  explicit DeviceStatsMonitor(DeviceStatsMonitorOptions options = {});

  /// A copy measures for itself.
  DeviceStatsMonitor(const DeviceStatsMonitor& other);
  DeviceStatsMonitor& operator=(const DeviceStatsMonitor&) = delete;

  /// Throws ConfigError when the Trainer has no logger, for a key of the
  /// processor's that isn't there, and when there is no /proc to read.
  void setup(Trainer& trainer, Module&, Stage stage) override;
  void on_train_batch_start(Trainer& trainer, Module&, const AnyBatch&,
                            const StepContext&) override;
  void on_train_batch_end(Trainer& trainer, Module&, const StepOutput&,
                          const AnyBatch&, const StepContext&) override;
  void on_validation_batch_start(Trainer& trainer, Module&, const AnyBatch&,
                                 const StepContext& step) override;
  void on_validation_batch_end(Trainer& trainer, Module&, const AnyBatch&,
                               const StepContext& step) override;
  void on_test_batch_start(Trainer& trainer, Module&, const AnyBatch&,
                           const StepContext& step) override;
  void on_test_batch_end(Trainer& trainer, Module&, const AnyBatch&,
                         const StepContext& step) override;

 private:
  void send(Trainer& trainer, const char* hook);
  void send_of_evaluation(Trainer& trainer, const char* hook,
                          const StepContext& step);

  DeviceStatsMonitorOptions options_;
  std::shared_ptr<CpuStats> cpu_;
};

}  // namespace bolt
