#include "loggers/csv/writer.h"

#include <torchbolt/core/error.h>
#include <torchbolt/core/files.h>
#include <torchbolt/core/log.h>
#include <torchbolt/core/number.h>

#include <algorithm>
#include <exception>
#include <map>
#include <string_view>
#include <system_error>
#include <utility>

#include "loggers/yaml.h"

namespace bolt::detail {
namespace {

// What is kept in memory while the file can't be written.
constexpr std::size_t kMostWaiting = 10'000;

using Fields = std::vector<std::string>;

// The records of a file of our own. A quoted field may hold line ends.
std::vector<Fields> split_rows(std::string_view text) {
  std::vector<Fields> rows;
  bool quoted = false;
  bool open = false;  // a record has begun
  for (std::size_t k = 0; k < text.size(); ++k) {
    const char c = text[k];
    if (!open) rows.emplace_back(1);
    open = true;
    std::string& field = rows.back().back();
    if (quoted && c == '"' && k + 1 < text.size() && text[k + 1] == '"') {
      field += '"';
      ++k;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      rows.back().emplace_back();
    } else if (c == '\n' && !quoted) {
      open = false;
    } else {
      field += c;
    }
  }
  // A process that was killed may have left the beginning of one.
  if (open) rows.pop_back();
  return rows;
}

template <class Names>
std::string header_of(const Names& columns) {
  std::string header;
  bool first = true;
  for (const std::string& column : columns) {
    if (!std::exchange(first, false)) header += ',';
    header += csv_field(column);
  }
  return header + "\n";
}

// `value(column)` is its text.
template <class Value>
void add_row(std::string& out, const std::set<std::string>& columns,
             const Value& value) {
  bool first = true;
  for (const std::string& column : columns) {
    if (!std::exchange(first, false)) out += ',';
    out += value(column);
  }
  out += '\n';
}

}  // namespace

void CsvWriter::open(const std::filesystem::path& folder, bool used) {
  folder_ = folder;
  if (!used) return;
  log_warning("[CSVLogger] the folder " + folder.string() +
              " is not empty; its metrics.csv is replaced");
  std::error_code error;
  std::filesystem::remove(path(), error);
}

State CsvWriter::position() {
  State columns = State::list();
  for (const std::string& column : columns_) columns.push_back(column);
  return State::map({{"rows", rows_}, {"columns", std::move(columns)}});
}

bool CsvWriter::can_resume(const State& position,
                           const std::filesystem::path& folder) const {
  const State* rows = position.find("rows");
  if (rows == nullptr || rows->as_int() < 0) return false;
  std::error_code error;
  return std::filesystem::exists(
      rows->as_int() > 0 ? folder / "metrics.csv" : folder, error);
}

void CsvWriter::resume(const State& position,
                       const std::filesystem::path& folder) {
  folder_ = folder;
  file_.reset();
  rows_waiting_.clear();
  rows_ = position.at("rows").as_int();
  columns_.clear();
  for (const State& column : position.at("columns").items()) {
    columns_.insert(column.as_string());
  }
  rewinds_ = true;
}

// Not before there is something to write: until then the run may yet fail.
void CsvWriter::rewind() {
  const int64_t found = rewrite({}, rows_);
  rewinds_ = false;
  if (found == rows_) return;
  log_warning("[CSVLogger] " + path().string() + " has " +
              std::to_string(found) + " rows, and had " +
              std::to_string(rows_) + " when the checkpoint was written");
  rows_ = found;
}

void CsvWriter::write(const MetricRow& row) {
  if (rows_waiting_.size() >= kMostWaiting) {
    throw Error({.where = path().string(),
                 .what = "too much waits to be written; this is lost"});
  }
  rows_waiting_.push_back(
      {.names = names_.of(row), .values = row.values, .step = row.step});
  if (rows_waiting_.size() % static_cast<std::size_t>(flush_every_) != 0)
    return;
  try {
    end_batch();
  } catch (const std::exception&) {
    // The row waits, and the batch's own end says what is wrong.
  }
}

void CsvWriter::end_batch() {
  if (rows_waiting_.empty()) return;
  if (rewinds_) rewind();
  if (file_ != nullptr && !file_->is_there()) begin_anew();
  const std::size_t before = columns_.size();
  columns_.insert("step");
  const NameTexts::Texts* last = nullptr;
  for (const Row& row : rows_waiting_) {
    if (last != nullptr && *last == row.names) continue;
    columns_.insert(row.names->begin(), row.names->end());
    last = &row.names;
  }
  if (file_ == nullptr || columns_.size() > before) {
    rewrite(rows_waiting_);
  } else {
    std::string bytes;
    for (const Row& row : rows_waiting_) add_fields(bytes, row);
    file_->append(bytes);
  }
  rows_ += static_cast<int64_t>(rows_waiting_.size());
  rows_waiting_.clear();
}

// The rows so far (or the first of them) and some more under the header of now,
// in one piece. Returns how many there were.
int64_t CsvWriter::rewrite(const std::vector<Row>& more, int64_t most) {
  // Until it is written, the file has another header.
  file_.reset();
  std::string bytes = header_of(columns_);
  std::error_code error;
  std::vector<Fields> rows;
  if (std::filesystem::exists(path(), error)) {
    rows = split_rows(read_file(path()));
  }
  int64_t kept = 0;
  for (std::size_t n = 1; n < rows.size() && kept < most; ++n, ++kept) {
    std::map<std::string_view, std::string_view> row;
    for (std::size_t k = 0; k < std::min(rows[0].size(), rows[n].size()); ++k) {
      row[rows[0][k]] = rows[n][k];
    }
    add_row(bytes, columns_,
            [&](const std::string& column) { return row[column]; });
  }
  for (const Row& row : more) add_fields(bytes, row);
  write_atomic(path(), bytes);
  file_ = std::make_unique<RecordFile>(path(), bytes.size());
  return kept;
}

// Both the columns and the row's names are sorted.
void CsvWriter::add_fields(std::string& out, const Row& row) const {
  std::size_t next = 0;
  add_row(out, columns_, [&](const std::string& column) -> std::string {
    const bool is_next =
        next < row.names->size() && (*row.names)[next] == column;
    const std::size_t at = is_next ? next++ : next;
    if (column == "step") return std::to_string(row.step);
    return is_next ? shortest(row.values[at]) : "";
  });
}

// Somebody took the file away: what was in it is gone, what comes needn't be.
void CsvWriter::begin_anew() {
  log_message(LogLevel::kError, "[CSVLogger] " + path().string() +
                                    " has vanished, with the metrics so far; "
                                    "it is begun anew");
  file_.reset();
  rows_ = 0;
}

void CsvWriter::hyperparameters(const State& params) {
  write_atomic(folder_ / "hparams.yaml", to_yaml(params));
}

void CsvWriter::sync() {
  if (file_ != nullptr) file_->sync();
}

}  // namespace bolt::detail
