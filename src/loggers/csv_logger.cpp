#include <torchbolt/core/error.h>
#include <torchbolt/core/files.h>
#include <torchbolt/core/log.h>
#include <torchbolt/core/number.h>
#include <torchbolt/loggers/csv_logger.h>

#include <algorithm>
#include <charconv>
#include <system_error>
#include <utility>

#include "loggers/yaml.h"

namespace bolt {
namespace {

constexpr std::string_view kVersion = "version_";

using Row = std::vector<std::string>;

// The records of a file of our own. A quoted field may hold line ends.
std::vector<Row> split_rows(std::string_view text) {
  std::vector<Row> rows;
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

template <class Values>
std::string row_of(const std::set<std::string>& columns, const Values& values) {
  std::string row;
  bool first = true;
  for (const std::string& column : columns) {
    if (!std::exchange(first, false)) row += ',';
    if (const auto found = values.find(column); found != values.end()) {
      row += found->second;
    }
  }
  return row + "\n";
}

}  // namespace

CSVLogger::CSVLogger(CSVLoggerOptions options) : options_(std::move(options)) {
  if (options_.flush_logs_every_n_steps < 1) {
    throw ConfigError({.where = "CSVLogger",
                       .what = "flush_logs_every_n_steps is too small",
                       .got = std::to_string(options_.flush_logs_every_n_steps),
                       .expected = "at least 1"});
  }
}

CSVLogger::~CSVLogger() = default;

void CSVLogger::set_default_root(const std::filesystem::path& root) {
  root_ = root;
}

std::optional<std::filesystem::path> CSVLogger::save_dir() const {
  return expand_user(options_.save_dir.value_or(root_));
}

std::filesystem::path CSVLogger::experiment_dir() const {
  return options_.name.empty() ? *save_dir() : *save_dir() / options_.name;
}

std::string CSVLogger::version() const {
  if (!version_) {
    if (!options_.version) {
      version_ = std::string(kVersion) + std::to_string(next_version());
    } else if (const auto* n = std::get_if<int64_t>(&*options_.version)) {
      version_ = std::string(kVersion) + std::to_string(*n);
    } else {
      version_ = std::get<std::string>(*options_.version);
    }
  }
  return *version_;
}

int64_t CSVLogger::next_version() const {
  int64_t next = 0;
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator(experiment_dir(), error)) {
    const std::string folder = entry.path().filename().string();
    if (!entry.is_directory(error) || !folder.starts_with(kVersion)) continue;
    int64_t n = 0;
    const char* end = folder.data() + folder.size();
    const auto read = std::from_chars(folder.data() + kVersion.size(), end, n);
    if (read.ec == std::errc() && read.ptr == end) next = std::max(next, n + 1);
  }
  return next;
}

// Making the folder is what takes the number: of two that ask at a time, one
// finds it taken.
void CSVLogger::claim_version() {
  make_directories(experiment_dir());
  std::error_code error;
  while (!std::filesystem::create_directory(*log_dir(), error)) {
    if (error) return;  // start() says what is wrong with the folder
    version_.reset();
  }
}

std::optional<std::filesystem::path> CSVLogger::log_dir() const {
  return experiment_dir() / version();
}

std::filesystem::path CSVLogger::metrics_path() const {
  return *log_dir() / "metrics.csv";
}

void CSVLogger::start() {
  if (std::exchange(started_, true)) return;
  if (!options_.version) claim_version();
  const std::filesystem::path folder = *log_dir();
  std::error_code error;
  if (std::filesystem::exists(folder, error) &&
      !std::filesystem::is_empty(folder, error)) {
    log_warning("[CSVLogger] the folder " + folder.string() +
                " is not empty; its metrics.csv is replaced");
    std::filesystem::remove(metrics_path(), error);
  }
  make_directories(folder);
}

State CSVLogger::state() const {
  State columns = State::list();
  for (const std::string& column : columns_) columns.push_back(column);
  return State::map({{"save_dir", save_dir()->string()},
                     {"name", options_.name},
                     {"version", version()},
                     {"rows", rows_},
                     {"columns", std::move(columns)}});
}

bool CSVLogger::resume(const State& state) {
  const std::string& saved = state.at("version").as_string();
  const bool same = state.at("save_dir").as_string() == save_dir()->string() &&
                    state.at("name").as_string() == options_.name &&
                    (!options_.version || version() == saved);
  if (!same) return false;
  const std::string before = std::exchange(version_, saved).value_or(saved);
  const int64_t rows = state.at("rows").as_int();
  std::error_code error;
  if (rows < 0 ||
      !std::filesystem::exists(rows > 0 ? metrics_path() : *log_dir(), error)) {
    version_ = before;
    return false;
  }
  started_ = true;
  rows_ = rows;
  columns_.clear();
  for (const State& column : state.at("columns").items()) {
    columns_.insert(column.as_string());
  }
  rewinds_ = true;
  return true;
}

// Not before there is something to write: until then the run may yet fail.
void CSVLogger::rewind() {
  rewinds_ = false;
  unflushed_ = 0;
  const int64_t found = rewrite(rows_);
  if (found == rows_) return;
  log_warning("[CSVLogger] " + metrics_path().string() + " has " +
              std::to_string(found) + " rows, and had " +
              std::to_string(rows_) + " when the checkpoint was written");
  rows_ = found;
}

void CSVLogger::log_metrics(const MetricMap& metrics, int64_t step) {
  start();
  if (rewinds_) rewind();
  std::map<std::string, std::string> row;
  for (const auto& [name, value] : metrics) {
    row[options_.prefix.empty() ? name : options_.prefix + "-" + name] =
        shortest(value);
  }
  row["step"] = std::to_string(step);
  const std::size_t before = columns_.size();
  for (const auto& [name, value] : row) columns_.insert(name);
  if (columns_.size() > before) rewrite();
  file_ << row_of(columns_, row);
  ++rows_;
  if (++unflushed_ >= options_.flush_logs_every_n_steps) save();
}

// The rows so far (or the first of them) under the header of now, in one piece.
int64_t CSVLogger::rewrite(int64_t most) {
  file_.close();
  std::string bytes = header_of(columns_);
  std::error_code error;
  std::vector<Row> rows;
  if (std::filesystem::exists(metrics_path(), error)) {
    rows = split_rows(read_file(metrics_path()));
  }
  int64_t kept = 0;
  for (std::size_t n = 1; n < rows.size() && kept < most; ++n, ++kept) {
    std::map<std::string, std::string> row;
    for (std::size_t k = 0; k < std::min(rows[0].size(), rows[n].size()); ++k) {
      row[rows[0][k]] = rows[n][k];
    }
    bytes += row_of(columns_, row);
  }
  write_atomic(metrics_path(), bytes);
  open_for_append();
  return kept;
}

void CSVLogger::open_for_append() {
  file_.clear();
  file_.open(metrics_path(), std::ios::app);
  check_written();
}

void CSVLogger::check_written() {
  if (file_.good()) return;
  throw Error({.where = metrics_path().string(),
               .what = "the metrics can't be written",
               .tip = "is the disk full, or the folder gone?"});
}

void CSVLogger::log_hyperparams(const State& params) {
  start();
  write_atomic(*log_dir() / "hparams.yaml", detail::to_yaml(params));
}

void CSVLogger::save() {
  unflushed_ = 0;
  if (!file_.is_open()) return;
  file_.flush();
  check_written();
  std::error_code error;
  if (std::filesystem::exists(metrics_path(), error)) return;
  // Somebody took the file away: what was in it is gone, what comes needn't be.
  log_message(LogLevel::kError, "[CSVLogger] " + metrics_path().string() +
                                    " has vanished, with the metrics so far; "
                                    "it is begun anew");
  rows_ = rewrite();
}

void CSVLogger::finalize(LoggerStatus) { save(); }

}  // namespace bolt
