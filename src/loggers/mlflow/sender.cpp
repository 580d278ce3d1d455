#include "loggers/mlflow/sender.h"

#include <torchbolt/core/error.h>
#include <torchbolt/core/log.h>

#include <algorithm>
#include <string_view>
#include <system_error>
#include <utility>

#include "loggers/jsonl/json_text.h"

namespace bolt::detail {
namespace {

using std::chrono::milliseconds;

constexpr std::chrono::minutes kSayAgain{1};

bool is_end(const MlflowStatus& status) { return status.status != "RUNNING"; }

MlflowKind kind_of(const JournalLine& line) {
  return line.op == "metrics"  ? MlflowKind::kMetric
         : line.op == "params" ? MlflowKind::kParam
                               : MlflowKind::kTag;
}

}  // namespace

MlflowSender::MlflowSender(Journal& journal, std::filesystem::path folder,
                           Http& http, Url server, milliseconds timeout,
                           const Clock& clock)
    : journal_(journal),
      folder_(std::move(folder)),
      rest_(http, std::move(server), timeout),
      clock_(clock),
      rejects_(folder_),
      finder_(rest_),
      delivery_(rest_, rejects_) {}

MlflowSender::Place MlflowSender::place() const {
  const std::scoped_lock lock(mutex_);
  return place_;
}

std::string MlflowSender::problem() const {
  const std::scoped_lock lock(mutex_);
  return problem_;
}

MlflowSent MlflowSender::sent() const {
  const std::scoped_lock lock(mutex_);
  return sent_;
}

// -- what there is to do -----------------------------------------------------

// The first line says which run it is.
bool MlflowSender::begin() {
  if (begun_) return true;
  const std::string bytes = journal_.read(0, 2 * kMostJournalLine);
  std::string_view rest = bytes;
  const auto line = take_line(rest);
  if (!line) return false;
  auto run = read_run(*line);
  begun_ = true;
  if (!run) {
    stop("the journal " + journal_.path().string() +
         " doesn't begin with a run, or comes from a newer version");
    return true;
  }
  run_ = std::move(*run);
  progress_ = read_progress(folder_, rest_.server().text());
  progress_.sent = std::min(progress_.sent, journal_.size());
  uploads_.collect(journal_, folder_, progress_.artifacts, progress_.sent);
  know_place();
  return true;
}

MlflowSender::Turn MlflowSender::turn() {
  if (!begin()) return {Next::kIdle};
  if (stopped_) return {Next::kStopped};
  const auto now = clock_.now();
  const bool left = progress_.sent < journal_.size();
  if (!left && uploads_.empty()) return {Next::kIdle};
  const bool may_send = now >= batches_.at();
  if (!ready_) {
    if (may_send) find_run();
  } else if (has_batches() && may_send) {
    send_batch();
  } else if (!uploads_.empty() && now >= uploading_.at()) {
    upload();
  }
  if (stopped_) return {Next::kStopped};
  auto at = Clock::TimePoint::max();
  if (!ready_ || progress_.sent < journal_.size()) at = batches_.at();
  if (ready_ && !uploads_.empty()) at = std::min(at, uploading_.at());
  if (at <= now || at == Clock::TimePoint::max()) return {Next::kGoOn};
  return {Next::kWait, std::chrono::ceil<milliseconds>(at - now)};
}

void MlflowSender::hurry(bool on) {
  batches_.hurry(on);
  uploading_.hurry(on);
}

// The end of the run comes behind its uploads, unless those have to wait.
bool MlflowSender::has_batches() const {
  if (progress_.sent >= journal_.size()) return false;
  if (uploads_.empty() || clock_.now() < uploading_.at()) return true;
  const std::string bytes = journal_.read(progress_.sent, 2 * kMostJournalLine);
  std::string_view rest = bytes;
  const auto line = take_line(rest);
  const auto status = line ? read_status(*line) : std::nullopt;
  return !status || !is_end(*status);
}

// -- the run -----------------------------------------------------------------

void MlflowSender::know_place() {
  if (progress_.run_id.empty()) return;
  const std::scoped_lock lock(mutex_);
  place_ = {.run_id = progress_.run_id,
            .url = rest_.server().text() + "/#/experiments/" +
                   progress_.experiment_id + "/runs/" + progress_.run_id};
}

void MlflowSender::find_run() {
  const MlflowRunFinder::Outcome outcome = finder_.go_on(run_, progress_);
  if (!outcome.stop.empty()) {
    stop(outcome.stop);
  } else if (!outcome.reply.ok()) {
    failed(outcome.reply, batches_);
  } else if (outcome.found) {
    succeeded(batches_);
    save();
    know_place();
    ready_ = true;
  }
}

// -- batches -----------------------------------------------------------------

void MlflowSender::send_batch() {
  uint64_t end = 0;
  const MlflowBatch batch = take_batch(end);
  if (batch.empty()) return;
  progress_.offered = std::max(progress_.offered, end);
  save();
  const auto outcome = delivery_.deliver(progress_.run_id, batch);
  note_sent(outcome);
  if (outcome.run_is_deleted) {
    stop(mlflow_run_deleted(progress_.run_id));
  } else if (!outcome.reply.ok()) {
    failed(outcome.reply, batches_);
  } else {
    succeeded(batches_);
    advance(end);
  }
}

// As many lines as go into one request, and where they end; other lines, while
// it is empty, are dealt with on the way.
MlflowBatch MlflowSender::take_batch(uint64_t& end) {
  MlflowBatch batch;
  const std::string bytes = journal_.read(progress_.sent, 2 * kMostJournalLine);
  std::string_view rest = bytes;
  end = progress_.sent;
  while (true) {
    const auto line = take_line(rest);
    if (!line) {
      if (rest.size() == bytes.size()) {
        stop("the journal " + journal_.path().string() +
             " is damaged at byte " + std::to_string(progress_.sent));
      }
      break;
    }
    if (const auto entries = read_entries(*line)) {
      if (!batch.has_room(kind_of(*line), *entries, delivery_.most_bytes())) {
        break;
      }
      batch.add(kind_of(*line), *entries);
      end += line->json.size() + 1;
    } else {
      if (!batch.empty() || !take_other(*line)) break;
      end = progress_.sent;
    }
  }
  return batch;
}

bool MlflowSender::take_other(const JournalLine& line) {
  const uint64_t end = progress_.sent + line.json.size() + 1;
  if (auto artifact = read_artifact(line)) {
    uploads_.add(progress_.sent, std::move(*artifact));
  } else if (const auto status = read_status(line)) {
    // Uploads that were met just now come first, too.
    if (is_end(*status) && !has_batches()) return false;
    if (!update_run(*status)) return false;
  }
  advance(end);
  return true;
}

bool MlflowSender::update_run(const MlflowStatus& status) {
  const MlflowReply reply = rest_.update_run(progress_.run_id, status);
  if (!reply.ok()) {
    if (reply.is_refusal()) {
      if (delivery_.is_deleted(progress_.run_id)) {
        stop(mlflow_run_deleted(progress_.run_id));
        return false;
      }
      rejects_.note("{\"status\":" + json_text(status.status) + "}",
                    reply.message);
      note_rejects();
      return true;
    }
    failed(reply, batches_);
    return false;
  }
  succeeded(batches_);
  return true;
}

// -- artifacts ---------------------------------------------------------------

void MlflowSender::upload() {
  const MlflowArtifact next = uploads_.next();
  const std::filesystem::path file = folder_ / next.file;
  const MlflowReply reply =
      rest_.upload(progress_.artifact_uri, next.path, file);
  const int status = reply.http.status;
  const bool elsewhere = status >= 300 && status < 400;
  if (reply.http.is_transient() || elsewhere || status == 401 ||
      status == 403) {
    failed(reply, uploading_);
    // It may be this one alone with which the server can't do anything.
    if (status == 500) uploads_.put_back();
    return;
  }
  if (reply.ok()) {
    succeeded(uploading_);
    const std::scoped_lock lock(mutex_);
    ++sent_.artifacts;
  } else {
    rejects_.note("{\"artifact\":" + json_text(next.path) + "}", reply.message);
    note_rejects();
  }
  uploads_.done();
  progress_.artifacts = uploads_.done_until(progress_.sent);
  save();
  std::error_code error;
  if (reply.ok()) std::filesystem::remove(file, error);
}

// -- outcomes ----------------------------------------------------------------

void MlflowSender::note_sent(const MlflowDelivery::Outcome& outcome) {
  const std::scoped_lock lock(mutex_);
  sent_.metrics += outcome.sent[0];
  sent_.params += outcome.sent[1];
  sent_.tags += outcome.sent[2];
  sent_.rejected = rejects_.count();
}

void MlflowSender::note_rejects() {
  const std::scoped_lock lock(mutex_);
  sent_.rejected = rejects_.count();
}

void MlflowSender::advance(uint64_t offset) {
  progress_.sent = offset;
  progress_.offered = std::max(progress_.offered, offset);
  if (uploads_.empty()) progress_.artifacts = offset;
  save();
}

// It may not be written, on a full disk: then more is sent again than needed.
void MlflowSender::save() {
  try {
    write_progress(folder_, rest_.server().text(), progress_);
  } catch (const Error&) {
  }
}

void MlflowSender::succeeded(MlflowRetries& lane) {
  lane.succeeded();
  const std::scoped_lock lock(mutex_);
  if (batches_.is_failing() || uploading_.is_failing() || problem_.empty()) {
    return;
  }
  problem_.clear();
  if (!std::exchange(complained_, false)) return;
  log_info("[MLflow] " + rest_.server().text() + " answers again");
}

void MlflowSender::failed(const MlflowReply& reply, MlflowRetries& lane) {
  const std::string& server = rest_.server().text();
  const int status = reply.http.status;
  if (status == 401 || status == 403) {
    const std::string who =
        "MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and "
        "MLFLOW_TRACKING_PASSWORD";
    const std::string said =
        reply.error_code.empty() ? "" : ", \"" + reply.message + "\"";
    stop(status == 401
             ? "it doesn't know who this is (401): " + who +
                   ", are missing or wrong"
             : "it doesn't allow this (403" + said +
                   "): ask for the permission, or be somebody else by " + who);
    return;
  }
  if (!reply.http.is_transient()) {
    stop(reply.is_absent() ? reply.message
         : !reply.http.location.empty()
             ? "it sends us to " + reply.http.location +
                   "; give that as the tracking URI if it is right"
             : "this is no MLflow server, or another address of it: " +
                   reply.message);
    return;
  }
  lane.failed(clock_.now(), reply.http.retry_after);
  const bool was_said =
      last_complaint_ && clock_.now() - *last_complaint_ < kSayAgain;
  bool is_new = false;
  {
    const std::scoped_lock lock(mutex_);
    is_new = problem_.empty();
    problem_ = reply.message;
  }
  if (is_new && !was_said) {
    complained_ = true;
    last_complaint_ = clock_.now();
    log_warning("[MLflow] " + server + ": " + reply.message +
                "; what is logged waits in " + folder_.string() +
                " and is sent later");
  }
}

void MlflowSender::stop(const std::string& why) {
  stopped_ = true;
  {
    const std::scoped_lock lock(mutex_);
    problem_ = why;
  }
  log_warning("[MLflow] " + rest_.server().text() + ": " + why +
              ". Nothing more is sent; what is logged stays in " +
              folder_.string());
}

}  // namespace bolt::detail
