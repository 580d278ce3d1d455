#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "loggers/file_run.h"
#include "loggers/record_file.h"

namespace bolt::detail {

/// Writes metrics.csv, on the queue's thread.
class CsvWriter final : public RunWriter {
 public:
  CsvWriter(std::string prefix, int64_t flush_every)
      : names_(std::move(prefix)), flush_every_(flush_every) {}

  void open(const std::filesystem::path& folder, bool used) override;
  State position() override;
  bool can_resume(const State& position,
                  const std::filesystem::path& folder) const override;
  void resume(const State& position,
              const std::filesystem::path& folder) override;
  void hyperparameters(const State& params) override;
  void sync() override;
  std::size_t unwritten() const override { return rows_waiting_.size(); }

  void write(const MetricRow& row) override;
  void end_batch() override;

 private:
  // One that isn't in the file yet.
  struct Row {
    NameTexts::Texts names{};
    std::vector<double> values{};
    int64_t step = 0;
  };

  std::filesystem::path path() const { return folder_ / "metrics.csv"; }
  void add_fields(std::string& out, const Row& row) const;
  void rewind();
  int64_t rewrite(const std::vector<Row>& more,
                  int64_t most = std::numeric_limits<int64_t>::max());
  void begin_anew();

  NameTexts names_;
  const int64_t flush_every_;
  std::filesystem::path folder_{};
  std::set<std::string> columns_{};
  std::unique_ptr<RecordFile> file_{};
  // Of the file.
  int64_t rows_ = 0;
  std::vector<Row> rows_waiting_{};
  // The file may hold more rows than the run that is gone on with had.
  bool rewinds_ = false;
};

}  // namespace bolt::detail
