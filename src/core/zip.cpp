#include "core/zip.h"

#include <algorithm>
#include <string_view>

#include "core/zip_records.h"
#include "core/zip_source.h"

namespace bolt::detail {
namespace {

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
  const Directory directory = find_directory();
  read_directory(directory);
  check_overlap(directory.offset);
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
  // At once: thousands of files are usual, and two reads for each are slow.
  const Record list(file_, directory.offset, directory.size);
  std::size_t at = 0;
  for (uint64_t k = 0; k < directory.entries; ++k) {
    const std::size_t left = list.size() - at;
    if (left < kDirectoryBytes) {
      file_.refuse("its list of files is too short",
                   "entry " + std::to_string(k) + " at its end");
    }
    const std::size_t name = list.u16(at + 28), extra = list.u16(at + 30);
    const std::size_t bytes =
        kDirectoryBytes + name + extra + list.u16(at + 32);
    if (list.u32(at) != kDirectoryEntry || left < bytes) {
      file_.refuse("its list of files is broken",
                   "entry " + std::to_string(k) + " at byte " +
                       std::to_string(directory.offset + at));
    }
    ZipEntry entry{.name = list.text(at + kDirectoryBytes, name),
                   .method = list.u16(at + 10),
                   .crc = list.u32(at + 16),
                   .compressed = list.u32(at + 20),
                   .size = list.u32(at + 24),
                   .header = list.u32(at + 42)};
    take_zip64(file_, Record(list.text(at + kDirectoryBytes + name, extra)),
               entry);
    if ((list.u16(at + 8) & 1) != 0) {
      file_.refuse("an entry is encrypted", quoted_text(entry.name));
    }
    entries_.push_back(std::move(entry));
    at += bytes;
  }
}

// A small archive whose entries share their bytes could unpack to anything.
void ZipReader::check_overlap(uint64_t directory) {
  std::vector<ZipEntry*> order;
  for (ZipEntry& entry : entries_) order.push_back(&entry);
  std::sort(order.begin(), order.end(),
            [](const ZipEntry* a, const ZipEntry* b) {
              return a->header < b->header;
            });
  for (std::size_t k = 0; k < order.size(); ++k) {
    ZipEntry& entry = *order[k];
    entry.end = k + 1 < order.size() ? order[k + 1]->header : directory;
    if (entry.header > entry.end || entry.end - entry.header < kLocalBytes ||
        entry.compressed > entry.end - entry.header - kLocalBytes) {
      file_.refuse(
          "entry " + quoted_text(entry.name) + " overlaps what follows it",
          std::to_string(entry.compressed) + " bytes at byte " +
              std::to_string(entry.header),
          "to end before byte " + std::to_string(entry.end));
    }
  }
}

uint64_t ZipReader::data_offset(const ZipEntry& entry) const {
  const uint64_t most = entry.end - entry.header;
  const Record local(file_, entry.header,
                     std::min<uint64_t>(most, kLocalBytes + entry.name.size()));
  if (local.u32(0) != kLocalHeader || local.u16(26) != entry.name.size() ||
      local.text(kLocalBytes, entry.name.size()) != entry.name) {
    file_.refuse(
        "entry " + quoted_text(entry.name) + " isn't where the list says",
        "something else at byte " + std::to_string(entry.header));
  }
  const uint64_t before = kLocalBytes + local.u16(26) + local.u16(28);
  if (before > most || entry.compressed > most - before) {
    file_.refuse("entry " + quoted_text(entry.name) +
                     " goes beyond the begin of what follows it",
                 std::to_string(entry.compressed) + " bytes at byte " +
                     std::to_string(entry.header + before),
                 "to end before byte " + std::to_string(entry.end));
  }
  return entry.header + before;
}

std::unique_ptr<ByteSource> ZipReader::open(const ZipEntry& entry) const {
  return open_zip_source(file_, entry, data_offset(entry));
}

}  // namespace bolt::detail
