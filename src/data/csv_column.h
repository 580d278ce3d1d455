#pragma once

#include <torchbolt/data/csv.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/csv_scanner.h"

namespace bolt::detail {

/// Which cells stand for a missing number.
class MissingTexts {
 public:
  explicit MissingTexts(const std::vector<std::string>& texts);
  bool contains(std::string_view cell) const {
    // Most cells are told by their first byte.
    const auto first = static_cast<unsigned char>(cell.empty() ? 0 : cell[0]);
    return may_begin_[first] && search(cell);
  }

 private:
  bool search(std::string_view cell) const;

  const std::vector<std::string>& texts_;
  std::array<bool, 256> may_begin_{};
};

/// Collects the cells of a column, as numbers for as long as they are such. A
/// column that turns out to be text after its first cell has lost the cells
/// before: it asks for a second pass over the file.
class CsvColumn {
 public:
  CsvColumn(std::string name, CsvType type, CsvMissing policy,
            const MissingTexts& missing);

  void add(std::string_view cell, const CsvScanner& scanner);
  /// At the end of the first pass: refuses numbers that are missing, and says
  /// whether a second pass is needed.
  bool finish(const CsvScanner& scanner);
  /// In the second pass.
  void add_text(std::string_view cell) { texts_.emplace_back(cell); }
  Table::Column take();

 private:
  enum class Kind { kInt64, kDouble, kText };
  void add_missing(std::string_view cell, const CsvScanner& scanner);
  void add_double(double value);
  void become_text(std::string_view cell, const CsvScanner& scanner);
  [[noreturn]] void refuse_missing(int64_t line, const std::string& text,
                                   const CsvScanner& scanner) const;

  std::string name_;
  CsvType type_;
  CsvMissing policy_;
  const MissingTexts* missing_;
  Kind kind_;
  bool collects_texts_;
  int64_t rows_ = 0;
  bool has_number_ = false;
  std::vector<int64_t> ints_{};
  std::vector<double> doubles_{};
  std::vector<std::string> texts_{};
  std::string first_text_{};
  std::string first_missing_{};
  int64_t first_missing_line_ = 0;
};

}  // namespace bolt::detail
