#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "loggers/file_run.h"
#include "loggers/record_file.h"

namespace bolt::detail {

/// Writes metrics.jsonl, and the files that it names, on the queue's thread.
class JsonlWriter final : public RunWriter {
 public:
  explicit JsonlWriter(std::string prefix);

  void open(const std::filesystem::path& folder, bool used) override;
  State position() override;
  bool can_resume(const State& position,
                  const std::filesystem::path& folder) const override;
  void resume(const State& position,
              const std::filesystem::path& folder) override;
  void hyperparameters(const State& params) override;
  void sync() override;
  std::size_t unwritten() const override;

  void write(const MetricRow& row) override;
  void end_batch() override;

  /// A line: time, step, and `rest`, which are members of the object.
  void add_line(double wall_time, std::optional<int64_t> step,
                std::string_view rest);
  /// Writes a file, and the line that names it.
  void add_file(double wall_time, int64_t step, std::string_view kind,
                std::string_view name, std::string_view bytes,
                const std::string& format);

 private:
  RecordFile& file();
  std::filesystem::path path() const { return folder_ / "metrics.jsonl"; }

  NameTexts keys_;
  std::filesystem::path folder_{};
  std::unique_ptr<RecordFile> file_{};
  // Where the next line goes, while the file isn't open.
  uint64_t size_ = 0;
};

}  // namespace bolt::detail
