#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "loggers/tensorboard/tfrecord.h"

// Of any bytes, the records that are read are those that the first bytes are
// made of; and what was written is read, whatever follows it.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  const std::string_view file(reinterpret_cast<const char*>(data), size);
  const auto read = bolt::detail::read_tfrecords(file);
  std::string again;
  for (const std::string_view content : read.contents) {
    again += bolt::detail::tfrecord(content);
  }
  if (again != file.substr(0, read.bytes)) std::abort();
  const std::string one = bolt::detail::tfrecord(file) + std::string(file);
  const auto both = bolt::detail::read_tfrecords(one);
  if (both.contents.size() != 1 + read.contents.size() ||
      both.contents.front() != file) {
    std::abort();
  }
  return 0;
}
