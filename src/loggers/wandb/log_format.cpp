#include "loggers/wandb/log_format.h"

#include <algorithm>

#include "core/crc32.h"

namespace bolt::detail::wandb {
namespace {

void add_little_endian(std::string& out, uint32_t number, int bytes) {
  for (int k = 0; k < bytes; ++k, number >>= 8) {
    out += static_cast<char>(number & 0xff);
  }
}

Chunk type_of(bool first, bool last) {
  if (first) return last ? Chunk::kFull : Chunk::kFirst;
  return last ? Chunk::kLast : Chunk::kMiddle;
}

}  // namespace

uint32_t chunk_checksum(Chunk type, std::string_view content) {
  const auto byte = static_cast<uint8_t>(type);
  return crc32(crc32(0, &byte, 1), content.data(), content.size());
}

std::string framed(uint64_t offset, std::string_view record) {
  std::string out;
  out.reserve(record.size() + kChunkHead * (record.size() / kBlock + 3));
  bool first = true;
  do {
    std::size_t left = kBlock - (offset + out.size()) % kBlock;
    if (left < kChunkHead) {
      out.append(left, '\0');
      left = kBlock;
    }
    const std::string_view content =
        record.substr(0, std::min(record.size(), left - kChunkHead));
    record.remove_prefix(content.size());
    const Chunk type = type_of(first, record.empty());
    add_little_endian(out, chunk_checksum(type, content), 4);
    add_little_endian(out, static_cast<uint32_t>(content.size()), 2);
    out += static_cast<char>(type);
    out += content;
    first = false;
  } while (!record.empty());
  return out;
}

}  // namespace bolt::detail::wandb
