#pragma once

#include <torchbolt/export.h>

#include <string>
#include <string_view>

namespace bolt {

/// The shortest text that reads back as the same number; "nan", "inf", "-inf".
TORCHBOLT_API std::string shortest(double value);

/// For people: about four significant digits ("0.8812", "12.35", "1.2e-05").
TORCHBOLT_API std::string brief(double value);

/// A field of a CSV file (RFC 4180): quoted where it has to be.
TORCHBOLT_API std::string csv_field(std::string_view text);

}  // namespace bolt
