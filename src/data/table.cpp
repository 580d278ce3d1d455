#include <ATen/ATen.h>
#include <torchbolt/core/error.h>
#include <torchbolt/data/table.h>

#include <algorithm>
#include <set>
#include <unordered_map>
#include <utility>

#include "core/byte_source.h"

namespace bolt {
namespace {

using detail::quoted_text;

int64_t length_of(const Table::Column& column) {
  if (const auto* numbers = std::get_if<at::Tensor>(&column.values)) {
    return numbers->defined() && numbers->dim() == 1 ? numbers->size(0) : -1;
  }
  return static_cast<int64_t>(
      std::get<std::vector<std::string>>(column.values).size());
}

}  // namespace

Table::Table(std::vector<Column> columns, std::string where)
    : where_(std::move(where)), columns_(std::move(columns)) {
  if (!columns_.empty()) rows_ = length_of(columns_.front());
  std::set<std::string> names;
  for (const Column& column : columns_) {
    const bool fits = length_of(column) == rows_ && rows_ >= 0;
    const bool fresh = names.insert(column.name).second;
    if (fits && fresh) continue;
    throw DataError({.where = where_,
                     .what = fits ? "two columns have the same name"
                                  : "a column has another length, or isn't "
                                    "one-dimensional",
                     .got = "column " + quoted_text(column.name)});
  }
}

std::vector<std::string> Table::names() const {
  std::vector<std::string> names;
  names.reserve(columns_.size());
  for (const Column& column : columns_) names.push_back(column.name);
  return names;
}

bool Table::contains(const std::string& name) const {
  return std::any_of(columns_.begin(), columns_.end(),
                     [&](const Column& c) { return c.name == name; });
}

bool Table::is_text(const std::string& name) const {
  return !std::holds_alternative<at::Tensor>(find(name).values);
}

const Table::Column& Table::find(const std::string& name) const {
  for (const Column& column : columns_) {
    if (column.name == name) return column;
  }
  const std::string meant = did_you_mean(name, names());
  std::string all;
  for (const Column& column : columns_) {
    all += (all.empty() ? "" : ", ") + quoted_text(column.name);
    if (all.size() > 200) break;
  }
  throw DataError(
      {.where = where_,
       .what = "there is no such column",
       .got = quoted_text(name),
       .expected = all.empty() ? "none: it is empty" : "one of " + all,
       .tip = meant.empty() ? "" : quoted_text(meant)});
}

at::Tensor Table::column(const std::string& name) const {
  const Column& column = find(name);
  if (const auto* numbers = std::get_if<at::Tensor>(&column.values)) {
    return *numbers;
  }
  throw DataError({.where = where_,
                   .what = "column " + quoted_text(name) + " holds text",
                   .got = column.first_text,
                   .expected = "numbers",
                   .tip = "categories(\"" + name + "\").codes"});
}

at::Tensor Table::tensor(const std::vector<std::string>& names,
                         at::ScalarType dtype) const {
  at::Tensor all =
      at::empty({rows_, static_cast<int64_t>(names.size())}, dtype);
  for (std::size_t k = 0; k < names.size(); ++k) {
    all.select(1, static_cast<int64_t>(k)).copy_(column(names[k]));
  }
  return all;
}

const std::vector<std::string>& Table::texts(const std::string& name) const {
  const Column& column = find(name);
  if (const auto* texts =
          std::get_if<std::vector<std::string>>(&column.values)) {
    return *texts;
  }
  throw DataError({.where = where_,
                   .what = "column " + quoted_text(name) + " holds numbers",
                   .expected = "text",
                   .tip = "column(\"" + name + "\")"});
}

std::vector<std::string> Table::as_texts(const std::string& name) const {
  if (is_text(name)) return texts(name);
  const at::Tensor numbers = column(name).contiguous();
  if (numbers.scalar_type() != at::kLong) {
    throw DataError(
        {.where = where_,
         .what = "column " + quoted_text(name) + " can't be categories",
         .got = "numbers with fractions",
         .expected = "text or whole numbers"});
  }
  std::vector<std::string> texts;
  texts.reserve(static_cast<std::size_t>(rows_));
  const auto* values = numbers.const_data_ptr<int64_t>();
  for (int64_t k = 0; k < rows_; ++k)
    texts.push_back(std::to_string(values[k]));
  return texts;
}

Categories Table::categories(const std::string& name) const {
  if (!is_text(name) && column(name).scalar_type() == at::kLong) {
    // In the order of the numbers, not of their digits.
    const auto [values, codes, counts] =
        at::_unique2(column(name), /*sorted=*/true, /*return_inverse=*/true);
    Categories result{.codes = codes};
    const auto* value = values.const_data_ptr<int64_t>();
    for (int64_t k = 0; k < values.numel(); ++k) {
      result.names.push_back(std::to_string(value[k]));
    }
    return result;
  }
  std::vector<std::string> known = as_texts(name);
  std::sort(known.begin(), known.end());
  known.erase(std::unique(known.begin(), known.end()), known.end());
  at::Tensor codes_of_rows = codes(name, known);
  return {.codes = std::move(codes_of_rows), .names = std::move(known)};
}

at::Tensor Table::codes(const std::string& name,
                        const std::vector<std::string>& known) const {
  std::unordered_map<std::string, int64_t> code_of;
  for (const std::string& category : known) {
    code_of.emplace(category, static_cast<int64_t>(code_of.size()));
  }
  const std::vector<std::string> values = as_texts(name);
  at::Tensor codes = at::empty({rows_}, at::kLong);
  auto* code = codes.mutable_data_ptr<int64_t>();
  for (std::size_t k = 0; k < values.size(); ++k) {
    const auto found = code_of.find(values[k]);
    if (found == code_of.end()) {
      throw DataError({.where = where_,
                       .what = "column \"" + name +
                               "\" has a value outside of the categories, in "
                               "row " +
                               std::to_string(k),
                       .got = quoted_text(values[k]),
                       .expected = "one of the " +
                                   std::to_string(known.size()) + " given"});
    }
    code[k] = found->second;
  }
  return codes;
}

TensorDataset Table::dataset(const std::vector<std::string>& features,
                             const std::vector<std::string>& targets) const {
  return {tensor(features), tensor(targets)};
}

}  // namespace bolt
