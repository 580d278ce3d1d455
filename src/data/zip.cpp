#include "data/zip.h"

#include <algorithm>
#include <string_view>

#include "data/zip_source.h"

namespace bolt::detail {
namespace {

constexpr uint32_t kLocalHeader = 0x04034b50;
constexpr uint32_t kDirectoryEntry = 0x02014b50;
constexpr uint32_t kEnd = 0x06054b50;
constexpr uint32_t kZip64Locator = 0x07064b50;
constexpr uint32_t kZip64End = 0x06064b50;
constexpr uint64_t kLocalBytes = 30;
constexpr uint64_t kDirectoryBytes = 46;
constexpr uint64_t kEndBytes = 22;
constexpr uint64_t kLocatorBytes = 20;
constexpr uint64_t kZip64EndBytes = 56;
// In a 16- or 32-bit field: the value stands in the zip64 fields.
constexpr uint64_t kElsewhere16 = 0xffff;
constexpr uint64_t kElsewhere32 = 0xffffffff;

// Little-endian numbers at given places of a record. Asking beyond its end is
// our mistake, and throws.
class Record {
 public:
  Record(const InputFile& file, uint64_t offset, uint64_t bytes)
      : bytes_(static_cast<std::size_t>(bytes), '\0') {
    file.read_at(offset, bytes_.data(), bytes_.size());
  }
  explicit Record(std::string bytes) : bytes_(std::move(bytes)) {}
  uint64_t number(std::size_t at, std::size_t bytes) const {
    uint64_t value = 0;
    for (std::size_t k = bytes; k-- > 0;) {
      value = value << 8 | static_cast<unsigned char>(bytes_.at(at + k));
    }
    return value;
  }
  uint16_t u16(std::size_t at) const {
    return static_cast<uint16_t>(number(at, 2));
  }
  uint32_t u32(std::size_t at) const {
    return static_cast<uint32_t>(number(at, 4));
  }
  uint64_t u64(std::size_t at) const { return number(at, 8); }
  std::string text(std::size_t at, std::size_t bytes) const {
    return bytes_.substr(at, bytes);
  }
  std::size_t size() const { return bytes_.size(); }

