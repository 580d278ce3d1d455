#pragma once

#include <torchbolt/data/table.h>
#include <torchbolt/export.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace bolt {

/// What a column of a CSV file is read as.
enum class CsvType {
  kAuto,   ///< int64 if all its cells are whole numbers, else double, else text
  kInt64,  ///< refuses what isn't a whole number
  kDouble,  ///< refuses what isn't a number
  kText,    ///< takes the cells as they are ("007" stays "007")
};

/// What to do about a missing number.
enum class CsvMissing {
  kError,  ///< refuse the file, naming line and column
  kNaN,    ///< NaN; a column of whole numbers becomes double then
};

/// Settings of `read_csv`.
struct CsvOptions {
  /// What is between two cells: a comma, a semicolon, a tabulator, …
  char delimiter = ',';
  /// Whether the first line names the columns; if not: "0", "1", ….
  bool header = true;
  /// The columns to take, in this order; empty: all.
  std::vector<std::string> columns{};
  /// What to do about a number that is missing. In a column of texts, a missing
  /// cell is the text that stands there.
  CsvMissing missing = CsvMissing::kError;
  /// Cells that stand for a missing number.
  std::vector<std::string> missing_texts{"", "NA", "N/A", "nan", "NaN", "null"};
  /// Columns that are not to be guessed.
  std::map<std::string, CsvType> types{};
  /// What may stand around a cell; twice within it: itself. '\0': nothing, the
  /// character then means itself.
  char quote = '"';
  /// Leaves out a last line without an end: of a file that is being written, or
  /// whose writer was killed.
  bool skip_torn_line = false;
};

/// Reads a CSV file (RFC 4180), plain or compressed with gzip, into columns.
/// Lines end with LF or CRLF, also within quotes; a byte order mark of UTF-8 is
/// skipped, and so are empty lines. Around numbers spaces may stand; they are
/// written as in C++ or JSON, with a point, and with "inf" where they are
/// infinite. Whole numbers beyond int64 are doubles. Throws DataError naming
/// file, line, column and the text that was there. The file and its columns
/// must fit into memory together.
///
///     auto table = bolt::read_csv("iris.csv", {.delimiter = ';'});
///     bolt::TensorDataset train(table.tensor({"length", "width"}),
///                               table.categories("species").codes);
TORCHBOLT_API Table read_csv(const std::filesystem::path& path,
                             const CsvOptions& options = {});

}  // namespace bolt
