#include "checkpoint/safetensors_header.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "checkpoint/dtypes.h"

namespace bolt::detail {
namespace {

using nlohmann::json;

constexpr uint64_t kLengthBytes = 8;
// The limit of Python's package.
constexpr uint64_t kMostHeader = 100'000'000;
constexpr const char* kMetadata = "__metadata__";

// Strings at the first level, tensors' fields at the second, their numbers at
// the third.
constexpr int kDeepest = 3;

json parse(const InputFile& file, const std::string& text) {
  // JSON says nothing about names that come twice; here they would hide a
  // tensor.
  std::vector<std::set<std::string>> keys;
  const auto check = [&](int depth, json::parse_event_t event, json& parsed) {
    if (depth > kDeepest) {
      file.refuse("its header is nested too deeply",
                  std::to_string(depth) + " levels");
    }
    if (event == json::parse_event_t::object_start) keys.emplace_back();
    if (event == json::parse_event_t::object_end) keys.pop_back();
    if (event == json::parse_event_t::key &&
        !keys.back().insert(parsed.get<std::string>()).second) {
      file.refuse("a name comes twice in its header",
                  quoted_text(parsed.get<std::string>()));
    }
    return true;
  };
  json header;
  try {
    header = json::parse(text, check);
  } catch (const json::exception& error) {
    file.refuse("its header isn't JSON", error.what());
  }
  if (!header.is_object()) file.refuse("its header is no JSON object");
  return header;
}

std::map<std::string, std::string> read_metadata(const InputFile& file,
                                                 const json& object) {
  std::map<std::string, std::string> metadata;
  if (!object.is_object()) file.refuse("its metadata are no JSON object");
  for (const auto& [key, value] : object.items()) {
    if (!value.is_string()) {
      file.refuse("its metadata hold something else than texts",
                  quoted_text(key));
    }
    metadata.emplace(key, value.get<std::string>());
  }
  return metadata;
}

// Reads the fields of one tensor.
class EntryReader {
 public:
  EntryReader(const InputFile& file, const std::string& name,
              const json& object)
      : file_(file), name_(name), object_(object) {}

  SafetensorsEntry read() const {
    if (!object_.is_object() || object_.size() != 3) {
      refuse("isn't described by dtype, shape and data_offsets");
    }
    const json& type = field("dtype");
    if (!type.is_string()) refuse("has no type");
    const DtypeNames* names =
        dtype_of_safetensors(type.get_ref<const std::string&>());
    if (names == nullptr) {
      refuse("is of a type that torch doesn't have",
             quoted_text(type.get_ref<const std::string&>()));
    }
    SafetensorsEntry entry{.name = name_, .type = names->type};
    uint64_t count = 1;
    // Strides count a dimension of 0 as one of 1.
    uint64_t extent = 1;
    for (const uint64_t n : numbers("shape")) {
      constexpr uint64_t kMost = uint64_t{1} << 56;
      const uint64_t wide = std::max<uint64_t>(n, 1);
      if (wide > kMost || extent > kMost / wide) {
        refuse("has a shape that is more than can be");
      }
      extent *= wide;
      count *= n;
      entry.shape.push_back(static_cast<int64_t>(n));
    }
    const std::vector<uint64_t> offsets = numbers("data_offsets");
    if (offsets.size() != 2 || offsets[0] > offsets[1]) {
      refuse("has no begin and end");
    }
    entry.begin = offsets[0];
    entry.end = offsets[1];
    const uint64_t wanted = count * c10::elementSize(entry.type);
    if (entry.end - entry.begin != wanted) {
      refuse("has another size than its type and shape say",
             std::to_string(entry.end - entry.begin) + " bytes",
             std::to_string(wanted));
    }
    return entry;
  }

 private:
  [[noreturn]] void refuse(const std::string& what, std::string got = {},
                           std::string expected = {}) const {
    file_.refuse("tensor " + quoted_text(name_) + " " + what, std::move(got),
                 std::move(expected));
  }

