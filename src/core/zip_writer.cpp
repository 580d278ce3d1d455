#include "core/zip_writer.h"

#include <algorithm>
#include <utility>

#include "core/crc32.h"
#include "core/zip_records.h"

namespace bolt::detail {
namespace {

// Small enough to be in the cache still when it is written.
constexpr std::size_t kChunk = std::size_t{1} << 20;
constexpr uint64_t kFlushBytes = uint64_t{32} << 20;
// Names are in UTF-8.
constexpr uint64_t kFlags = 0x0800;
// The first version that has zip64; any reader takes it.
constexpr uint64_t kVersion = 45;
// 1 January 1980: the same content is the same file.
constexpr uint64_t kDate = 0x0021;

std::string little(uint64_t value, int bytes) {
  std::string text;
  for (int k = 0; k < bytes; ++k) {
    text += static_cast<char>(value >> (8 * k) & 0xff);
  }
  return text;
}

// The numbers that have no room in the record itself (4.5.3).
std::string zip64_field(const std::string& numbers) {
  if (numbers.empty()) return "";
  return little(1, 2) + little(numbers.size(), 2) + numbers;
}

}  // namespace

ZipWriter::ZipWriter(AtomicFile& file, ZipWriterOptions options)
    : file_(file), options_(options) {}

std::string ZipWriter::local_header(const ZipEntry& entry) const {
  const bool zip64 = big(entry.size);
  const std::string both = little(entry.size, 8) + little(entry.size, 8);
  std::string extra = zip64_field(zip64 ? both : "");
  const uint64_t before =
      entry.header + kLocalBytes + entry.name.size() + extra.size();
  // A field that nobody knows fills the place before the data; it has four
  // bytes of its own.
  if (options_.align > 1) {
    const uint64_t padding =
        (options_.align - (before + 4) % options_.align) % options_.align;
    extra += "FB" + little(padding, 2) +
             std::string(static_cast<std::size_t>(padding), 'Z');
  }
  const uint64_t size = zip64 ? kElsewhere32 : entry.size;
  return little(kLocalHeader, 4) + little(kVersion, 2) + little(kFlags, 2) +
         little(0, 2) + little(0, 2) + little(kDate, 2) + little(entry.crc, 4) +
         little(size, 4) + little(size, 4) + little(entry.name.size(), 2) +
         little(extra.size(), 2) + entry.name + extra;
}

std::string ZipWriter::directory_entry(const ZipEntry& entry) const {
  std::string values;
  if (big(entry.size)) values = little(entry.size, 8) + little(entry.size, 8);
  if (big(entry.header)) values += little(entry.header, 8);
  const std::string extra = zip64_field(values);
  const uint64_t size = big(entry.size) ? kElsewhere32 : entry.size;
  const uint64_t header = big(entry.header) ? kElsewhere32 : entry.header;
  return little(kDirectoryEntry, 4) + little(kVersion, 2) +
         little(kVersion, 2) + little(kFlags, 2) + little(0, 2) + little(0, 2) +
         little(kDate, 2) + little(entry.crc, 4) + little(size, 4) +
         little(size, 4) + little(entry.name.size(), 2) +
         little(extra.size(), 2) + little(0, 2) + little(0, 2) + little(0, 2) +
         little(0, 4) + little(header, 4) + entry.name + extra;
}

void ZipWriter::add(std::string_view name, std::string_view bytes) {
  ZipEntry entry{.name = std::string(name),
                 .compressed = bytes.size(),
                 .size = bytes.size(),
                 .header = file_.size()};
  file_.write(local_header(entry));
  while (!bytes.empty()) {
    const std::string_view chunk = bytes.substr(0, kChunk);
    entry.crc = crc32(entry.crc, chunk.data(), chunk.size());
    file_.write(chunk);
    bytes.remove_prefix(chunk.size());
    unflushed_ += chunk.size();
    if (options_.flush && unflushed_ >= kFlushBytes) {
      file_.start_flush();
      unflushed_ = 0;
    }
  }
  // Now the checksum is known.
  file_.replace(entry.header, local_header(entry));
  entries_.push_back(std::move(entry));
}

void ZipWriter::finish() {
  const uint64_t offset = file_.size();
  for (const ZipEntry& entry : entries_) file_.write(directory_entry(entry));
  const uint64_t end = file_.size();
  const uint64_t count = entries_.size();
  const bool many = count >= kElsewhere16;
  const uint64_t size = end - offset;
  if (many || big(offset) || big(size)) {
    file_.write(little(kZip64End, 4) + little(kZip64EndBytes - 12, 8) +
                little(kVersion, 2) + little(kVersion, 2) + little(0, 4) +
                little(0, 4) + little(count, 8) + little(count, 8) +
                little(size, 8) + little(offset, 8));
    file_.write(little(kZip64Locator, 4) + little(0, 4) + little(end, 8) +
                little(1, 4));
  }
  const uint64_t shown = many ? kElsewhere16 : count;
  file_.write(little(kEnd, 4) + little(0, 2) + little(0, 2) + little(shown, 2) +
              little(shown, 2) + little(big(size) ? kElsewhere32 : size, 4) +
              little(big(offset) ? kElsewhere32 : offset, 4) + little(0, 2));
}

}  // namespace bolt::detail
