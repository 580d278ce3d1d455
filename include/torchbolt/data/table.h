#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/ScalarType.h>
#include <torchbolt/data/dataset.h>
#include <torchbolt/export.h>

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace bolt {

/// A column of text as numbers: sample i is of the category `names[codes[i]]`.
struct Categories {
  at::Tensor codes{};                ///< int64, [rows]
  std::vector<std::string> names{};  ///< sorted, each once
};

/// Columns of equal length, each with a name: of numbers (a tensor of int64 or
/// double) or of texts. What `read_csv` gives. A value; copies share their
/// tensors. Errors are DataErrors that name the column.
///
///     auto table = bolt::read_csv("houses.csv");
///     auto town = table.categories("town");
///     bolt::TensorDataset train = table.dataset({"area", "rooms"}, {"price"});
class TORCHBOLT_API Table {
 public:
  /// One column.
  struct Column {
    std::string name{};
    /// int64 or double, [rows]; or texts.
    std::variant<at::Tensor, std::vector<std::string>> values{};
    /// Of a column of texts: why it isn't one of numbers, such as
    /// "\"n/a\" in line 7"; empty when nobody knows.
    std::string first_text{};
  };

  Table() = default;
  /// Throws DataError when lengths differ or a name comes twice. `where` is the
  /// beginning of the error messages.
  explicit Table(std::vector<Column> columns, std::string where = "Table");

  int64_t rows() const { return rows_; }
  std::vector<std::string> names() const;
  bool contains(const std::string& name) const;
  bool is_text(const std::string& name) const;
  const std::vector<Column>& columns() const { return columns_; }

  /// A column of numbers as it is: int64 or double, [rows].
  at::Tensor column(const std::string& name) const;
  /// Columns of numbers side by side: [rows, names], of type `dtype`.
  at::Tensor tensor(const std::vector<std::string>& names,
                    at::ScalarType dtype = at::kFloat) const;
  /// A column of texts.
  const std::vector<std::string>& texts(const std::string& name) const;
  /// A column as codes 0, 1, … of its different values in sorted order. Whole
  /// numbers can be categories too.
  Categories categories(const std::string& name) const;
  /// Codes by a list made before (of the training data, say). Throws DataError
  /// naming the row whose value isn't in it.
  at::Tensor codes(const std::string& name,
                   const std::vector<std::string>& known) const;
  /// Features and targets of a model: both float, [rows, names].
  TensorDataset dataset(const std::vector<std::string>& features,
                        const std::vector<std::string>& targets) const;

 private:
  const Column& find(const std::string& name) const;
  std::vector<std::string> as_texts(const std::string& name) const;

  std::string where_ = "Table";
  std::vector<Column> columns_{};
  int64_t rows_ = 0;
};

}  // namespace bolt
