#pragma once

#include <string_view>

namespace bolt::ui {

/// Columns and rows of the grid on which letters are drawn: 0 to 4, and from
/// one to the next 6; 0 the top of capitals, 6 the base line, 8 the lowest.
inline constexpr int kLetterAdvance = 6;
inline constexpr int kLetterBase = 6;

/// The lines of a character of ASCII: points of two digits, column and row,
/// with a space between them; a comma begins another line. A point alone,
/// twice, is a dot.
std::string_view strokes_of(char character);

}  // namespace bolt::ui
