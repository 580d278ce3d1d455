#include <torchbolt/ui/table.h>

#include <algorithm>

namespace bolt::ui {
namespace {

std::size_t columns_of(const std::string& text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string rule(const std::vector<std::size_t>& widths, const char* left,
                 const char* middle, const char* right) {
  std::string line = left;
  for (std::size_t c = 0; c < widths.size(); ++c) {
    if (c > 0) line += middle;
    for (std::size_t k = 0; k < widths[c] + 2; ++k) line += "─";
  }
  return line + right + "\n";
}

std::string row_text(const std::vector<std::string>& cells,
                     const std::vector<std::size_t>& widths) {
  std::string line = "│";
  for (std::size_t c = 0; c < widths.size(); ++c) {
    const std::string cell = c < cells.size() ? cells[c] : "";
    const std::string pad(widths[c] - columns_of(cell), ' ');
    line += " " + (c == 0 ? cell + pad : pad + cell) + " │";
  }
  return line + "\n";
}

}  // namespace

std::string draw_table(const std::vector<std::string>& header,
                       const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const std::string& cell : header) widths.push_back(columns_of(cell));
  for (const auto& row : rows) {
    for (std::size_t c = 0; c < std::min(row.size(), widths.size()); ++c) {
      widths[c] = std::max(widths[c], columns_of(row[c]));
    }
  }
  std::string table = rule(widths, "┌", "┬", "┐") + row_text(header, widths) +
                      rule(widths, "├", "┼", "┤");
  for (const auto& row : rows) table += row_text(row, widths);
  table += rule(widths, "└", "┴", "┘");
  table.pop_back();
  return table;
}

}  // namespace bolt::ui
