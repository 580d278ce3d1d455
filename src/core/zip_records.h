#pragma once

#include <cstdint>

namespace bolt::detail {

// The records of a zip file (PKWARE's APPNOTE.TXT 6.3.10, section 4.3).

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

}  // namespace bolt::detail
