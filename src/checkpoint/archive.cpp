#include "checkpoint/archive.h"

#include <algorithm>
#include <array>

namespace bolt::detail {

Archive::Archive(std::string_view reader, const std::filesystem::path& path)
    : file_(reader, path, FileKind::kCheckpoint) {
  check_kind();
  zip_.emplace(file_);
  index_records();
  check_byte_order();
}

// Files that people take for checkpoints, by how they begin.
void Archive::check_kind() const {
  std::array<char, 16> bytes{};
  const auto count =
      static_cast<std::size_t>(std::min<uint64_t>(bytes.size(), file_.size()));
  file_.read_at(0, bytes.data(), count);
  const std::string_view begin(bytes.data(), count);
  constexpr std::string_view kOldMagic = "\x80\x02\x8a\x0a";
  if (begin.starts_with(kOldMagic)) {
    file_.refuse(
        "it is in the format of torch before 1.6", "a bare pickle",
        "a zip file",
        "in Python, torch.save(torch.load(path), path) makes a new one");
  }
  if (begin.size() > 9 && begin[8] == '{') {
    file_.refuse("it isn't a checkpoint", "perhaps a safetensors file",
                 "a zip file", "read_safetensors");
  }
}

void Archive::index_records() {
  // All records stand in one folder, whose name is the file's, or "archive".
  std::string folder;
  constexpr std::string_view kPickle = "/data.pkl";
  for (const ZipEntry& entry : entries()) {
    const std::size_t slash = entry.name.find('/');
    if (slash != std::string::npos && entry.name.substr(slash) == kPickle) {
      folder = entry.name.substr(0, slash + 1);
    }
  }
  if (folder.empty()) {
    file_.refuse("it isn't a checkpoint", "a zip file without data.pkl",
                 "what write_checkpoint or Python's torch.save writes");
  }
  for (std::size_t k = 0; k < entries().size(); ++k) {
    const ZipEntry& entry = entries()[k];
    if (entry.method != 0 || entry.compressed != entry.size) {
      file_.refuse("record " + quoted_text(entry.name) + " is compressed",
                   std::to_string(entry.compressed) + " bytes for " +
                       std::to_string(entry.size),
                   "stored records", "unpack it, and pack it with zip -0");
    }
    if (!entry.name.starts_with(folder)) continue;
    if (!records_.emplace(entry.name.substr(folder.size()), k).second) {
      file_.refuse("two of its records have one name", quoted_text(entry.name));
    }
  }
  if (find("constants.pkl")) {
    file_.refuse("it is a TorchScript program, no checkpoint", "constants.pkl",
                 "", "torch::jit::load");
  }
}

void Archive::check_byte_order() const {
  if (!find("byteorder")) return;
  const std::string order = read("byteorder", 16, true);
  if (order != "little") {
    file_.refuse("its numbers are in another byte order", quoted_text(order),
                 "\"little\"", "save it on a little-endian machine");
  }
}

std::optional<std::size_t> Archive::find(const std::string& name) const {
  const auto found = records_.find(name);
  if (found == records_.end()) return std::nullopt;
  return found->second;
}

std::string Archive::read(const std::string& name, uint64_t most,
                          bool verify) const {
  const std::size_t index = records_.at(name);
  const ZipEntry& entry = entries()[index];
  if (entry.size > most) {
    file_.refuse("record " + quoted_text(entry.name) + " is too large",
                 std::to_string(entry.size) + " bytes",
                 "at most " + std::to_string(most));
  }
  std::string bytes(static_cast<std::size_t>(entry.size), '\0');
  read_all(file_, {reading(index, bytes.data(), verify)});
  return bytes;
}

FileRead Archive::reading(std::size_t index, char* to, bool verify) const {
  const ZipEntry& entry = entries()[index];
  return {.offset = zip_->data_offset(entry),
          .bytes = entry.size,
          .to = to,
          .crc = verify ? std::optional(entry.crc) : std::nullopt,
          .name = entry.name};
}

}  // namespace bolt::detail
