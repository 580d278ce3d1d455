#include "data/csv_scanner.h"

#include <torchbolt/core/error.h>

#include <algorithm>
#include <utility>

#include "core/byte_source.h"

namespace bolt::detail {

CsvScanner::CsvScanner(std::string where, std::string_view text, char delimiter,
                       char quote)
    : where_(std::move(where)),
      text_(text),
      delimiter_(delimiter),
      quote_(quote) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text_.starts_with(kByteOrderMark)) at_ = kByteOrderMark.size();
}

bool CsvScanner::next() {
  while (at_ < text_.size() && end_record()) {  // empty lines
  }
  if (at_ >= text_.size()) return false;
  cells_.clear();
  unquoted_used_ = 0;
  line_ = next_line_;
  while (true) {
    if (quote_ != '\0' && at_ < text_.size() && text_[at_] == quote_) {
      add_quoted();
    } else {
      add_plain();
    }
    if (at_ >= text_.size() || end_record()) return true;
    ++at_;  // the delimiter
  }
}

// Steps over LF or CRLF, if it stands here.
bool CsvScanner::end_record() {
  std::size_t end = at_;
  if (text_[end] == '\r' && end + 1 < text_.size()) ++end;
  if (text_[end] != '\n') return false;
  at_ = end + 1;
  ++next_line_;
  return true;
}

void CsvScanner::add_plain() {
  const std::size_t first = at_;
  const char* const data = text_.data();
  const std::size_t size = text_.size();
  std::size_t at = at_;
  for (; at < size; ++at) {
    const char c = data[at];
    if (c == delimiter_ || c == '\n') break;
    if (c == '\r' && at + 1 < size && data[at + 1] == '\n') break;
    if (c == quote_ && quote_ != '\0') {
      refuse(next_line_, "a quote stands inside a cell that isn't quoted",
             quoted_text(text_.substr(first, at - first + 1)),
             "the whole cell in quotes, and those within it doubled",
             ".quote = '\\0', if quotes are text here");
    }
  }
  at_ = at;
  cells_.push_back(text_.substr(first, at - first));
}

void CsvScanner::add_quoted() {
  const int64_t begun = next_line_;
  const std::size_t first = ++at_;
  std::string* copy = nullptr;
  std::size_t copied = first;
  while (true) {
    const std::size_t quote = text_.find(quote_, at_);
    if (quote == std::string_view::npos) {
      refuse(begun, "a quoted cell doesn't end",
             quoted_text(text_.substr(first)), "a closing quote");
    }
    next_line_ +=
        std::count(text_.begin() + static_cast<std::ptrdiff_t>(at_),
                   text_.begin() + static_cast<std::ptrdiff_t>(quote), '\n');
    at_ = quote + 1;
    const bool doubled = at_ < text_.size() && text_[at_] == quote_;
    if (!doubled && copy == nullptr) {
      cells_.push_back(text_.substr(first, quote - first));
      break;
    }
    if (copy == nullptr) {
      if (unquoted_used_ == unquoted_.size()) unquoted_.emplace_back();
      copy = &unquoted_[unquoted_used_++];
      copy->clear();
    }
    copy->append(text_, copied, quote - copied + (doubled ? 1 : 0));
    if (!doubled) {
      cells_.push_back(*copy);
      break;
    }
    copied = ++at_;
  }
  if (at_ < text_.size() && !at_cell_end()) {
    refuse(next_line_, "there is more behind a closing quote",
           quoted_text(text_.substr(at_, 20)), "a delimiter or a new line");
  }
}

bool CsvScanner::at_cell_end() const {
  const std::string_view rest = text_.substr(at_);
  return rest.front() == delimiter_ || rest.starts_with("\n") ||
         rest.starts_with("\r\n");
}

void CsvScanner::refuse(int64_t line, std::string what, std::string got,
                        std::string expected, std::string tip) const {
  throw DataError({.where = where_ + ", line " + std::to_string(line),
                   .what = std::move(what),
                   .got = std::move(got),
                   .expected = std::move(expected),
                   .tip = std::move(tip)});
}

}  // namespace bolt::detail
