#include <gtest/gtest.h>
#include <torch/torch.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/files.h>
#include <torchbolt/data/csv.h>
#include <zlib.h>

#include <cmath>

#include "support/errors.h"
#include "support/temp_dir.h"
#include "support/write_file.h"

namespace bolt {
namespace {

using testing::has;
using testing::message_of;
using Texts = std::vector<std::string>;

class Csv : public ::testing::Test {
 protected:
  Table read(const std::string& text, const CsvOptions& options = {}) {
    testing::write_file(path_, text);
    return read_csv(path_, options);
  }
  std::string error_of(const std::string& text,
                       const CsvOptions& options = {}) {
    return message_of<DataError>([&] { read(text, options); });
  }

  testing::TempDir dir_;
  std::filesystem::path path_ = dir_.path() / "t.csv";
};

TEST_F(Csv, GivesEachColumnItsType) {
  const Table t = read("id,x,town\n1,0.5,Ulm\n-2, +3 ,Bonn\n3,1e-3,Ulm\n");
  EXPECT_EQ(t.rows(), 3);
  EXPECT_EQ(t.names(), (Texts{"id", "x", "town"}));
  EXPECT_TRUE(
      torch::equal(t.column("id"), torch::tensor({1, -2, 3}).to(torch::kLong)));
  EXPECT_TRUE(torch::equal(t.column("x"),
                           torch::tensor({0.5, 3.0, 1e-3}, torch::kDouble)));
  EXPECT_EQ(t.texts("town"), (Texts{"Ulm", "Bonn", "Ulm"}));
  EXPECT_TRUE(t.is_text("town"));
  const auto x = t.tensor({"x", "id"});
  EXPECT_EQ(x.sizes(), (std::vector<int64_t>{3, 2}));
  EXPECT_EQ(x.scalar_type(), torch::kFloat);
  EXPECT_EQ(x[1][1].item<float>(), -2);
}

TEST_F(Csv, MakesADatasetAndCategories) {
  const Table t = read("a,b,kind\n1,2,z\n3,4,a\n5,6,z\n");
  const TensorDataset data = t.dataset({"a", "b"}, {"b"});
  EXPECT_EQ(data.size(), 3);
  EXPECT_EQ(data.target().sizes(), (std::vector<int64_t>{3, 1}));
  const Categories kinds = t.categories("kind");
  EXPECT_EQ(kinds.names, (Texts{"a", "z"}));
  EXPECT_TRUE(
      torch::equal(kinds.codes, torch::tensor({1, 0, 1}).to(torch::kLong)));
  const Table numbers = read("k\n10\n9\n10\n");
  EXPECT_EQ(numbers.categories("k").names, (Texts{"9", "10"}));
  EXPECT_EQ(numbers.codes("k", {"10", "9"})[1].item<int>(), 1);
  EXPECT_TRUE(has(message_of<DataError>([&] { t.codes("kind", {"z"}); }),
                  {"t.csv", "kind", "row 1", "\"a\""}));
}

TEST_F(Csv, FollowsTheRulesOfQuotes) {
  const Table t = read(
      "\xef\xbb\xbf\"a,b\",c\r\n\"one, \"\"two\"\"\",\"x\r\ny\"\r\n\r\n"
      "\"\"\"\",\"\"\r\nplain,'");
  EXPECT_EQ(t.names(), (Texts{"a,b", "c"}));
  EXPECT_EQ(t.texts("a,b"), (Texts{"one, \"two\"", "\"", "plain"}));
  EXPECT_EQ(t.texts("c"), (Texts{"x\r\ny", "", "'"}));
  EXPECT_EQ(
      read("a;b\n\"1\";2\n", {.delimiter = ';'}).column("a")[0].item<int64_t>(),
      1);
  EXPECT_EQ(read("a\nit's 5\" wide\n", {.quote = '\0'}).texts("a"),
            (Texts{"it's 5\" wide"}));
  // Many doubled quotes in one record.
  std::string header, cells;
  for (int k = 0; k < 30; ++k) {
    header += (k > 0 ? "," : "") + std::to_string(k);
    cells += (k > 0 ? ",\"\"\"" : "\"\"\"") + std::to_string(k) + "\"";
  }
  const Table wide = read(header + "\n" + cells + "\n");
  for (int k = 0; k < 30; ++k) {
    EXPECT_EQ(wide.texts(std::to_string(k))[0], "\"" + std::to_string(k));
  }
}

TEST_F(Csv, ColumnsThatTurnOutToBeTextKeepTheirFirstCells) {
  const Table t = read("a,b,c\n007,,1\n8,NA,2\nx,y,2.5\n");
  EXPECT_EQ(t.texts("a"), (Texts{"007", "8", "x"}));
  EXPECT_EQ(t.texts("b"), (Texts{"", "NA", "y"}));
  EXPECT_EQ(t.column("c")[2].item<double>(), 2.5);
  EXPECT_TRUE(has(message_of<DataError>([&] { t.tensor({"a"}); }),
                  {"t.csv", "column \"a\"", "\"x\" in line 4", "categories"}));
  // And so without a header.
  const Table plain = read("1,2\nx,3\n", {.header = false});
  EXPECT_EQ(plain.texts("0"), (Texts{"1", "x"}));
  EXPECT_EQ(plain.column("1").numel(), 2);
}

TEST_F(Csv, TakesTheColumnsAskedForInTheirOrder) {
  const Table t = read("a,b,c\n1,2,oops\n3,4,5\n", {.columns = {"b", "a"}});
  EXPECT_EQ(t.names(), (Texts{"b", "a"}));
  EXPECT_EQ(t.column("b")[1].item<int64_t>(), 4);
  EXPECT_TRUE(has(error_of("price,b\n1,2\n", {.columns = {"prise"}}),
                  {"\"prise\"", "one of \"price\", \"b\"", "try: \"price\""}));
  EXPECT_THROW(read("a\n1\n", {.columns = {"a", "a"}}), ConfigError);
}

TEST_F(Csv, MissingNumbersAreAnErrorOrNaN) {
  const std::string text = "a,b\n1,2\n,3\n4,NA\n";
  EXPECT_TRUE(has(error_of(text), {"t.csv", "line 3", "column \"a\"", "\"\"",
                                   "CsvMissing::kNaN"}));
  const Table t = read(text, {.missing = CsvMissing::kNaN});
  EXPECT_EQ(t.column("a").scalar_type(), torch::kDouble);
  EXPECT_EQ(t.column("a")[0].item<double>(), 1);
  EXPECT_TRUE(std::isnan(t.column("a")[1].item<double>()));
  EXPECT_TRUE(std::isnan(t.column("b")[2].item<double>()));
  const Table other = read(
      "a\n1\n-999\n", {.missing = CsvMissing::kNaN, .missing_texts = {"-999"}});
  EXPECT_TRUE(std::isnan(other.column("a")[1].item<double>()));
}

TEST_F(Csv, TypesCanBeGiven) {
  const Table t =
      read("zip,n\n007,1\n",
           {.types = {{"zip", CsvType::kText}, {"n", CsvType::kDouble}}});
  EXPECT_EQ(t.texts("zip"), (Texts{"007"}));
  EXPECT_EQ(t.column("n").scalar_type(), torch::kDouble);
  EXPECT_TRUE(has(error_of("n\n1\n2.5\n", {.types = {{"n", CsvType::kInt64}}}),
                  {"line 3", "\"2.5\"", "whole number"}));
  EXPECT_TRUE(has(error_of("n\n1\ntwo\n", {.types = {{"n", CsvType::kDouble}}}),
                  {"line 3", "\"two\"", "a number"}));
  EXPECT_TRUE(
      has(error_of("n\n1\n", {.types = {{"m", CsvType::kText}}}), {"\"m\""}));
}

TEST_F(Csv, KnowsTheEndsOfNumbers) {
  const Table t = read(
      "i,d,big,over\n9223372036854775807,1e308,9223372036854775808,1e999\n"
      "-9223372036854775808,inf,1,1\n");
  EXPECT_EQ(t.column("i")[0].item<int64_t>(), INT64_MAX);
  EXPECT_EQ(t.column("i")[1].item<int64_t>(), INT64_MIN);
  EXPECT_TRUE(std::isinf(t.column("d")[1].item<double>()));
  EXPECT_EQ(t.column("big").scalar_type(), torch::kDouble);
  EXPECT_TRUE(t.is_text("over"));
}

TEST_F(Csv, NamesLineAndText) {
  EXPECT_TRUE(has(error_of("a,b\n1,2\n\"x\ny\",2\n3\n"),
                  {"t.csv", "line 5", "number of cells", "got 1, expected 2"}));
  EXPECT_TRUE(has(error_of("a\n\"open\n"), {"line 2", "doesn't end", "open"}));
  EXPECT_TRUE(has(error_of("a\n\"x\"y\n"), {"line 2", "closing quote", "y"}));
  EXPECT_TRUE(has(error_of("a\nx\"y\n"), {"line 2", "quote", "'\\0'"}));
  EXPECT_TRUE(has(error_of("a,a\n1,2\n"), {"line 1", "same name", "\"a\""}));
  EXPECT_TRUE(has(error_of(""), {"no line", "names of the columns"}));
  EXPECT_THROW(read("a\n", {.delimiter = '"'}), ConfigError);
  EXPECT_THROW(read("a\n", {.delimiter = '\n'}), ConfigError);
}

TEST_F(Csv, AHeaderAloneIsATableWithoutRows) {
  const Table t = read("a,b");
  EXPECT_EQ(t.rows(), 0);
  EXPECT_EQ(t.tensor({"a", "b"}).sizes(), (std::vector<int64_t>{0, 2}));
}

TEST_F(Csv, ReadsGzipAndRefusesOneCutShort) {
  std::string text = "a,b\n";
  for (int k = 0; k < 300'000; ++k) text += std::to_string(k) + ",x\n";
  gzFile file = ::gzopen(path_.c_str(), "wb");
  ::gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
  ::gzclose(file);
  EXPECT_EQ(read_csv(path_).column("a").sum().item<int64_t>(), 44'999'850'000);
  const std::string packed = read_file(path_);
  for (const std::size_t cut : {packed.size() - 1, packed.size() - 9,
                                packed.size() / 2, std::size_t{20}}) {
    EXPECT_TRUE(has(error_of(packed.substr(0, cut)), {"t.csv", "too early"}))
        << cut;
  }
}

TEST_F(Csv, EveryTruncationIsReadOrRefused) {
  const std::string good =
      "\xef\xbb\xbf\"a\",b\r\n1,\"x\"\"\r\n\"\r\n-2.5e3,y\r\n";
  for (std::size_t n = 0; n <= good.size(); ++n) {
    testing::write_file(path_, good.substr(0, n));
    try {
      EXPECT_LE(read_csv(path_).rows(), 2);
    } catch (const DataError& error) {
      EXPECT_TRUE(has(error.what(), {"t.csv", "got"})) << n;
    }
  }
}

TEST(Table, NamesWhatIsWrong) {
  const Table t({{.name = "x", .values = torch::arange(2)},
                 {.name = "s", .values = Texts{"a", "b"}},
                 {.name = "d", .values = torch::tensor({0.5, 1.5})}});
  EXPECT_TRUE(has(message_of<DataError>([&] { t.column("y"); }),
                  {"no such column", "\"y\"", "\"x\", \"s\", \"d\""}));
  EXPECT_TRUE(has(message_of<DataError>([&] { t.texts("x"); }), {"numbers"}));
  EXPECT_TRUE(
      has(message_of<DataError>([&] { t.categories("d"); }), {"fractions"}));
  EXPECT_THROW(Table({{.name = "x", .values = torch::arange(2)},
                      {.name = "y", .values = torch::arange(3)}}),
               DataError);
  EXPECT_THROW(Table({{.name = "x", .values = torch::arange(2)},
                      {.name = "x", .values = torch::arange(2)}}),
               DataError);
}

}  // namespace
}  // namespace bolt
