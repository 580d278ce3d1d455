#include "loggers/mlflow/journal.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/files.h>
#include <torchbolt/core/log.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <utility>

#include "core/crc32.h"
#include "core/file_error.h"

namespace bolt::detail {
namespace {

constexpr std::string_view kBegin = "{\"crc\":\"";
constexpr std::size_t kDigits = 8;
constexpr std::string_view kSeq = "\",\"seq\":";
constexpr std::string_view kOp = ",\"op\":\"";
constexpr std::size_t kMostWaiting = 16 << 20;

// What the checksum is of: from the number to before the last brace.
std::string checksum(std::string_view text) {
  char digits[kDigits + 1];
  std::snprintf(digits, sizeof digits, "%08x",
                crc32(0, text.data(), text.size()));
  return digits;
}

std::string line_of(int64_t seq, std::string_view op,
                    std::string_view members) {
  std::string body(kSeq);
  body += std::to_string(seq);
  body += kOp;
  body += op;
  body += '"';
  if (!members.empty()) body += ',';
  body += members;
  std::string line(kBegin);
  line += checksum(body);
  line += body;
  return line + "}\n";
}

}  // namespace

std::optional<JournalLine> take_line(std::string_view& bytes) {
  const std::size_t end = bytes.find('\n');
  if (end == std::string_view::npos) return {};
  const std::string_view json = bytes.substr(0, end);
  const std::size_t head = kBegin.size() + kDigits;
  if (json.size() < head + kSeq.size() || !json.starts_with(kBegin) ||
      json.substr(head, kSeq.size()) != kSeq || json.back() != '}') {
    return {};
  }
  const std::string_view body = json.substr(head, json.size() - head - 1);
  if (checksum(body) != json.substr(kBegin.size(), kDigits)) return {};

  JournalLine line{.json = json};
  const char* last = body.data() + body.size();
  const auto number =
      std::from_chars(body.data() + kSeq.size(), last, line.seq);
  if (number.ec != std::errc()) return {};
  std::string_view rest(number.ptr,
                        static_cast<std::size_t>(last - number.ptr));
  if (!rest.starts_with(kOp)) return {};
  rest.remove_prefix(kOp.size());
  const std::size_t quote = rest.find('"');
  if (quote == std::string_view::npos) return {};
  line.op = rest.substr(0, quote);
  bytes.remove_prefix(end + 1);
  return line;
}

Journal::Journal(std::filesystem::path path) : path_(std::move(path)) {
  if (path_.has_parent_path()) make_directories(path_.parent_path());
  fd_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (fd_ < 0) fail_with("can't open the journal", path_, errno);
  try {
    lock_file();
    find_end();
  } catch (...) {
    ::close(fd_);
    throw;
  }
}

Journal::~Journal() {
  flush_waiting();
  ::close(fd_);
}

void Journal::lock_file() {
  if (::flock(fd_, LOCK_EX | LOCK_NB) == 0) return;
  // File systems without locks: the run's folder is its own anyway.
  if (errno != EWOULDBLOCK) return;
  throw Error({.where = path_.string(),
               .what = "the journal is in use by another process",
               .tip = "wait until the run that writes it has ended"});
}

// Behind the last whole line. What follows it was being written when the
// process died.
void Journal::find_end() {
  const off_t length = ::lseek(fd_, 0, SEEK_END);
  if (length < 0) fail_with("can't read the journal", path_, errno);
  for (uint64_t before = 1; before != written_;) {
    before = written_;
    const std::string bytes = read(written_, 2 * kMostJournalLine);
    std::string_view rest = bytes;
    for (auto line = take_line(rest); line && line->seq == next_seq_;
         line = take_line(rest)) {
      ++next_seq_;
      written_ += line->json.size() + 1;
    }
  }
  size_ = written_;
  const auto whole = static_cast<off_t>(written_);
  if (whole == length) return;
  const std::string torn =
      read(written_, static_cast<std::size_t>(length - whole));
  if (torn.find('\n') != std::string::npos) {
    // More than one torn line: something damaged the file.
    const std::filesystem::path aside = path_.string() + ".damaged";
    write_atomic(aside, torn);
    log_warning("[MLflow] " + path_.string() + " is damaged at byte " +
                std::to_string(written_) + "; what follows is now in " +
                aside.string());
  }
  if (::ftruncate(fd_, whole) != 0) {
    fail_with("can't cut the journal", path_, errno);
  }
}

bool Journal::write_out(std::string_view bytes) {
  const uint64_t before = written_;
  while (!bytes.empty()) {
    const ssize_t n =
        ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(written_));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      write_error_ = n < 0 ? errno : ENOSPC;
      // No half lines.
      written_ = before;
      if (::ftruncate(fd_, static_cast<off_t>(before)) != 0) {
        // The reader stops at the half line all the same.
      }
      return false;
    }
    bytes.remove_prefix(static_cast<std::size_t>(n));
    written_ += static_cast<uint64_t>(n);
  }
  write_error_ = 0;
  return true;
}

