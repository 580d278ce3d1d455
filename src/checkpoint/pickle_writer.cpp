#include "checkpoint/pickle_writer.h"

#include <bit>
#include <limits>
#include <utility>

namespace bolt::detail {

PickleWriter::PickleWriter() : bytes_("\x80\x02") {}

void PickleWriter::little(uint64_t value, int bytes) {
  for (int k = 0; k < bytes; ++k) {
    op(static_cast<char>(value >> (8 * k) & 0xff));
  }
}

void PickleWriter::integer(int64_t value) {
  if (value >= 0 && value <= 0xff) {
    op('K');
    little(static_cast<uint64_t>(value), 1);
  } else if (value >= 0 && value <= 0xffff) {
    op('M');
    little(static_cast<uint64_t>(value), 2);
  } else if (value >= std::numeric_limits<int32_t>::min() &&
             value <= std::numeric_limits<int32_t>::max()) {
    op('J');
    little(static_cast<uint64_t>(value), 4);
  } else {
    op('\x8a');
    little(8, 1);
    little(static_cast<uint64_t>(value), 8);
  }
}

void PickleWriter::number(double value) {
  const auto bits = std::bit_cast<uint64_t>(value);
  op('G');
  for (int k = 7; k >= 0; --k) op(static_cast<char>(bits >> (8 * k) & 0xff));
}

void PickleWriter::text(std::string_view value) {
  // Long ones seldom come twice.
  constexpr std::size_t kMostRemembered = 200;
  const bool remembered = value.size() <= kMostRemembered;
  std::string name = remembered ? "t" + std::string(value) : "";
  if (remembered && get(name)) return;
  op('X');
  little(value.size(), 4);
  bytes_ += value;
  if (remembered) put(std::move(name));
}

void PickleWriter::global(std::string_view module, std::string_view name) {
  const std::string line =
      std::string(module) + "\n" + std::string(name) + "\n";
  if (get("g" + line)) return;
  op('c');
  bytes_ += line;
  put("g" + line);
}

bool PickleWriter::get(const std::string& name) {
  const auto found = memo_.find(name);
  if (found == memo_.end()) return false;
  if (found->second <= 0xff) {
    op('h');
    little(found->second, 1);
  } else {
    op('j');
    little(found->second, 4);
  }
  return true;
}

void PickleWriter::put(std::string name) {
  const auto number = static_cast<uint32_t>(memo_.size());
  if (number <= 0xff) {
    op('q');
    little(number, 1);
  } else {
    op('r');
    little(number, 4);
  }
  memo_.emplace(std::move(name), number);
}

std::string PickleWriter::finish() {
  op('.');
  return std::move(bytes_);
}

}  // namespace bolt::detail
