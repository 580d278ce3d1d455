#include <torchbolt/ui/table.h>
#include <torchbolt/ui/text.h>

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>

namespace bolt::ui {
namespace {

// A column needs its text, a space on either side and a line.
constexpr int kAround = 3;
constexpr int kNarrowest = 1;
// As short as a name may become before a table is taken apart.
constexpr int kShortWord = 8;

struct Frame {
  const char* across;
  const char* down;
  const char* corners[3][3];
};
constexpr Frame kLines{
    "─", "│", {{"┌", "┬", "┐"}, {"├", "┼", "┤"}, {"└", "┴", "┘"}}};
constexpr Frame kAscii{
    "-", "|", {{"+", "+", "+"}, {"+", "+", "+"}, {"+", "+", "+"}}};

class Drawing {
 public:
  Drawing(const std::vector<std::string>& header,
          const std::vector<std::vector<std::string>>& rows,
          const TableOptions& options)
      : options_(options), frame_(options.unicode ? kLines : kAscii) {
    columns_ = header.size();
    options_.left_aligned = std::max<std::size_t>(options.left_aligned, 1);
    add(header);
    for (const auto& row : rows) add(row);
    widths_.assign(columns_, 0);
    for (const auto& row : cells_) {
      for (std::size_t c = 0; c < columns_; ++c) {
        widths_[c] = std::max(widths_[c], columns_of(row[c]));
      }
    }
  }

  std::string text() {
    std::string text;
    for (const auto& part : parts()) {
      text += (text.empty() ? "" : "\n") + draw(part);
    }
    return text;
  }

 private:
  using Part = std::vector<std::size_t>;

  void add(const std::vector<std::string>& row) {
    std::vector<std::string> cells(columns_);
    for (std::size_t c = 0; c < std::min(columns_, row.size()); ++c) {
      cells[c] = clean(row[c], options_.unicode);
    }
    cells_.push_back(std::move(cells));
  }

  int width_of(const Part& part) const {
    int width = 1;
    for (const std::size_t c : part) width += widths_[c] + kAround;
    return width;
  }

  // Columns that stand beside each other. Words give way first, then there is
  // a part more; numbers are cut only where a part of two is too wide.
  std::vector<Part> parts() {
    shorten_words();
    std::vector<Part> parts(1);
    for (std::size_t c = 0; c < columns_; ++c) {
      Part longer = parts.back();
      longer.push_back(c);
      if (options_.width > 0 && longer.size() > 2 &&
          width_of(longer) > options_.width) {
        parts.push_back({0, c});
      } else {
        parts.back() = std::move(longer);
      }
    }
    if (options_.width > 0) {
      for (const Part& part : parts) squeeze(part);
    }
    return parts;
  }

  void shorten_words() {
    Part all(columns_);
    std::iota(all.begin(), all.end(), std::size_t{0});
    const Part words(all.begin(),
                     all.begin() + static_cast<std::ptrdiff_t>(std::min(
                                       options_.left_aligned, columns_)));
    const std::vector<int> before = widths_;
    while (options_.width > 0 && width_of(all) > options_.width) {
      const auto widest = *std::ranges::max_element(
          words, {}, [&](std::size_t c) { return widths_[c]; });
      if (widths_[widest] <= kShortWord) {
        widths_ = before;
        return;
      }
      --widths_[widest];
    }
  }

  void squeeze(const Part& part) {
    while (width_of(part) > options_.width) {
      const auto widest = *std::ranges::max_element(
          part, {}, [&](std::size_t c) { return widths_[c]; });
      if (widths_[widest] <= kNarrowest) return;
      --widths_[widest];
    }
  }

  std::string rule(const Part& part, const char* const (&corners)[3]) const {
    std::string line;
    for (const std::size_t c : part) {
      line += line.empty() ? corners[0] : corners[1];
      line += repeated(frame_.across, widths_[c] + 2);
    }
    return line + corners[2] + "\n";
  }

  std::string row_text(const Part& part,
                       const std::vector<std::string>& row) const {
    std::string line = frame_.down;
    for (const std::size_t c : part) {
      const std::string cell = cut(row[c], widths_[c], options_.unicode);
      line += " ";
      line += c < options_.left_aligned ? pad_right(cell, widths_[c])
                                        : pad_left(cell, widths_[c]);
      line += " ";
      line += frame_.down;
    }
    return line + "\n";
  }

  std::string draw(const Part& part) const {
    std::string text = rule(part, frame_.corners[0]);
    text += row_text(part, cells_.front());
    text += rule(part, frame_.corners[1]);
    for (std::size_t r = 1; r < cells_.size(); ++r) {
      text += row_text(part, cells_[r]);
    }
    text += rule(part, frame_.corners[2]);
    text.pop_back();
    return text;
  }

  TableOptions options_;
  const Frame& frame_;
  std::size_t columns_ = 0;
  std::vector<std::vector<std::string>> cells_{};
  std::vector<int> widths_{};
};

}  // namespace

std::string draw_table(const std::vector<std::string>& header,
                       const std::vector<std::vector<std::string>>& rows,
                       const TableOptions& options) {
  if (header.empty()) return "";
  return Drawing(header, rows, options).text();
}

}  // namespace bolt::ui
