#include "loggers/mlflow/sender.h"

#include <torchbolt/core/error.h>
#include <torchbolt/core/log.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "loggers/jsonl/json_text.h"
#include "loggers/mlflow/names.h"

namespace bolt::detail {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

// What a request may hold (mlflow/utils/validation.py): 1,000 entries together,
// 100 params, 100 tags, 1,000,000 bytes.
constexpr std::size_t kMostEntries = 1000;
constexpr std::size_t kRequestPairs = 100;
constexpr std::size_t kRequestBytes = 900'000;
constexpr std::size_t kLeastBytes = 1000;

constexpr std::chrono::minutes kSayAgain{1};
constexpr milliseconds kFirstWait{1000};
constexpr milliseconds kLongestWait{60'000};

constexpr const char* kAbsent = "RESOURCE_DOES_NOT_EXIST";
constexpr const char* kExists = "RESOURCE_ALREADY_EXISTS";

// Whether what was sent is at fault, rather than where or when.
bool is_refusal(const MlflowReply& reply) {
  const int status = reply.http.status;
  return !reply.http.is_transient() && status >= 400 && status != 401 &&
         status != 403 && status != 404;
}

bool is_end(const MlflowStatus& status) { return status.status != "RUNNING"; }

void add_entries(std::string& list, std::string_view entries) {
  if (!list.empty()) list += ',';
  list += entries;
}

}  // namespace

struct MlflowSender::Batch {
  std::string lists[3]{};
  std::size_t counts[3]{};
  uint64_t end = 0;

  std::size_t entries() const { return counts[0] + counts[1] + counts[2]; }
  std::size_t bytes() const {
    return lists[0].size() + lists[1].size() + lists[2].size();
  }
  bool has_room(std::size_t kind, const MlflowEntries& more,
                std::size_t most_bytes) const {
    return entries() == 0 ||
           (entries() + more.count <= kMostEntries &&
            bytes() + more.json.size() <= most_bytes &&
            (kind == 0 || counts[kind] + more.count <= kRequestPairs));
  }
  void add(std::size_t kind, const MlflowEntries& more) {
    add_entries(lists[kind], more.json);
    counts[kind] += more.count;
  }
  std::string body(const std::string& run_id) const {
    return "{\"run_id\":" + json_text(run_id) + ",\"metrics\":[" + lists[0] +
           "],\"params\":[" + lists[1] + "],\"tags\":[" + lists[2] + "]}";
  }
};

MlflowSender::MlflowSender(Journal& journal, std::filesystem::path folder,
                           Http& http, Url server, milliseconds timeout,
                           const Clock& clock)
    : journal_(journal),
      folder_(std::move(folder)),
      rest_(http, std::move(server), timeout),
      clock_(clock),
      most_bytes_(kRequestBytes) {
  // Many runs that lost the same server don't all come back at once.
  random_.seed(static_cast<unsigned>(
      std::chrono::steady_clock::now().time_since_epoch().count() ^
      ::getpid()));
}

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
  collect_uploads();
  know_place();
  return true;
}

// Artifacts that were passed by, and not uploaded before the process ended.
void MlflowSender::collect_uploads() {
  for (uint64_t at = progress_.artifacts; at < progress_.sent;) {
    const std::string bytes = journal_.read(at, 2 * kMostJournalLine);
    std::string_view rest = bytes;
    for (auto line = take_line(rest); line && at < progress_.sent;
         line = take_line(rest)) {
      if (auto artifact = read_artifact(*line)) {
        uploads_.push_back({at, std::move(*artifact)});
      }
      at += line->json.size() + 1;
    }
    if (rest.size() == bytes.size()) break;
  }
}

