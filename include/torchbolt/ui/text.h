#pragma once

#include <torchbolt/export.h>

#include <string>
#include <string_view>

namespace bolt::ui {

/// Columns that UTF-8 text takes in a terminal: East Asian characters and
/// emoji two, combining ones none.
TORCHBOLT_API int columns_of(std::string_view text);

/// Text in at most so many columns; what is cut off leaves "…" (or "~").
TORCHBOLT_API std::string cut(std::string_view text, int columns,
                              bool unicode = true);

/// Text with spaces behind it, up to so many columns.
TORCHBOLT_API std::string pad_right(std::string_view text, int columns);
/// Text with spaces before it, up to so many columns.
TORCHBOLT_API std::string pad_left(std::string_view text, int columns);

/// Text that can't disturb a terminal: control characters and what is no UTF-8
/// become "?", and what is no ASCII too where `unicode` is false.
TORCHBOLT_API std::string clean(std::string_view text, bool unicode = true);

/// The same text so many times.
TORCHBOLT_API std::string repeated(std::string_view text, int times);

}  // namespace bolt::ui
