#pragma once

#include <zlib.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bolt::testing {

/// A file in a zip archive, and the lies that the archive tells of it.
struct ZipEntry {
  std::string name{};
  std::string data{};
  bool deflate = false;
  bool zip64 = false;
  uint16_t flags = 0;
  std::optional<uint16_t> method{};
  std::optional<uint32_t> claimed_crc{};
  std::optional<uint32_t> claimed_size{};
  std::optional<uint32_t> claimed_offset{};
};

inline std::string little(uint64_t value, int bytes) {
  std::string text;
  for (int k = 0; k < bytes; ++k) {
    text += static_cast<char>(value >> (8 * k) & 0xff);
  }
  return text;
}

inline std::string deflated(const std::string& data) {
  z_stream stream{};
  ::deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string out(::deflateBound(&stream, data.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  stream.avail_in = static_cast<uInt>(data.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  ::deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  ::deflateEnd(&stream);
  return out;
}

/// A zip archive, written by hand (PKWARE's APPNOTE.TXT).
inline std::string zip_file(const std::vector<ZipEntry>& entries,
                            const std::string& comment = "") {
  std::string file, directory;
  bool zip64 = false;
  for (const ZipEntry& entry : entries) {
    const std::string packed =
        entry.deflate ? deflated(entry.data) : entry.data;
    const uint64_t crc = entry.claimed_crc.value_or(static_cast<uint32_t>(
        ::crc32(0, reinterpret_cast<const Bytef*>(entry.data.data()),
                static_cast<uInt>(entry.data.size()))));
    const uint64_t size =
        entry.claimed_size.value_or(static_cast<uint32_t>(entry.data.size()));
    const uint64_t offset =
        entry.claimed_offset.value_or(static_cast<uint32_t>(file.size()));
    zip64 = zip64 || entry.zip64;
    const std::string extra =
        entry.zip64 ? little(1, 2) + little(24, 2) + little(size, 8) +
                          little(packed.size(), 8) + little(offset, 8)
                    : "";
    const auto field = [&](uint64_t value) {
      return little(entry.zip64 ? 0xffffffff : value, 4);
    };
    const std::string common =
        little(45, 2) + little(entry.flags, 2) +
        little(entry.method.value_or(entry.deflate ? 8 : 0), 2) + little(0, 4) +
        little(crc, 4) + field(packed.size()) + field(size) +
        little(entry.name.size(), 2);
    directory += "PK\1\2" + little(45, 2) + common + little(extra.size(), 2) +
                 little(0, 2) + little(0, 2) + little(0, 2) + little(0, 4) +
                 field(offset) + entry.name + extra;
    file += "PK\3\4" + common + little(0, 2) + entry.name + packed;
  }
  const uint64_t at = file.size();
  file += directory;
  if (zip64) {
    const uint64_t end = file.size();
    file += "PK\6\6" + little(44, 8) + little(45, 2) + little(45, 2) +
            little(0, 8) + little(entries.size(), 8) +
            little(entries.size(), 8) + little(directory.size(), 8) +
            little(at, 8);
    file += "PK\6\7" + little(0, 4) + little(end, 8) + little(1, 4);
  }
  const uint64_t all = zip64 ? ~uint64_t{0} : 0;
  return file + "PK\5\6" + little(0, 4) + little(entries.size() | all, 2) +
         little(entries.size() | all, 2) + little(directory.size() | all, 4) +
         little(at | all, 4) + little(comment.size(), 2) + comment;
}

}  // namespace bolt::testing
