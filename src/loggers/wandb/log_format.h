#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace bolt::detail::wandb {

// A transaction log of W&B: a head, then records in chunks that never cross a
// block (docs/formats/wandb.md).

inline constexpr std::string_view kFileHead{"\x3a\x57\x26\x42\xe1\xbe\x00", 7};
inline constexpr std::size_t kBlock = 32768;
/// Checksum, length and type.
inline constexpr std::size_t kChunkHead = 7;

enum class Chunk : uint8_t { kFull = 1, kFirst = 2, kMiddle = 3, kLast = 4 };

/// Of a chunk's type and content.
uint32_t chunk_checksum(Chunk type, std::string_view content);

/// The bytes of a record that begins at this place of the file: its chunks, and
/// before them what is left of a block that can't hold the next one's head.
std::string framed(uint64_t offset, std::string_view record);

}  // namespace bolt::detail::wandb
