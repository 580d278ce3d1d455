#include <ATen/ATen.h>
#include <torchbolt/core/error.h>
#include <torchbolt/data/csv.h>

#include "fuzz/memory_file.h"

namespace {

void use(const bolt::Table& table) {
  for (const std::string& name : table.names()) {
    if (table.is_text(name)) {
      const bolt::Categories categories = table.categories(name);
      if (categories.codes.size(0) != table.rows()) std::abort();
    } else if (table.tensor({name}).size(0) != table.rows()) {
      std::abort();
    }
  }
}

}  // namespace

// Any bytes give a table or a DataError. The first byte chooses the options.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const bolt::testing::MemoryFile file(data + 1, size - 1);
  try {
    use(bolt::read_csv(
        file.path(), {.delimiter = (data[0] & 1) != 0 ? ';' : ',',
                      .header = (data[0] & 2) == 0,
                      .missing = (data[0] & 4) != 0 ? bolt::CsvMissing::kNaN
                                                    : bolt::CsvMissing::kError,
                      .quote = (data[0] & 8) != 0 ? '\0' : '"'}));
  } catch (const bolt::DataError&) {
  }
  return 0;
}
