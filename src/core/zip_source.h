#pragma once

#include <memory>

#include "core/byte_source.h"
#include "core/zip.h"

namespace bolt::detail {

/// The bytes of a zip entry whose data begins at byte `first` of the file.
/// Refuses other methods than stored and deflated.
std::unique_ptr<ByteSource> open_zip_source(const InputFile& file,
                                            const ZipEntry& entry,
                                            uint64_t first);

}  // namespace bolt::detail