MlflowSender::Turn MlflowSender::turn() {
  if (!begin()) return {Next::kIdle};
  if (stopped_) return {Next::kStopped};
  const auto now = clock_.now();
  const bool left = progress_.sent < journal_.size();
  if (!left && uploads_.empty()) return {Next::kIdle};
  const bool may_send = now >= batches_.at;
  if (!ready_) {
    if (may_send) find_place();
  } else if (has_batches() && may_send) {
    send_batch();
  } else if (!uploads_.empty() && now >= uploading_.at) {
    upload();
  }
  if (stopped_) return {Next::kStopped};
  auto at = Clock::TimePoint::max();
  if (!ready_ || progress_.sent < journal_.size()) at = batches_.at;
  if (ready_ && !uploads_.empty()) at = std::min(at, uploading_.at);
  if (at <= now || at == Clock::TimePoint::max()) return {Next::kGoOn};
  return {Next::kWait, std::chrono::ceil<milliseconds>(at - now)};
}

void MlflowSender::hurry(bool on) {
  if (on && !hurries_) {
    for (Lane* lane : {&batches_, &uploading_}) {
      if (!lane->told_when) lane->at = {};
    }
  }
  hurries_ = on;
}

// The end of the run comes behind its uploads, unless those have to wait.
bool MlflowSender::has_batches() const {
  if (progress_.sent >= journal_.size()) return false;
  if (uploads_.empty() || clock_.now() < uploading_.at) return true;
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

// One request a turn, until the run is known.
void MlflowSender::find_place() {
  std::optional<MlflowRunInfo> info;
  MlflowReply reply;
  const std::string known =
      progress_.run_id.empty() ? run_.run_id : progress_.run_id;
  if (!known.empty()) {
    reply = rest_.get_run(known, info);
    if (reply.is(kAbsent) || (info && info->deleted)) {
      stop("there is no run " + known + " there, or it was deleted");
      return;
    }
  } else if (progress_.experiment_id.empty()) {
    find_experiment();
    return;
  } else if (progress_.creating) {
    reply = rest_.find_run(progress_.experiment_id, run_.key, info);
    if (reply.ok() && !info) {
      progress_.creating = false;  // no such run came to be
      return;
    }
  } else {
    progress_.creating = true;
    save();
    reply = rest_.create_run(progress_.experiment_id, run_, info);
    // Only a server that has answered has made nothing.
    if (is_refusal(reply)) {
      progress_.creating = false;
      stop("no run can be made: " + reply.message);
      return;
    }
  }
  if (!reply.ok()) {
    failed(reply, batches_);
    return;
  }
  succeeded(batches_);
  progress_.run_id = info->run_id;
  progress_.experiment_id = info->experiment_id;
  progress_.artifact_uri = info->artifact_uri;
  progress_.creating = false;
  save();
  know_place();
  ready_ = true;
}

// Several processes may make it at once: one does, the others look again.
bool MlflowSender::find_experiment() {
  std::optional<MlflowRest::Experiment> found;
  MlflowReply reply = rest_.find_experiment(run_.experiment, found);
  if (reply.is(kAbsent)) {
    reply = rest_.create_experiment(run_.experiment, run_.artifact_location);
    if (reply.ok() || reply.is(kExists)) {
      reply = rest_.find_experiment(run_.experiment, found);
    } else if (is_refusal(reply)) {
      stop("the experiment \"" + run_.experiment +
           "\" can't be made: " + reply.message);
      return false;
    }
  }
  if (!found) {
    failed(reply, batches_);
    return false;
  }
  if (found->deleted) {
    stop("the experiment \"" + run_.experiment +
         "\" was deleted there; restore it, or log to another");
    return false;
  }
  progress_.experiment_id = found->id;
  return true;
}

// -- batches -----------------------------------------------------------------

void MlflowSender::send_batch() {
  Batch batch;
  take_batch(batch);
  if (batch.entries() == 0) return;
  progress_.offered = std::max(progress_.offered, batch.end);
  save();
  deliver(batch);
}

// As many lines as go into one request; other lines, while it is empty, are
// dealt with on the way.
void MlflowSender::take_batch(Batch& batch) {
  const std::string bytes = journal_.read(progress_.sent, 2 * kMostJournalLine);
  std::string_view rest = bytes;
  batch.end = progress_.sent;
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
      const std::size_t kind = line->op == "metrics"  ? 0
                               : line->op == "params" ? 1
                                                      : 2;
      if (!batch.has_room(kind, *entries, most_bytes_)) break;
      batch.add(kind, *entries);
      batch.end += line->json.size() + 1;
    } else {
      if (batch.entries() > 0 || !take_other(*line)) break;
      batch.end = progress_.sent;
    }
  }
}

