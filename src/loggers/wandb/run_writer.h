#pragma once

#include <ATen/core/Tensor.h>
#include <torchbolt/data/table.h>
#include <torchbolt/trainer/figure.h>
#include <torchbolt/trainer/histogram.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "loggers/log_queue.h"
#include "loggers/wandb/open_file.h"
#include "loggers/wandb/run_dir.h"
#include "loggers/wandb/run_log.h"

namespace bolt::detail::wandb {

/// A checkpoint on its way to be an artifact.
struct Model {
  OpenFile file;
  /// The artifact's.
  std::string name{};
  State metadata{};
  std::vector<std::string> aliases{};
};

/// The part of WandbLogger that runs on its thread: it puts files into the
/// run's folder, and all into its log.
class RunWriter final : public LogWriter {
 public:
  /// `open` opens the log, when there is something to write.
  RunWriter(RunDir dir, RunInfo run, int64_t next_step,
            std::function<std::unique_ptr<RunLog>()> open, std::string prefix);

  void write(const MetricRow& row) override;
  void end_batch() override;

  void histogram(std::string_view name, const Histogram& histogram,
                 int64_t step, double time);
  /// One picture, or several: [n, channels, height, width].
  void images(std::string_view name, const at::Tensor& images, int64_t step,
              double time);
  void figure(std::string_view name, const Figure& figure, int64_t step,
              double time);
  void text(std::string_view name, std::string_view text, int64_t step,
            double time);
  void table(std::string_view name, const Table& table, int64_t step,
             double time);
  void config(const State& params);
  void output(std::string_view text, bool error, double time);
  void model(const Model& model);
  /// Opens the log now. Throws Error when it can't be written.
  void open() { log(); }
  /// Brings what is written to the disk.
  void sync();
  /// The end of the run, where anything was written; nothing may follow.
  void exit(int32_t code);
  /// How many records wait because they couldn't be written.
  std::size_t unwritten() const {
    return log_ == nullptr ? 0 : log_->unwritten();
  }

  const RunDir& dir() const { return dir_; }
  const RunInfo& run() const { return run_; }
  /// The next row's; any thread may ask.
  int64_t next_step() const { return next_step_; }

 private:
  RunLog& log();
  void begin_anew();
  std::string key_of(std::string_view name) const;
  void row(Items values, int64_t step, double time);
  std::string put_media(const std::string& key, std::string_view kind,
                        std::string_view end, const std::string& bytes,
                        std::string& sha256);
  void put_table(const std::string& key, const std::string& columns,
                 const std::string& types, const std::string& rows,
                 std::pair<int64_t, int64_t> size, int64_t step, double time);

  RunDir dir_;
  RunInfo run_;
  std::function<std::unique_ptr<RunLog>()> open_;
  std::unique_ptr<RunLog> log_{};
  std::string prefix_;
  std::atomic<int64_t> next_step_;
};

}  // namespace bolt::detail::wandb
