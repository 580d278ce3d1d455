#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace bolt::detail {

/// A record of a TFRecord file: its length and content, each with its checksum.
std::string tfrecord(std::string_view content);

/// The contents of a file's records, as far as they are whole, and how many
/// bytes that is. They point into `file`.
struct TfRecords {
  std::vector<std::string_view> contents{};
  std::size_t bytes = 0;
};
TfRecords read_tfrecords(std::string_view file);

}  // namespace bolt::detail