bool MlflowSender::take_other(const JournalLine& line) {
  const uint64_t end = progress_.sent + line.json.size() + 1;
  if (auto artifact = read_artifact(line)) {
    uploads_.push_back({progress_.sent, std::move(*artifact)});
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
    if (is_refusal(reply)) {
      note_rejected("{\"status\":" + json_text(status.status) + "}",
                    reply.message);
      return true;
    }
    failed(reply, batches_);
    return false;
  }
  succeeded(batches_);
  return true;
}

void MlflowSender::deliver(const Batch& batch) {
  const MlflowReply reply = rest_.log_batch(batch.body(progress_.run_id));
  if (reply.ok()) {
    succeeded(batches_);
    {
      const std::scoped_lock lock(mutex_);
      sent_.metrics += static_cast<int64_t>(batch.counts[0]);
      sent_.params += static_cast<int64_t>(batch.counts[1]);
      sent_.tags += static_cast<int64_t>(batch.counts[2]);
    }
    advance(batch.end);
    return;
  }
  if (!is_refusal(reply)) {
    failed(reply, batches_);
    return;
  }
  if (reply.http.status == 413) {
    most_bytes_ = std::max(most_bytes_ / 2, kLeastBytes);
  } else if (run_is_deleted()) {
    return;
  }
  std::vector<Entry> entries;
  for (std::size_t kind = 0; kind < 3; ++kind) {
    const json list =
        json::parse("[" + batch.lists[kind] + "]", nullptr, false);
    if (!list.is_array()) continue;
    for (const json& entry : list) {
      entries.push_back(
          {static_cast<Kind>(kind),
           entry.dump(-1, ' ', false, json::error_handler_t::replace)});
    }
  }
  if (deliver_halves(std::move(entries), reply)) advance(batch.end);
}

bool MlflowSender::run_is_deleted() {
  std::optional<MlflowRunInfo> info;
  const MlflowReply reply = rest_.get_run(progress_.run_id, info);
  if (reply.is(kAbsent) || (info && info->deleted)) {
    stop("the run " + progress_.run_id + " was deleted there");
    return true;
  }
  return false;
}

std::string MlflowSender::batch_body(const std::vector<Entry>& entries) const {
  Batch batch;
  for (const Entry& entry : entries) {
    batch.add(static_cast<std::size_t>(entry.kind),
              {.json = entry.json, .count = 1});
  }
  return batch.body(progress_.run_id);
}

// The server refuses something in it: halves, until what it refuses stands
// alone. What of it was sent already may be sent again.
bool MlflowSender::deliver_halves(std::vector<Entry> entries,
                                  const MlflowReply& refusal) {
  if (entries.size() <= 1) {
    if (!entries.empty()) reject(entries.front(), refusal);
    return true;
  }
  const auto middle =
      entries.begin() + static_cast<std::ptrdiff_t>(entries.size() / 2);
  std::vector<Entry> second(middle, entries.end());
  entries.erase(middle, entries.end());
  return deliver_part(std::move(entries)) && deliver_part(std::move(second));
}

bool MlflowSender::deliver_part(std::vector<Entry> entries) {
  const MlflowReply reply = rest_.log_batch(batch_body(entries));
  if (is_refusal(reply)) return deliver_halves(std::move(entries), reply);
  if (!reply.ok()) {
    failed(reply, batches_);
    return false;
  }
  const std::scoped_lock lock(mutex_);
  for (const Entry& entry : entries) {
    ++(entry.kind == Kind::kMetrics  ? sent_.metrics
       : entry.kind == Kind::kParams ? sent_.params
                                     : sent_.tags);
  }
  return true;
}

