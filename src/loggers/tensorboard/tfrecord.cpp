#include "loggers/tensorboard/tfrecord.h"

#include <cstdint>
#include <optional>

#include "core/crc32c.h"

namespace bolt::detail {
namespace {

constexpr std::size_t kHead = 12;  // length, checksum of it
constexpr std::size_t kTail = 4;   // checksum of the content

// So that a checksum of bytes that hold checksums is a good one too.
uint32_t masked(uint32_t crc) {
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

void add_little_endian(std::string& out, uint64_t number, int bytes) {
  for (int k = 0; k < bytes; ++k, number >>= 8) {
    out += static_cast<char>(number & 0xff);
  }
}

uint64_t little_endian(std::string_view bytes) {
  uint64_t number = 0;
  for (std::size_t k = bytes.size(); k-- > 0;) {
    number = number << 8 | static_cast<unsigned char>(bytes[k]);
  }
  return number;
}

std::optional<std::string_view> first_record(std::string_view file) {
  if (file.size() < kHead) return {};
  const std::string_view length = file.substr(0, 8);
  if (little_endian(file.substr(8, 4)) != masked(crc32c(length))) return {};
  const uint64_t bytes = little_endian(length);
  if (bytes > file.size() - kHead || file.size() - kHead - bytes < kTail) {
    return {};
  }
  const std::string_view content = file.substr(kHead, bytes);
  const uint64_t crc = little_endian(file.substr(kHead + bytes, kTail));
  if (crc != masked(crc32c(content))) return {};
  return content;
}

}  // namespace

std::string tfrecord(std::string_view content) {
  std::string out;
  out.reserve(kHead + content.size() + kTail);
  add_little_endian(out, content.size(), 8);
  add_little_endian(out, masked(crc32c(out)), 4);
  out += content;
  add_little_endian(out, masked(crc32c(content)), 4);
  return out;
}

TfRecords read_tfrecords(std::string_view file) {
  TfRecords records;
  while (const auto content = first_record(file.substr(records.bytes))) {
    records.contents.push_back(*content);
    records.bytes += kHead + content->size() + kTail;
  }
  return records;
}

}  // namespace bolt::detail
