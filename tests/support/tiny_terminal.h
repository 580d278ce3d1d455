#pragma once

#include <torchbolt/ui/text.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace bolt::testing {

/// What a terminal shows after all that was written to it; it knows as much as
/// the progress bar needs. Lines that scrolled off the top are kept.
class TinyTerminal {
 public:
  TinyTerminal(int columns, int rows) : columns_(columns), rows_(rows) {}

  void feed(std::string_view text) {
    while (!text.empty()) text.remove_prefix(step(text));
  }

  /// All lines, without spaces and empty lines at the end.
  std::vector<std::string> lines() const {
    std::vector<std::string> all;
    for (const auto& line : lines_) {
      std::string text;
      for (const auto& cell : line) text += cell.empty() ? " " : cell;
      text.erase(text.find_last_not_of(' ') + 1);
      all.push_back(text);
    }
    while (!all.empty() && all.back().empty()) all.pop_back();
    return all;
  }
  bool cursor_shown() const { return shown_; }
  /// How often text went on in the next line, since one was full.
  int wraps() const { return wraps_; }
  /// Sequences that it doesn't know.
  const std::string& unknown() const { return unknown_; }

 private:
  using Line = std::vector<std::string>;

  std::size_t top() const {
    const auto rows = static_cast<std::size_t>(rows_);
    return lines_.size() > rows ? lines_.size() - rows : 0;
  }
  Line& at(std::size_t row) {
    if (lines_.size() <= row) lines_.resize(row + 1);
    return lines_[row];
  }
  void down() { at(++row_); }

  std::size_t step(std::string_view text) {
    const char c = text[0];
    if (c == '\x1b') return escape(text);
    if (c == '\r') return column_ = 0, 1;
    if (c == '\n') return down(), 1;
    std::size_t bytes = 1;
    while (bytes < text.size() && (text[bytes] & 0xc0) == 0x80) ++bytes;
    put(std::string(text.substr(0, bytes)));
    return bytes;
  }

  void put(const std::string& glyph) {
    const int width = ui::columns_of(glyph);
    if (column_ + width > columns_) {
      ++wraps_;
      down();
      column_ = 0;
    }
    Line& line = at(row_);
    const auto column = static_cast<std::size_t>(column_);
    if (line.size() < column + 1) line.resize(column + 1);
    line[column] = glyph;
    column_ += width;
  }

  std::size_t escape(std::string_view text) {
    if (text[1] == '7') return saved_row_ = row_, saved_column_ = column_, 2;
    if (text[1] == '8') return row_ = saved_row_, column_ = saved_column_, 2;
    if (text[1] == 'D') return down(), 2;
    const std::size_t end = text.find_first_of("ABCDHJKhlm", 2);
    const std::string what(text.substr(0, end + 1));
    Line& line = at(row_);
    const auto column = static_cast<std::size_t>(column_);
    if (what.back() == 'A') {
      const auto up = static_cast<std::size_t>(std::stoi(what.substr(2)));
      row_ = std::max(row_ - std::min(row_, up), top());
    } else if (what == "\x1b[K") {
      line.resize(std::min(line.size(), column));
    } else if (what == "\x1b[J") {
      line.resize(std::min(line.size(), column));
      for (std::size_t k = row_ + 1; k < lines_.size(); ++k) lines_[k].clear();
    } else if (what == "\x1b[?25l" || what == "\x1b[?25h") {
      shown_ = what.back() == 'h';
    } else if (what.back() != 'm') {
      unknown_ += what.substr(1) + " ";
    }
    return what.size();
  }

  int columns_;
  int rows_;
  std::vector<Line> lines_ = std::vector<Line>(1);
  std::size_t row_ = 0;
  int column_ = 0;
  std::size_t saved_row_ = 0;
  int saved_column_ = 0;
  bool shown_ = true;
  int wraps_ = 0;
  std::string unknown_{};
};

}  // namespace bolt::testing
