#include "loggers/mlflow/rejects.h"

#include <torchbolt/core/log.h>

#include <fstream>

#include "loggers/jsonl/json_text.h"

namespace bolt::detail {

void MlflowRejects::note(std::string_view entry, const std::string& message) {
  std::ofstream file(path_, std::ios::app);
  file << "{\"entry\":" << entry << ",\"message\":" << json_text(message)
       << "}\n";
  if (++count_ > 1) return;
  log_warning("[MLflow] the server doesn't take " + std::string(entry) + ": " +
              message + "; this and whatever else it refuses stands in " +
              path_.string());
}

}  // namespace bolt::detail
