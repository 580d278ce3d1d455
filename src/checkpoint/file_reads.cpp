#include "checkpoint/file_reads.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <string>
#include <thread>

#include "core/crc32.h"

namespace bolt::detail {
namespace {

// Small enough to be in the cache still for its checksum.
constexpr uint64_t kChunk = uint64_t{1} << 20;
// Less isn't worth a thread.
constexpr uint64_t kBytesPerThread = uint64_t{8} << 20;
// More don't read faster from one disk.
constexpr uint64_t kMostThreads = 4;

void read_one(const InputFile& file, const FileRead& read,
              std::vector<char>& buffer) {
  if (read.to == nullptr && buffer.empty()) buffer.resize(kChunk);
  uint32_t crc = 0;
  for (uint64_t at = 0; at < read.bytes; at += kChunk) {
    const auto bytes =
        static_cast<std::size_t>(std::min(kChunk, read.bytes - at));
    char* to = read.to == nullptr ? buffer.data() : read.to + at;
    file.read_at(read.offset + at, to, bytes);
    if (read.crc) crc = crc32(crc, to, bytes);
  }
  if (read.crc && crc != *read.crc) {
    file.refuse("it is damaged: the checksum is wrong",
                "record " + quoted_text(read.name));
  }
}

}  // namespace

void read_all(const InputFile& file, std::vector<FileRead> reads) {
  uint64_t bytes = 0;
  for (const FileRead& read : reads) bytes += read.bytes;
  // In the order of the file, so that a disk reads on.
  std::ranges::sort(reads, {}, &FileRead::offset);
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::exception_ptr first_error;
  const auto work = [&] {
    std::vector<char> buffer;
    try {
      for (std::size_t k = next++; k < reads.size(); k = next++) {
        read_one(file, reads[k], buffer);
      }
    } catch (...) {
      const std::scoped_lock lock(mutex);
      if (!first_error) first_error = std::current_exception();
      next = reads.size();
    }
  };
  const uint64_t threads =
      std::min<uint64_t>({kMostThreads, bytes / kBytesPerThread, reads.size(),
                          std::max(1U, std::thread::hardware_concurrency())});
  std::vector<std::thread> others;
  for (uint64_t k = 1; k < threads; ++k) others.emplace_back(work);
  work();
  for (std::thread& other : others) other.join();
  if (first_error) std::rethrow_exception(first_error);
}

}  // namespace bolt::detail
