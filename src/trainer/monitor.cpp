#include <torchbolt/trainer/monitor.h>
#include <torchbolt/trainer/trainer.h>

#include "trainer/checks.h"

namespace bolt {

std::optional<double> monitored_metric(const Trainer& trainer,
                                       std::string_view who,
                                       const std::string& monitor, bool strict,
                                       bool verbose) {
  const MetricMap metrics = trainer.callback_metrics();
  if (const auto found = metrics.find(monitor); found != metrics.end()) {
    return found->second;
  }
  const ConfigError missing = detail::missing_metric(who, monitor, metrics);
  if (strict) throw missing;
  if (verbose) log_warning(std::string(missing.what()) + " (skipped)");
  return std::nullopt;
}

}  // namespace bolt
