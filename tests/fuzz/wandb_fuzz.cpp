#include <torchbolt/core/error.h>

#include <cstdlib>
#include <string>

#include "fuzz/memory_file.h"
#include "loggers/wandb/log_reader.h"
#include "loggers/wandb/records.h"

// Any bytes give records or a DataError.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  namespace wandb = bolt::detail::wandb;
  const bolt::testing::MemoryFile memory(data, size);
  try {
    const bolt::detail::InputFile file("fuzz", memory.path());
    wandb::LogReader reader(file);
    for (std::string record; reader.next(record);) {
      if (reader.end() > size) std::abort();
      wandb::history_step(record);
      wandb::is_exit(record);
    }
  } catch (const bolt::DataError&) {
  }
  // As a record: messages inside messages.
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  wandb::history_step(text);
  wandb::is_exit(text);
  return 0;
}
