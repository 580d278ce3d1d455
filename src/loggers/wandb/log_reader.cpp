#include "loggers/wandb/log_reader.h"

#include <algorithm>

#include "loggers/wandb/log_format.h"

namespace bolt::detail::wandb {
namespace {

uint32_t little_endian(std::string_view bytes) {
  uint32_t number = 0;
  for (std::size_t k = bytes.size(); k-- > 0;) {
    number = number << 8 | static_cast<uint8_t>(bytes[k]);
  }
  return number;
}

}  // namespace

LogReader::LogReader(const InputFile& file) : file_(file) {
  load(0);
  if (!block_.starts_with(kFileHead)) {
    file_.refuse("this is not a log of W&B",
                 quoted_text(std::string_view(block_).substr(0, 7)),
                 "\":W&B\" and its version 0 at the beginning");
  }
  at_ = end_ = kFileHead.size();
}

bool LogReader::load(uint64_t block) {
  if (block >= file_.size()) return false;
  block_.resize(std::min<uint64_t>(kBlock, file_.size() - block));
  file_.read_at(block, block_.data(), block_.size());
  loaded_ = block;
  return true;
}

// False at the end, and at what is no chunk.
bool LogReader::next_chunk(uint8_t& type, std::string_view& content) {
  if (kBlock - (at_ - loaded_) < kChunkHead) at_ = loaded_ + kBlock;
  if (at_ - loaded_ == kBlock && !load(at_)) return false;
  const std::string_view left = std::string_view(block_).substr(
      std::min<std::size_t>(at_ - loaded_, block_.size()));
  if (left.size() < kChunkHead) return false;
  const uint32_t size = little_endian(left.substr(4, 2));
  if (left.size() - kChunkHead < size) return false;
  type = static_cast<uint8_t>(left[6]);
  content = left.substr(kChunkHead, size);
  if (type < static_cast<uint8_t>(Chunk::kFull) ||
      type > static_cast<uint8_t>(Chunk::kLast) ||
      chunk_checksum(static_cast<Chunk>(type), content) !=
          little_endian(left.substr(0, 4))) {
    return false;
  }
  at_ += kChunkHead + size;
  return true;
}

bool LogReader::next(std::string& record) {
  record.clear();
  for (bool first = true;; first = false) {
    uint8_t byte = 0;
    std::string_view content;
    if (!next_chunk(byte, content)) return false;
    const auto type = static_cast<Chunk>(byte);
    const bool begins = type == Chunk::kFull || type == Chunk::kFirst;
    if (begins != first) return false;
    record += content;
    if (type == Chunk::kFull || type == Chunk::kLast) break;
  }
  end_ = at_;
  return true;
}

}  // namespace bolt::detail::wandb
