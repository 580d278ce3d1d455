#include <torchbolt/core/error.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "fuzz/journal_lines.h"
#include "fuzz/memory_file.h"
#include "loggers/http/url.h"
#include "loggers/mlflow/journal.h"
#include "loggers/mlflow/names.h"
#include "loggers/mlflow/records.h"

namespace {

using namespace bolt::detail;

void use(const JournalLine& line) {
  if (const auto run = read_run(line)) {
    if (const auto url = parse_url(run->server)) (void)url->origin();
  }
  (void)read_artifact(line);
  (void)read_status(line);
  (void)read_entries(line);
}

void use_names(std::string_view text) {
  const std::string key = mlflow_key(text);
  if (key.empty() || key.size() > 4 * kMlflowKeyLength) std::abort();
  if (mlflow_key(key) != key) std::abort();
  const std::string value = mlflow_value(text, 10);
  if (mlflow_value(value, 10) != value) std::abort();
}

}  // namespace

// Any file opens as a journal that ends behind its last whole line, and goes on
// there. The first byte chooses what the others are.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  use_names(text);
  if ((data[0] & 1) != 0) text = bolt::testing::journal_lines(text);
  const bolt::testing::MemoryFile file(
      reinterpret_cast<const uint8_t*>(text.data()), text.size());
  std::optional<Journal> journal;
  try {
    journal.emplace(file.path());
  } catch (const bolt::Error&) {
    return 0;  // what is damaged can't be put aside here
  }
  const uint64_t end = journal->size();
  if (end > text.size()) std::abort();
  if (!journal->append("status", "\"status\":\"FINISHED\"")) std::abort();
  bool last = false;
  const std::string bytes = journal->read(0, 2 * kMostJournalLine);
  std::string_view rest = bytes;
  while (const auto line = take_line(rest)) {
    use(*line);
    last = line->op == "status";
  }
  if (!rest.empty() || !last) std::abort();
  MlflowRecords records(*journal, "", [](const std::string&) {});
  records.know_points(0);
  return 0;
}
