#include "loggers/file_run.h"

namespace bolt::detail {

std::string prefixed(const std::string& prefix, std::string_view name) {
  std::string all = prefix;
  if (!prefix.empty()) all += '-';
  return all += name;
}

}  // namespace bolt::detail