  const json& field(const char* name) const {
    const auto found = object_.find(name);
    if (found == object_.end()) refuse(std::string("has no ") + name);
    return *found;
  }

  std::vector<uint64_t> numbers(const char* name) const {
    const json& list = field(name);
    constexpr std::size_t kMost = 64;
    if (!list.is_array() || list.size() > kMost) {
      refuse(std::string("has no ") + name);
    }
    std::vector<uint64_t> values;
    for (const json& value : list) {
      if (!value.is_number_unsigned()) {
        refuse(std::string("has something else than whole numbers in ") + name);
      }
      values.push_back(value.get<uint64_t>());
    }
    return values;
  }

  const InputFile& file_;
  const std::string& name_;
  const json& object_;
};

// One after the other, from the first byte to the last.
void check_places(const InputFile& file, const SafetensorsHeader& header) {
  uint64_t at = 0;
  for (const SafetensorsEntry& entry : header.entries) {
    if (entry.begin != at) {
      file.refuse("tensor " + quoted_text(entry.name) +
                      (entry.begin < at ? " overlaps the one before it"
                                        : " leaves a hole before it"),
                  "a begin at " + std::to_string(entry.begin),
                  std::to_string(at));
    }
    at = entry.end;
  }
  const uint64_t there = file.size() - header.bytes;
  if (at != there) {
    file.refuse(at > there ? "it is cut short" : "more follows its tensors",
                std::to_string(there) + " bytes of data",
                std::to_string(at) + ", as its header says");
  }
}

}  // namespace

SafetensorsHeader read_safetensors_header(const InputFile& file) {
  if (file.size() < kLengthBytes) {
    file.refuse("it is too short for a safetensors file",
                std::to_string(file.size()) + " bytes");
  }
  unsigned char bytes[kLengthBytes] = {};
  file.read_at(0, bytes, kLengthBytes);
  uint64_t length = 0;
  for (std::size_t k = kLengthBytes; k-- > 0;) length = length << 8 | bytes[k];
  if (length > kMostHeader || length > file.size() - kLengthBytes) {
    file.refuse("it isn't a safetensors file, or cut short",
                "a header of " + std::to_string(length) + " bytes",
                "at most " + std::to_string(std::min(
                                 kMostHeader, file.size() - kLengthBytes)));
  }
  std::string text(static_cast<std::size_t>(length), '\0');
  file.read_at(kLengthBytes, text.data(), text.size());
  if (!text.starts_with('{')) {
    file.refuse("its header doesn't begin with {", quoted_text(text));
  }
  SafetensorsHeader header{.bytes = kLengthBytes + length};
  const json object = parse(file, text);
  for (const auto& [name, value] : object.items()) {
    if (name == kMetadata) {
      header.metadata = read_metadata(file, value);
    } else {
      header.entries.push_back(EntryReader(file, name, value).read());
    }
  }
  std::ranges::sort(header.entries, {}, [](const SafetensorsEntry& entry) {
    return std::pair(entry.begin, entry.end);
  });
  check_places(file, header);
  return header;
}

std::string safetensors_header_text(const SafetensorsHeader& header) {
  nlohmann::ordered_json object = nlohmann::ordered_json::object();
  if (!header.metadata.empty()) object[kMetadata] = header.metadata;
  for (const SafetensorsEntry& entry : header.entries) {
    object[entry.name] = {
        {"dtype", dtype_names(entry.type)->safetensors},
        {"shape", entry.shape},
        {"data_offsets", {entry.begin, entry.end}},
    };
  }
  std::string text = object.dump();
  text.append((kLengthBytes - text.size() % kLengthBytes) % kLengthBytes, ' ');
  std::string length;
  for (uint64_t k = 0; k < kLengthBytes; ++k) {
    length += static_cast<char>(text.size() >> (8 * k) & 0xff);
  }
  return length + text;
}

}  // namespace bolt::detail
