#include <torchbolt/core/error.h>
#include <torchbolt/data/csv.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "core/byte_source.h"
#include "data/csv_column.h"
#include "data/csv_scanner.h"

namespace bolt {
namespace {

using detail::CsvColumn;
using detail::CsvScanner;

void check(const CsvOptions& options) {
  const auto breaks = [](char c) { return c == '\n' || c == '\r'; };
  const char d = options.delimiter;
  const bool good =
      d != '\0' && !breaks(d) && !breaks(options.quote) && d != options.quote;
  if (good) return;
  throw ConfigError({.where = "read_csv",
                     .what = "delimiter and quote can't be these",
                     .got = detail::quoted_text(std::string{d}) + " and " +
                            detail::quoted_text(std::string{options.quote}),
                     .expected = "two different ones that end no line"});
}

std::string read_text(detail::ByteSource& source) {
  constexpr uint64_t kFirst = 1 << 20;
  std::string text;
  while (true) {
    // What is only announced is taken as it comes.
    const uint64_t more = source.certain()
                              ? std::max<uint64_t>(source.at_most(), 1)
                              : std::max<uint64_t>(kFirst, text.size());
    const std::size_t have = text.size();
    text.resize(have + static_cast<std::size_t>(more));
    const std::size_t n =
        source.read_some(text.data() + have, text.size() - have);
    text.resize(have + n);
    const bool all = source.certain() && source.at_most() == 0;
    if (n < more || all) return text;
  }
}

std::vector<std::string> read_names(CsvScanner& scanner,
                                    const detail::InputFile& file,
                                    const CsvOptions& options) {
  if (!scanner.next()) {
    file.refuse("it holds no line", std::to_string(file.size()) + " bytes",
                options.header ? "the names of the columns" : "a line of data");
  }
  std::vector<std::string> names;
  for (const std::string_view cell : scanner.cells()) {
    names.push_back(options.header ? std::string(cell)
                                   : std::to_string(names.size()));
  }
  return names;
}

// Where each name stands among the file's columns.
class Places {
 public:
  Places(const std::vector<std::string>& names, const CsvScanner& scanner)
      : names_(names), scanner_(scanner) {
    for (const std::string& name : names_) {
      if (!places_.emplace(name, places_.size()).second) {
        scanner_.refuse(scanner_.line(), "two columns have the same name",
                        detail::quoted_text(name));
      }
    }
  }
  std::size_t of(const std::string& name) const {
    const auto found = places_.find(name);
    if (found != places_.end()) return found->second;
    std::string all;
    for (const std::string& known : names_) {
      all += (all.empty() ? "" : ", ") + detail::quoted_text(known);
      if (all.size() > 200) break;
    }
    const std::string meant = did_you_mean(name, names_);
    scanner_.refuse(scanner_.line(), "there is no such column",
                    detail::quoted_text(name), "one of " + all,
                    meant.empty() ? "" : detail::quoted_text(meant));
  }

 private:
  const std::vector<std::string>& names_;
  const CsvScanner& scanner_;
  std::unordered_map<std::string_view, std::size_t> places_{};
};

// The columns to be read, and for each of the file's which of them it is.
struct Plan {
  static constexpr std::size_t kSkip = static_cast<std::size_t>(-1);
  std::vector<CsvColumn> columns{};
  std::vector<std::size_t> column_of{};
};

Plan make_plan(const std::vector<std::string>& names, const CsvOptions& options,
               const detail::MissingTexts& missing, const CsvScanner& scanner) {
  const Places places(names, scanner);
  for (const auto& [name, type] : options.types) places.of(name);
  Plan plan{.column_of = std::vector<std::size_t>(names.size(), Plan::kSkip)};
  for (const std::string& name :
       options.columns.empty() ? names : options.columns) {
    std::size_t& column = plan.column_of[places.of(name)];
    if (column != Plan::kSkip) {
      throw ConfigError({.where = "read_csv",
                         .what = "columns names one twice",
                         .got = detail::quoted_text(name)});
    }
    column = plan.columns.size();
    const auto type = options.types.find(name);
    plan.columns.emplace_back(
        name, type == options.types.end() ? CsvType::kAuto : type->second,
        options.missing, missing);
  }
  return plan;
}

void read_records(Plan& plan, CsvScanner& scanner, bool here) {
  const std::size_t width = plan.column_of.size();
  while (here || scanner.next()) {
    here = false;
    const auto& cells = scanner.cells();
    if (cells.size() != width) {
      scanner.refuse(scanner.line(), "it has another number of cells",
                     std::to_string(cells.size()), std::to_string(width));
    }
    for (std::size_t k = 0; k < width; ++k) {
      if (plan.column_of[k] == Plan::kSkip) continue;
      plan.columns[plan.column_of[k]].add(cells[k], scanner);
    }
  }
}

// The texts of the columns that didn't begin as such.
void read_texts(Plan& plan, CsvScanner& scanner, bool here,
                const std::vector<bool>& wanted) {
  while (here || scanner.next()) {
    here = false;
    for (std::size_t k = 0; k < plan.column_of.size(); ++k) {
      const std::size_t column = plan.column_of[k];
      if (column == Plan::kSkip || !wanted[column]) continue;
      plan.columns[column].add_text(scanner.cells()[k]);
    }
  }
}

}  // namespace

Table read_csv(const std::filesystem::path& path, const CsvOptions& options) {
  check(options);
  const detail::InputFile file("read_csv", path);
  detail::GzipSource source(file);
  std::string text = read_text(source);
  if (options.skip_torn_line) text.resize(text.rfind('\n') + 1);
  const auto scan = [&] {
    return CsvScanner(file.where(), text, options.delimiter, options.quote);
  };
  CsvScanner scanner = scan();
  const detail::MissingTexts missing(options.missing_texts);
  Plan plan =
      make_plan(read_names(scanner, file, options), options, missing, scanner);
  read_records(plan, scanner, /*here=*/!options.header);
  std::vector<bool> wanted;
  bool again = false;
  for (CsvColumn& column : plan.columns) {
    wanted.push_back(column.finish(scanner));
    again = again || wanted.back();
  }
  if (again) {
    CsvScanner second = scan();
    second.next();
    read_texts(plan, second, /*here=*/!options.header, wanted);
  }
  std::vector<Table::Column> columns;
  for (CsvColumn& column : plan.columns) columns.push_back(column.take());
  return Table(std::move(columns), file.where());
}

}  // namespace bolt
