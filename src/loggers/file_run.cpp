#include "loggers/file_run.h"

#include <cstddef>

namespace bolt::detail {

const NameTexts::Texts& NameTexts::of(const MetricRow& row) {
  constexpr std::size_t kMost = 32;  // a queue has a few at a time
  if (const auto found = known_.find(row.names); found != known_.end()) {
    return found->second;
  }
  if (known_.size() >= kMost) known_.clear();
  auto texts = std::make_shared<std::vector<std::string>>();
  for (const std::string& name : *row.names) texts->push_back(of(name));
  return known_[row.names] = std::move(texts);
}

std::string NameTexts::of(std::string_view name) const {
  std::string all = prefix_;
  if (!prefix_.empty()) all += '-';
  all += name;
  return text_ ? text_(all) : all;
}

}  // namespace bolt::detail
