#include "loggers/mlflow/uploads.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <system_error>

namespace bolt::detail {

void MlflowUploads::collect(const Journal& journal,
                            const std::filesystem::path& folder, uint64_t from,
                            uint64_t to) {
  while (from < to) {
    const std::string bytes = journal.read(from, 2 * kMostJournalLine);
    std::string_view rest = bytes;
    for (auto line = take_line(rest); line && from < to;
         line = take_line(rest)) {
      auto artifact = read_artifact(*line);
      std::error_code error;
      if (artifact && std::filesystem::exists(folder / artifact->file, error)) {
        add(from, std::move(*artifact));
      }
      from += line->json.size() + 1;
    }
    if (rest.size() == bytes.size()) break;
  }
}

void MlflowUploads::put_back() {
  waiting_.push_back(std::move(waiting_.front()));
  waiting_.pop_front();
}

uint64_t MlflowUploads::done_until(uint64_t end) const {
  if (waiting_.empty()) return end;
  return std::ranges::min_element(waiting_, {}, &Upload::begin)->begin;
}

}  // namespace bolt::detail
