#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace bolt::detail {

/// Splits the text of a CSV file into records and cells, by RFC 4180's rules.
/// Used by one thread.
class CsvScanner {
 public:
  /// `where` begins the error messages. The text must outlive the scanner.
  CsvScanner(std::string where, std::string_view text, char delimiter,
             char quote);

  /// Reads the next record that isn't an empty line; false at the end.
  bool next();
  /// Its cells, without their quotes; valid until the next call.
  const std::vector<std::string_view>& cells() const { return cells_; }
  /// The line where the record begins, from 1 on.
  int64_t line() const { return line_; }
  /// Throws DataError naming the line.
  [[noreturn]] void refuse(int64_t line, std::string what, std::string got = {},
                           std::string expected = {},
                           std::string tip = {}) const;

 private:
  void add_plain();
  void add_quoted();
  bool at_cell_end() const;
  bool end_record();

  std::string where_;
  std::string_view text_;
  char delimiter_;
  char quote_;
  std::size_t at_ = 0;
  int64_t line_ = 0;
  int64_t next_line_ = 1;
  std::vector<std::string_view> cells_{};
  // Cells with a doubled quote, which are not in the file as they are; as many
  // as a record had. A deque, since the cells refer to its strings.
  std::deque<std::string> unquoted_{};
  std::size_t unquoted_used_ = 0;
};

}  // namespace bolt::detail
