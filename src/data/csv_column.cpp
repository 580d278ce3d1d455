#include "data/csv_column.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include "core/byte_source.h"

namespace bolt::detail {
namespace {

std::string_view trimmed(std::string_view cell) {
  while (!cell.empty() && cell.front() == ' ') cell.remove_prefix(1);
  while (!cell.empty() && cell.back() == ' ') cell.remove_suffix(1);
  return cell;
}

template <class Number>
std::optional<Number> parse(std::string_view cell) {
  // from_chars takes no plus sign.
  if (cell.size() > 1 && cell[0] == '+' && cell[1] != '-') {
    cell.remove_prefix(1);
  }
  Number value{};
  const char* const end = cell.data() + cell.size();
  const auto [stop, error] = std::from_chars(cell.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

template <class Number>
at::Tensor tensor_of(const std::vector<Number>& values) {
  at::Tensor tensor = at::empty({static_cast<int64_t>(values.size())},
                                c10::CppTypeToScalarType<Number>::value);
  std::copy(values.begin(), values.end(),
            tensor.template mutable_data_ptr<Number>());
  return tensor;
}

}  // namespace

MissingTexts::MissingTexts(const std::vector<std::string>& texts)
    : texts_(texts) {
  for (const std::string& text : texts_) {
    may_begin_[static_cast<unsigned char>(text.empty() ? 0 : text[0])] = true;
  }
}

bool MissingTexts::search(std::string_view cell) const {
  return std::find(texts_.begin(), texts_.end(), cell) != texts_.end();
}

CsvColumn::CsvColumn(std::string name, CsvType type, CsvMissing policy,
                     const MissingTexts& missing)
    : name_(std::move(name)),
      type_(type),
      policy_(policy),
      missing_(&missing),
      kind_(type == CsvType::kText     ? Kind::kText
            : type == CsvType::kDouble ? Kind::kDouble
                                       : Kind::kInt64),
      collects_texts_(type == CsvType::kText) {}

void CsvColumn::add(std::string_view cell, const CsvScanner& scanner) {
  if (kind_ == Kind::kText) {
    if (collects_texts_) texts_.emplace_back(cell);
    ++rows_;
    return;
  }
  const std::string_view number = trimmed(cell);
  if (missing_->contains(number)) {
    add_missing(cell, scanner);
  } else if (const auto whole = kind_ == Kind::kInt64 ? parse<int64_t>(number)
                                                      : std::nullopt) {
    ints_.push_back(*whole);
    has_number_ = true;
  } else if (const auto value = type_ == CsvType::kInt64
                                    ? std::nullopt
                                    : parse<double>(number)) {
    add_double(*value);
    has_number_ = true;
  } else {
    become_text(cell, scanner);
  }
  ++rows_;
}

void CsvColumn::add_double(double value) {
  if (kind_ == Kind::kInt64) {
    doubles_.assign(ints_.begin(), ints_.end());
    ints_ = {};
    kind_ = Kind::kDouble;
  }
  doubles_.push_back(value);
}

void CsvColumn::add_missing(std::string_view cell, const CsvScanner& scanner) {
  if (type_ != CsvType::kAuto &&
      (policy_ == CsvMissing::kError || type_ == CsvType::kInt64)) {
    refuse_missing(scanner.line(), quoted_text(cell), scanner);
  }
  // What the column is shows at its end alone.
  if (first_missing_line_ == 0) {
    first_missing_line_ = scanner.line();
    first_missing_ = quoted_text(cell);
  }
  add_double(std::numeric_limits<double>::quiet_NaN());
}

void CsvColumn::become_text(std::string_view cell, const CsvScanner& scanner) {
  if (type_ != CsvType::kAuto) {
    scanner.refuse(scanner.line(),
                   "column " + quoted_text(name_) + " is to hold numbers",
                   quoted_text(cell),
                   type_ == CsvType::kInt64 ? "a whole number" : "a number");
  }
  kind_ = Kind::kText;
  ints_ = {};
  doubles_ = {};
  first_text_ =
      quoted_text(cell) + " in line " + std::to_string(scanner.line());
  collects_texts_ = rows_ == 0;
  if (collects_texts_) texts_.emplace_back(cell);
}

bool CsvColumn::finish(const CsvScanner& scanner) {
  if (kind_ != Kind::kText && first_missing_line_ > 0 &&
      policy_ == CsvMissing::kError) {
    if (has_number_) {
      refuse_missing(first_missing_line_, first_missing_, scanner);
    }
    // Nothing but missing cells: nobody said that they are numbers.
    kind_ = Kind::kText;
    first_text_ =
        first_missing_ + " in line " + std::to_string(first_missing_line_);
    doubles_ = {};
  }
  return kind_ == Kind::kText && !collects_texts_;
}

void CsvColumn::refuse_missing(int64_t line, const std::string& text,
                               const CsvScanner& scanner) const {
  scanner.refuse(line, "a number is missing in column " + quoted_text(name_),
                 text, "a number", ".missing = bolt::CsvMissing::kNaN");
}

Table::Column CsvColumn::take() {
  Table::Column column{.name = name_, .first_text = first_text_};
  if (kind_ == Kind::kText) {
    column.values = std::move(texts_);
  } else if (kind_ == Kind::kInt64 && (rows_ > 0 || type_ == CsvType::kInt64)) {
    column.values = tensor_of(ints_);
  } else {
    column.values = tensor_of(doubles_);
  }
  ints_ = {};
  doubles_ = {};
  return column;
}

}  // namespace bolt::detail
