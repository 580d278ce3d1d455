#pragma once

#include <torchbolt/export.h>

#include <cstddef>
#include <string>
#include <vector>

namespace bolt::ui {

/// How a table is drawn.
struct TableOptions {
  /// Columns of the terminal; 0: as wide as it has to be. A table that doesn't
  /// fit is drawn in parts beneath each other, each with the first column; text
  /// that is wider than a part may be is cut.
  int width = 0;
  /// Without it the frame is ASCII.
  bool unicode = true;
  /// So many columns from the left are left-aligned, the others right.
  std::size_t left_aligned = 1;
};

/// A table with a frame, without a line end after the last line. Rows shorter
/// than the header are filled with empty cells, longer ones are cut off.
TORCHBOLT_API std::string draw_table(
    const std::vector<std::string>& header,
    const std::vector<std::vector<std::string>>& rows,
    const TableOptions& options = {});

}  // namespace bolt::ui