void Journal::flush_waiting() {
  if (!waiting_.empty() && write_out(waiting_)) waiting_.clear();
}

bool Journal::append(std::string_view op, std::string_view members, Keep keep) {
  const std::scoped_lock lock(mutex_);
  flush_waiting();
  if (!waiting_.empty() && keep == Keep::kIfRoom &&
      waiting_.size() > kMostWaiting) {
    ++dropped_;
    return false;
  }
  const std::string line = line_of(next_seq_, op, members);
  if (line.size() > kMostJournalLine) {
    ++dropped_;
    return false;
  }
  ++next_seq_;
  if (!waiting_.empty() || !write_out(line)) waiting_ += line;
  size_ = written_ + waiting_.size();
  return true;
}

std::string Journal::read(uint64_t offset, std::size_t most) const {
  const std::scoped_lock lock(mutex_);
  // While the end is looked for, all of the file is read.
  std::string bytes;
  if (offset < written_ || waiting_.empty()) {
    struct stat status{};
    if (::fstat(fd_, &status) != 0) {
      fail_with("can't read the journal", path_, errno);
    }
    const auto size = static_cast<uint64_t>(status.st_size);
    most = std::min<uint64_t>(most, size - std::min(size, offset));
    bytes.resize(most);
    std::size_t have = 0;
    while (have < most) {
      const ssize_t n = ::pread(fd_, bytes.data() + have, most - have,
                                static_cast<off_t>(offset + have));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail_with("can't read the journal", path_, errno);
      if (n == 0) break;
      have += static_cast<std::size_t>(n);
    }
    bytes.resize(have);
    return bytes;
  }
  const uint64_t at = offset - written_;
  return at < waiting_.size() ? waiting_.substr(at, most) : bytes;
}

void Journal::cut(uint64_t offset) {
  const std::scoped_lock lock(mutex_);
  if (offset >= written_ + waiting_.size()) return;
  // The lines that stay are counted again: their last number isn't known here.
  waiting_.clear();
  size_ = written_ = std::min(written_, offset);
  if (::ftruncate(fd_, static_cast<off_t>(written_)) != 0) {
    fail_with("can't cut the journal", path_, errno);
  }
  next_seq_ = 0;
  for (uint64_t from = 0; from < written_;) {
    std::string bytes(2 * kMostJournalLine, '\0');
    const ssize_t n =
        ::pread(fd_, bytes.data(), bytes.size(), static_cast<off_t>(from));
    if (n <= 0) break;
    bytes.resize(static_cast<std::size_t>(n));
    std::string_view rest = bytes;
    while (const auto line = take_line(rest)) next_seq_ = line->seq + 1;
    if (rest.size() == bytes.size()) break;
    from += bytes.size() - rest.size();
  }
}

void Journal::flush() {
  const std::scoped_lock lock(mutex_);
  flush_waiting();
  ::fdatasync(fd_);
}

int64_t Journal::dropped() const {
  const std::scoped_lock lock(mutex_);
  return dropped_;
}

int64_t Journal::waiting() const {
  const std::scoped_lock lock(mutex_);
  return std::ranges::count(waiting_, '\n');
}

int Journal::write_error() const {
  const std::scoped_lock lock(mutex_);
  return write_error_;
}

}  // namespace bolt::detail