void MlflowSender::reject(const Entry& entry, const MlflowReply& reply) {
  if (!rejected_.insert(entry.json).second) return;
  const bool is_other_value =
      entry.kind == Kind::kParams &&
      reply.message.find("Changing param values") != std::string::npos;
  if (is_other_value) {
    // Params can't change. The new value isn't lost as a tag.
    json tag = json::parse(entry.json, nullptr, false);
    const std::string key = tag.value("key", "");
    tag["key"] = mlflow_key("param." + key);
    log_warning("[MLflow] the run has another value of \"" + key +
                "\" already, which MLflow doesn't let change; the new one is "
                "the tag \"param." +
                key + "\"");
    const MlflowReply second = rest_.log_batch(
        batch_body({{Kind::kTags, tag.dump(-1, ' ', false,
                                           json::error_handler_t::replace)}}));
    if (second.ok()) return;
  }
  note_rejected(entry.json, reply.message);
}

void MlflowSender::note_rejected(std::string_view text,
                                 const std::string& message) {
  const std::filesystem::path path = folder_ / "mlflow_rejected.jsonl";
  std::ofstream file(path, std::ios::app);
  file << "{\"entry\":" << text << ",\"message\":" << json_text(message)
       << "}\n";
  int64_t count = 0;
  {
    const std::scoped_lock lock(mutex_);
    count = ++sent_.rejected;
  }
  if (count == 1) {
    log_warning("[MLflow] the server doesn't take " + std::string(text) + ": " +
                message + "; this and whatever else it refuses stands in " +
                path.string());
  }
}

// -- artifacts ---------------------------------------------------------------

void MlflowSender::upload() {
  const Upload& next = uploads_.front();
  const std::filesystem::path file = folder_ / next.artifact.file;
  const MlflowReply reply =
      rest_.upload(progress_.artifact_uri, next.artifact.path, file);
  const bool wrong_place = reply.http.status == 401 || reply.http.status == 403;
  if (reply.http.is_transient() || wrong_place) {
    failed(reply, uploading_);
    // It may be this one alone with which the server can't do anything.
    if (reply.http.status == 500) {
      uploads_.push_back(std::move(uploads_.front()));
      uploads_.pop_front();
    }
    return;
  }
  if (reply.ok()) {
    succeeded(uploading_);
    const std::scoped_lock lock(mutex_);
    ++sent_.artifacts;
  } else {
    note_rejected("{\"artifact\":" + json_text(next.artifact.path) + "}",
                  reply.message);
  }
  const bool done = reply.ok();
  uploads_.pop_front();
  progress_.artifacts =
      uploads_.empty()
          ? progress_.sent
          : std::ranges::min_element(uploads_, {}, &Upload::begin)->begin;
  save();
  std::error_code error;
  if (done) std::filesystem::remove(file, error);
}

// -- outcomes ----------------------------------------------------------------

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

void MlflowSender::succeeded(Lane& lane) {
  lane = {};
  const std::scoped_lock lock(mutex_);
  if (batches_.failures > 0 || uploading_.failures > 0 || problem_.empty()) {
    return;
  }
  problem_.clear();
  if (!std::exchange(complained_, false)) return;
  log_info("[MLflow] " + rest_.server().text() + " answers again");
}

void MlflowSender::failed(const MlflowReply& reply, Lane& lane) {
  const std::string& server = rest_.server().text();
  const int status = reply.http.status;
  if (status == 401 || status == 403) {
    stop("it answers " + std::to_string(status) +
         " (who are you?): set MLFLOW_TRACKING_TOKEN, or "
         "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD");
    return;
  }
  if (!reply.http.is_transient()) {
    stop(reply.is(kAbsent) ? reply.message
         : !reply.http.location.empty()
             ? "it sends us to " + reply.http.location +
                   "; give that as the tracking URI if it is right"
             : "this is no MLflow server, or another address of it: " +
                   reply.message);
    return;
  }
  milliseconds wait = kFirstWait * (1 << std::min(lane.failures, 6));
  wait = std::min(wait, hurries_ ? kFirstWait : kLongestWait);
  // 25 % more or less.
  std::uniform_real_distribution<double> share(0.75, 1.25);
  wait = milliseconds(
      static_cast<int64_t>(static_cast<double>(wait.count()) * share(random_)));
  lane.told_when = reply.http.retry_after.has_value();
  if (lane.told_when) wait = *reply.http.retry_after;
  ++lane.failures;
  lane.at = clock_.now() + wait;
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
