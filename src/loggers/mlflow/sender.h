#pragma once

#include <torchbolt/core/clock.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>

#include "loggers/http/http.h"
#include "loggers/mlflow/batch.h"
#include "loggers/mlflow/delivery.h"
#include "loggers/mlflow/journal.h"
#include "loggers/mlflow/progress.h"
#include "loggers/mlflow/records.h"
#include "loggers/mlflow/rejects.h"
#include "loggers/mlflow/rest.h"
#include "loggers/mlflow/retries.h"
#include "loggers/mlflow/run_finder.h"
#include "loggers/mlflow/uploads.h"

namespace bolt::detail {

/// What a sender has done so far.
struct MlflowSent {
  int64_t metrics = 0;
  int64_t params = 0;
  int64_t tags = 0;
  int64_t artifacts = 0;
  /// Entries that the server doesn't take; they stand in mlflow_rejected.jsonl.
  int64_t rejected = 0;
};

/// Brings what is in a run's journal to a server: makes the run, or finds it
/// again; sends metrics, params and tags in batches; uploads artifacts. What
/// fails for a reason that may pass is tried again later. Never waits for
/// anything but the server: who calls `turn` does. Used by one thread, but for
/// `place`, `problem` and `sent`.
class MlflowSender {
 public:
  /// `folder` holds the journal.
  MlflowSender(Journal& journal, std::filesystem::path folder, Http& http,
               Url server,
               std::chrono::milliseconds timeout = std::chrono::seconds(30),
               const Clock& clock = system_clock());

  enum class Next {
    kGoOn,    ///< There is more to do.
    kIdle,    ///< The server has all that is in the journal.
    kWait,    ///< It must be tried again later.
    kStopped  ///< It won't go well, however often it is tried.
  };
  struct Turn {
    Next next = Next::kIdle;
    std::chrono::milliseconds wait{0};
  };
  /// One request, or nearly.
  Turn turn();
  /// Somebody waits: what failed is tried at once, and then more often, unless
  /// the server itself said when.
  void hurry(bool on);

  /// Where the run is on the server, once that is known.
  struct Place {
    std::string run_id{};
    std::string url{};
  };
  Place place() const;
  /// Why it waits, or has stopped; empty when all is well.
  std::string problem() const;
  MlflowSent sent() const;

 private:
  bool begin();
  bool has_batches() const;
  void find_run();
  void send_batch();
  MlflowBatch take_batch(uint64_t& end);
  bool take_other(const JournalLine& line);
  bool update_run(const MlflowStatus& status);
  void upload();
  void advance(uint64_t offset);
  void save();
  void succeeded(MlflowRetries& lane);
  void failed(const MlflowReply& reply, MlflowRetries& lane);
  void stop(const std::string& why);
  void know_place();
  void note_sent(const MlflowDelivery::Outcome& outcome);
  void note_rejects();

  Journal& journal_;
  std::filesystem::path folder_;
  MlflowRest rest_;
  const Clock& clock_;

  bool begun_ = false;
  bool ready_ = false;
  bool stopped_ = false;
  MlflowRun run_{};
  MlflowProgress progress_{};
  MlflowRejects rejects_;
  MlflowRunFinder finder_;
  MlflowDelivery delivery_;
  MlflowUploads uploads_{};
  // Batches and uploads each go on when the other has to wait.
  MlflowRetries batches_{}, uploading_{};
  std::optional<Clock::TimePoint> last_complaint_{};
  bool complained_ = false;

  mutable std::mutex mutex_{};
  // What follows is the mutex's.
  Place place_{};
  std::string problem_{};
  MlflowSent sent_{};
};

}  // namespace bolt::detail
