#pragma once

#include <torchbolt/export.h>

#include <string>
#include <vector>

namespace bolt::ui {

/// A table with a frame; the first column is left-aligned, the others right.
/// Rows shorter than the header are filled with empty cells.
TORCHBOLT_API std::string draw_table(
    const std::vector<std::string>& header,
    const std::vector<std::vector<std::string>>& rows);

}  // namespace bolt::ui
