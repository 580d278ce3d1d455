#include <torchbolt/core/error.h>

#include <cstdlib>
#include <string>

#include "fuzz/journal_lines.h"
#include "fuzz/memory_file.h"
#include "loggers/read/readers.h"
#include "loggers/tensorboard/tfrecord.h"
#include "loggers/wandb/log_format.h"

namespace {

// The bytes as a file of that kind: where there are checksums, as one record,
// or as lines.
std::string content(uint8_t kind, std::string bytes) {
  namespace wandb = bolt::detail::wandb;
  if (kind == 2) return bolt::detail::tfrecord(bytes);
  if (kind < 2) return bytes;
  if (kind == 4) return bolt::testing::journal_lines(bytes);
  return std::string(wandb::kFileHead) +
         wandb::framed(wandb::kFileHead.size(), bytes);
}

}  // namespace

// Any bytes give metrics or a DataError. The first byte chooses what they are
// read as.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const uint8_t kind = data[0] % 5;
  const std::string bytes =
      content(kind, {reinterpret_cast<const char*>(data) + 1, size - 1});
  const bolt::testing::MemoryFile file(
      reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  try {
    bolt::LoggedMetrics metrics;
    switch (kind) {
      case 0:
        metrics = bolt::detail::read_csv_metrics(file.path());
        break;
      case 1:
        metrics = bolt::detail::read_jsonl_metrics(file.path());
        break;
      case 2:
        bolt::detail::read_event_metrics(file.path(), metrics);
        break;
      case 4:
        metrics = bolt::detail::read_mlflow_metrics(file.path());
        break;
      default:
        metrics = bolt::detail::read_wandb_metrics(file.path());
    }
    for (const auto& [name, metric] : metrics) {
      if (metric.steps.empty() || metric.steps.size() != metric.values.size()) {
        std::abort();
      }
    }
  } catch (const bolt::DataError&) {
  }
  return 0;
}
