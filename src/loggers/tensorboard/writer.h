#pragma once

#include <torchbolt/loggers/tensorboard_logger.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "loggers/file_run.h"
#include "loggers/record_file.h"
#include "loggers/tensorboard/events.h"
#include "loggers/utf8_text.h"

namespace bolt::detail {

/// Writes the event files of a run, on the queue's thread. Each process that
/// writes to the run, and each time that it goes on from a checkpoint, has a
/// file of its own: readers of a file needn't see that it is cut.
class EventWriter final : public RunWriter {
 public:
  explicit EventWriter(const TensorBoardLoggerOptions& options)
      : default_hp_metric_(options.default_hp_metric),
        tags_(options.prefix, as_utf8) {}

  void open(const std::filesystem::path& folder, bool used) override;
  State position() override;
  bool can_resume(const State& position,
                  const std::filesystem::path& folder) const override;
  void resume(const State& position,
              const std::filesystem::path& folder) override;
  void hyperparameters(const State& params) override;
  void sync() override;
  void finish(LoggerStatus status) override;
  std::size_t unwritten() const override;

  void write(const MetricRow& row) override;
  void end_batch() override;

  /// `fill(summary)` adds the values.
  template <class Fill>
  void add(EventTime time, const Fill& fill) {
    RecordFile& file = this->file(time.wall_time);
    std::string summary;
    fill(summary);
    add_event(file, time, summary_event(time, summary));
  }
  /// In the first call of a run; later ones add nothing.
  void add_graph(EventTime time, const std::vector<GraphNode>& nodes);
  /// The page of a tag, when this file doesn't know it yet.
  const EventPlugin* describe(const std::string& tag,
                              const EventPlugin& plugin) {
    return described_.insert(tag).second ? &plugin : nullptr;
  }
  /// Hyper-parameters and the metrics that they are compared by, in the first
  /// call of a run; later ones add nothing.
  void add_hparams(const State& params, const MetricMap& metrics,
                   double wall_time);

  const std::filesystem::path& folder() const { return folder_; }

 private:
  RecordFile& file(double wall_time);
  void add_event(RecordFile& file, EventTime time, std::string_view event);
  void rewind();

  const bool default_hp_metric_;
  NameTexts tags_;
  std::filesystem::path folder_{};
  std::unique_ptr<RecordFile> file_{};
  // The last file of another run that was there before; empty: none.
  std::string behind_{};
  // What pages the tags of this file are on was said.
  std::set<std::string, std::less<>> described_{};
  // The greatest step of the run so far; what comes next is behind it.
  int64_t last_step_ = -1;
  bool has_graph_ = false;
  bool has_hparams_ = false;
  bool has_end_ = false;

  // To be done when something comes: taking out what is behind `position`.
  std::optional<State> rewind_to_{};
  // Where the session begins that goes on with a run.
  std::optional<int64_t> start_step_{};
};

}  // namespace bolt::detail