 private:
  std::string bytes_;
};

// The zip64 field holds, in this order, those numbers that had no room in the
// entry itself (4.5.3).
void take_zip64(const InputFile& file, const Record& extra, ZipEntry& entry) {
  for (std::size_t at = 0; at + 4 <= extra.size();) {
    const std::size_t bytes = extra.u16(at + 2);
    const std::size_t end = at + 4 + bytes;
    if (end > extra.size()) break;
    if (extra.u16(at) == 1) {
      std::size_t next = at + 4;
      for (uint64_t* value : {&entry.size, &entry.compressed, &entry.header}) {
        if (*value != kElsewhere32) continue;
        if (next + 8 > end) {
          file.refuse("its zip64 numbers are missing",
                      "entry " + quoted_text(entry.name));
        }
        *value = extra.u64(next);
        next += 8;
      }
      return;
    }
    at = end;
  }
}

}  // namespace

ZipReader::ZipReader(const InputFile& file) : file_(file) {
  read_directory(find_directory());
  check_overlap();
}

// The record at the end is found from behind: a comment may follow it.
ZipReader::Directory ZipReader::find_directory() const {
  const uint64_t tail = std::min(file_.size(), kEndBytes + 0xffff);
  const uint64_t first = file_.size() - tail;
  const Record record(file_, first, tail);
  for (uint64_t k = tail < kEndBytes ? 0 : tail - kEndBytes + 1; k-- > 0;) {
    const auto at = static_cast<std::size_t>(k);
    if (record.u32(at) != kEnd) continue;
    if (at + kEndBytes + record.u16(at + 20) != tail) continue;
    Directory directory{.entries = record.u16(at + 10),
                        .size = record.u32(at + 12),
                        .offset = record.u32(at + 16)};
    uint64_t end = first + k;
    const bool parts = record.u16(at + 4) != 0 && record.u16(at + 4) != 0xffff;
    if (parts) file_.refuse("it is one part of several", "a divided archive");
    if (directory.entries == kElsewhere16 || directory.size == kElsewhere32 ||
        directory.offset == kElsewhere32) {
      find_zip64(end, directory);
    }
    if (directory.offset > end || directory.size > end - directory.offset) {
      file_.refuse("its list of files is outside of it",
                   std::to_string(directory.size) + " bytes at byte " +
                       std::to_string(directory.offset),
                   "to end before byte " + std::to_string(end));
    }
    return directory;
  }
  file_.refuse("it is not a zip file, or cut short", "no end record",
               "the signature PK\\5\\6");
}

bool ZipReader::find_zip64(uint64_t end, Directory& directory) const {
  if (end < kLocatorBytes) return false;
  const Record locator(file_, end - kLocatorBytes, kLocatorBytes);
  if (locator.u32(0) != kZip64Locator) return false;
  const uint64_t at = locator.u64(8);
  if (at > end - kLocatorBytes || end - kLocatorBytes - at < kZip64EndBytes) {
    file_.refuse("its zip64 end record is outside of it",
                 "byte " + std::to_string(at));
  }
  const Record record(file_, at, kZip64EndBytes);
  if (record.u32(0) != kZip64End) {
    file_.refuse("its zip64 end record is broken", "another signature");
  }
  directory = {.entries = record.u64(32),
               .size = record.u64(40),
               .offset = record.u64(48)};
  return true;
}

void ZipReader::read_directory(const Directory& directory) {
  if (directory.entries > directory.size / kDirectoryBytes) {
    file_.refuse("its list of files is too short",
                 std::to_string(directory.entries) + " entries in " +
                     std::to_string(directory.size) + " bytes");
  }
  uint64_t at = directory.offset;
  const uint64_t end = directory.offset + directory.size;
  for (uint64_t k = 0; k < directory.entries; ++k) {
    if (end - at < kDirectoryBytes) {
      file_.refuse("its list of files is too short",
                   "entry " + std::to_string(k) + " at its end");
    }
    const Record fixed(file_, at, kDirectoryBytes);
    const uint64_t name = fixed.u16(28), extra = fixed.u16(30);
    const uint64_t bytes = kDirectoryBytes + name + extra + fixed.u16(32);
    if (fixed.u32(0) != kDirectoryEntry || end - at < bytes) {
      file_.refuse(
          "its list of files is broken",
          "entry " + std::to_string(k) + " at byte " + std::to_string(at));
    }
    const Record rest(file_, at + kDirectoryBytes, name + extra);
    ZipEntry entry{.name = rest.text(0, static_cast<std::size_t>(name)),
                   .method = fixed.u16(10),
                   .crc = fixed.u32(16),
                   .compressed = fixed.u32(20),
                   .size = fixed.u32(24),
                   .header = fixed.u32(42)};
    take_zip64(file_,
               Record(rest.text(static_cast<std::size_t>(name),
                                static_cast<std::size_t>(extra))),
               entry);
    if ((fixed.u16(8) & 1) != 0) {
      file_.refuse("an entry is encrypted", quoted_text(entry.name));
    }
    entries_.push_back(std::move(entry));
    at += bytes;
  }
}

// A small archive whose entries share their bytes could unpack to anything.
void ZipReader::check_overlap() const {
  std::vector<const ZipEntry*> order;
  for (const ZipEntry& entry : entries_) order.push_back(&entry);
  std::sort(order.begin(), order.end(),
            [](const ZipEntry* a, const ZipEntry* b) {
              return a->header < b->header;
            });
  for (std::size_t k = 0; k < order.size(); ++k) {
    const ZipEntry& entry = *order[k];
    const uint64_t end =
        k + 1 < order.size() ? order[k + 1]->header : file_.size();
    if (entry.header > end || end - entry.header < kLocalBytes ||
        entry.compressed > end - entry.header - kLocalBytes) {
      file_.refuse(
          "entry " + quoted_text(entry.name) + " overlaps what follows it",
          std::to_string(entry.compressed) + " bytes at byte " +
              std::to_string(entry.header),
          "to end before byte " + std::to_string(end));
    }
  }
}

std::unique_ptr<ByteSource> ZipReader::open(const ZipEntry& entry) const {
  const Record local(file_, entry.header, kLocalBytes);
  if (local.u32(0) != kLocalHeader) {
    file_.refuse(
        "entry " + quoted_text(entry.name) + " isn't where the list says",
        "another signature at byte " + std::to_string(entry.header));
  }
  const uint64_t first =
      entry.header + kLocalBytes + local.u16(26) + local.u16(28);
  if (first > file_.size() || entry.compressed > file_.size() - first) {
    file_.refuse(
        "entry " + quoted_text(entry.name) + " goes beyond the file's end",
        std::to_string(entry.compressed) + " bytes at byte " +
            std::to_string(first));
  }
  return open_zip_source(file_, entry, first);
}

}  // namespace bolt::detail
