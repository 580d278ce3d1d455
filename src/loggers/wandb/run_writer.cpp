#include "loggers/wandb/run_writer.h"

#include <ATen/ATen.h>
#include <torchbolt/core/files.h>
#include <torchbolt/core/log.h>
#include <torchbolt/data/png.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <chrono>

#include "core/atomic_file.h"
#include "core/crc32.h"
#include "core/file_error.h"
#include "loggers/jsonl/json_text.h"
#include "loggers/utf8_text.h"
#include "loggers/wandb/digest.h"
#include "loggers/wandb/extended_json.h"
#include "loggers/wandb/settings.h"

namespace bolt::detail::wandb {
namespace {

// W&B shows no more bins.
constexpr std::size_t kMostBins = 512;
constexpr std::size_t kCopied = std::size_t{1} << 20;

Time time_of(double seconds) {
  return Time(std::chrono::duration_cast<Time::duration>(
      std::chrono::duration<double>(seconds)));
}

template <class Values, class ToJson>
std::string json_list(const Values& values, const ToJson& to_json) {
  std::string out;
  for (const auto& value : values) {
    out += (out.empty() ? "" : ",") + to_json(value);
  }
  return "[" + out + "]";
}

std::string json_texts(const std::vector<std::string>& texts) {
  return json_list(texts, [](const auto& text) { return json_text(text); });
}

// A name as a path below media/, as W&B makes it: no way leads out of it.
std::string as_path(std::string_view key) {
  std::string out;
  while (!key.empty()) {
    const auto end = std::min(key.find('/'), key.size());
    std::string part(key.substr(0, end));
    key.remove_prefix(std::min(key.size(), end + 1));
    if (part.empty()) continue;
    if (part == "." || part == "..") part.assign(part.size(), '_');
    // What the file system takes, behind it the step and part of a hash.
    if (part.size() > 150) part.resize(150);
    std::ranges::replace_if(
        part, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '_');
    out += (out.empty() ? "" : "/") + part;
  }
  return out.empty() ? "_" : as_utf8(out);
}

// A name as the name of an artifact: W&B's rule, so that its page finds it.
std::string artifact_name(const std::string& name) {
  std::string kept;
  for (const char c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' ||
        c == '_' || c == '.') {
      kept += c;
    }
  }
  if (kept == name) return name;
  const uint32_t sum = crc32(0, name.data(), name.size());
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) {
    bytes += static_cast<char>(sum >> shift & 0xff);
  }
  std::string suffix = base64(bytes).substr(0, 6);
  std::ranges::replace(suffix, '+', '-');
  std::ranges::replace(suffix, '/', '_');
  return kept + "-" + suffix;
}

struct Copy {
  int64_t size = 0;
  std::string md5{};
};

// A copy of a file, and what W&B wants to know of it. Half a one isn't left.
Copy copy_file(const OpenFile& from, const std::filesystem::path& to) {
  AtomicFile file(to);
  Copy copy;
  Md5 md5;
  std::string buffer(kCopied, '\0');
  while (true) {
    const ssize_t n =
        ::pread(from.descriptor(), buffer.data(), buffer.size(), copy.size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_with("can't read", from.path(), errno);
    if (n == 0) break;
    const std::string_view part(buffer.data(), static_cast<std::size_t>(n));
    md5.update(part);
    file.write(part);
    copy.size += n;
  }
  file.commit();
  copy.md5 = md5.finish();
  return copy;
}

// A number in the head of a PNG.
int64_t png_number(std::string_view bytes, std::size_t at) {
  int64_t number = 0;
  for (const char c : bytes.substr(at, 4)) {
    number = number << 8 | static_cast<uint8_t>(c);
  }
  return number;
}

Items under(const std::string& key,
            const std::vector<std::pair<std::string, std::string>>& values) {
  Items items;
  for (const auto& [name, json] : values) items.push_back({{key, name}, json});
  return items;
}

}  // namespace

RunWriter::RunWriter(RunDir dir, RunInfo run, int64_t next_step,
                     std::function<std::unique_ptr<RunLog>()> open,
                     std::string prefix)
    : dir_(std::move(dir)),
      run_(std::move(run)),
      open_(std::move(open)),
      prefix_(std::move(prefix)),
      next_step_(next_step) {}

RunLog& RunWriter::log() {
  if (log_ == nullptr) log_ = open_();
  return *log_;
}

std::string RunWriter::key_of(std::string_view name) const {
  return as_utf8(prefix_.empty() ? std::string(name)
                                 : prefix_ + "-" + std::string(name));
}

void RunWriter::row(Items values, int64_t step, double time) {
  log().row(std::move(values), step, time_of(time));
  next_step_ = log().next_step();
}

void RunWriter::write(const MetricRow& row) {
  Items values;
  values.reserve(row.values.size() + 4);
  for (std::size_t k = 0; k < row.values.size(); ++k) {
    values.push_back(
        {{key_of((*row.names)[k])}, extended_number(row.values[k])});
  }
  this->row(std::move(values), row.step, row.wall_time);
}

void RunWriter::end_batch() {
  if (log_ == nullptr) return;
  if (log_->is_there()) {
    log_->flush();
  } else {
    begin_anew();
  }
}

// Somebody took the folder away: what was in it is gone, what comes needn't be.
void RunWriter::begin_anew() {
  log_message(LogLevel::kError, "[WandbLogger] " + dir_.log().string() +
                                    " has vanished, with what was logged so "
                                    "far; it is begun anew");
  log_.reset();
  run_.starting_step = next_step_;
  open_ = [dir = dir_, run = run_] {
    make_directories(dir.files());
    make_directories(dir.logs());
    return std::make_unique<RunLog>(dir.log(), run,
                                    environment_now(run, secrets()));
  };
}

void RunWriter::sync() {
  if (log_ != nullptr) log_->sync();
}

void RunWriter::histogram(std::string_view name, const Histogram& histogram,
                          int64_t step, double time) {
  if (histogram.counts.empty()) return;
  const std::size_t bins = histogram.counts.size();
  const std::size_t group = (bins + kMostBins - 1) / kMostBins;
  std::vector<int64_t> counts;
  std::vector<double> limits;
  for (std::size_t k = 0; k < bins; k += group) {
    limits.push_back(histogram.limits[k]);
    int64_t sum = 0;
    for (std::size_t j = k; j < std::min(k + group, bins); ++j) {
      sum += histogram.counts[j];
    }
    counts.push_back(sum);
  }
  limits.push_back(histogram.limits.back());
  row(under(key_of(name),
            {{"_type", json_text("histogram")},
             {"values",
              json_list(counts, [](int64_t n) { return std::to_string(n); })},
             {"bins", json_list(limits, extended_number)}}),
      step, time);
}

// The file's path in files/.
std::string RunWriter::put_media(const std::string& key, std::string_view kind,
                                 std::string_view end, const std::string& bytes,
                                 std::string& sha256) {
  sha256 = hex(sha256_of(bytes));
  std::string path = "media/" + std::string(kind) + "/" + as_path(key) + "_" +
                     std::to_string(log().next_step()) + "_" +
                     sha256.substr(0, 20) + "." + std::string(end);
  write_atomic(dir_.files() / path, bytes);
  log().file(path);
  return path;
}

void RunWriter::images(std::string_view name, const at::Tensor& images,
                       int64_t step, double time) {
  const std::string key = key_of(name);
  if (images.dim() != 4) {
    const auto bytes = encode_png(images);
    figure(name, {.bytes = bytes, .format = "png"}, step, time);
    return;
  }
  std::vector<std::string> files;
  for (const at::Tensor& image : images.unbind(0)) {
    std::string sha256;
    files.push_back(put_media(key, "images", "png", encode_png(image), sha256));
  }
  row(under(key, {{"_type", json_text("images/separated")},
                  {"width", std::to_string(images.size(3))},
                  {"height", std::to_string(images.size(2))},
                  {"format", json_text("png")},
                  {"count", std::to_string(files.size())},
                  {"filenames", json_texts(files)}}),
      step, time);
}

void RunWriter::figure(std::string_view name, const Figure& figure,
                       int64_t step, double time) {
  const std::string key = key_of(name);
  std::string sha256;
  const std::string path =
      put_media(key, "images", as_path(figure.format), figure.bytes, sha256);
  auto values = under(key, {{"_type", json_text("image-file")},
                            {"path", json_text(path)},
                            {"sha256", json_text(sha256)},
                            {"size", std::to_string(figure.bytes.size())},
                            {"format", json_text(figure.format)}});
  if (figure.bytes.size() >= 24 && figure.bytes.starts_with("\x89PNG")) {
    values.push_back(
        {{key, "width"}, std::to_string(png_number(figure.bytes, 16))});
    values.push_back(
        {{key, "height"}, std::to_string(png_number(figure.bytes, 20))});
  }
  row(std::move(values), step, time);
}

void RunWriter::text(std::string_view name, std::string_view text, int64_t step,
                     double time) {
  table(name,
        Table({{.name = "text",
                .values = std::vector<std::string>{std::string(text)}}}),
        step, time);
}

void RunWriter::table(std::string_view name, const Table& table, int64_t step,
                      double time) {
  std::vector<std::vector<std::string>> columns;  // of JSON
  std::string types;
  for (const auto& column : table.columns()) {
    auto& cells = columns.emplace_back();
    const auto* texts = std::get_if<std::vector<std::string>>(&column.values);
    if (texts != nullptr) {
      for (const auto& text : *texts) cells.push_back(json_text(text));
    } else {
      const at::Tensor& numbers = std::get<at::Tensor>(column.values);
      const at::Tensor values = numbers.to(at::kDouble).contiguous();
      const bool whole = numbers.scalar_type() == at::kLong;
      const at::Tensor ints = whole ? numbers.contiguous() : at::Tensor();
      for (int64_t k = 0; k < values.numel(); ++k) {
        cells.push_back(
            whole ? std::to_string(ints.const_data_ptr<int64_t>()[k])
                  : extended_number(values.const_data_ptr<double>()[k]));
      }
    }
    const std::string kind = texts != nullptr ? "string" : "number";
    types += (types.empty() ? "" : ", ") + json_text(column.name) +
             R"(: {"params": {"allowed_types": [{"wb_type": "none"}, )"
             R"({"wb_type": ")" +
             kind + R"("}]}, "wb_type": "union"})";
  }
  std::string rows;
  for (std::size_t k = 0; k < static_cast<std::size_t>(table.rows()); ++k) {
    rows += (k == 0 ? "" : ",") +
            json_list(columns, [k](const auto& column) { return column[k]; });
  }
  put_table(key_of(name), json_texts(table.names()), types, "[" + rows + "]",
            {table.rows(), static_cast<int64_t>(columns.size())}, step, time);
}

// As a file that the run's page shows, and, as W&B does it, as an artifact that
// its tools find.
void RunWriter::put_table(const std::string& key, const std::string& columns,
                          const std::string& types, const std::string& rows,
                          std::pair<int64_t, int64_t> size, int64_t step,
                          double time) {
  const std::string file_path = as_path(key) + ".table.json";
  const std::string content =
      R"({"_type": "table", "column_types": {"params": {"type_map": {)" +
      types + R"(}}, "wb_type": "typedDict"}, "columns": )" + columns +
      R"(, "data": )" + rows + R"(, "log_mode": "IMMUTABLE", "ncols": )" +
      std::to_string(size.second) + R"(, "nrows": )" +
      std::to_string(size.first) + "}";
  Artifact artifact{
      .run_id = run_.id,
      .entity = run_.entity,
      .project = run_.project,
      .type = "run_table",
      .name = artifact_name("run-" + run_.id + "-" + key),
      .aliases = {"latest"},
      .path = file_path,
      .size = static_cast<int64_t>(content.size()),
      .md5 = md5_of(content),
      .client_id = random_id(128),
      .sequence_client_id = random_id(128),
  };
  const auto copy = dir_.artifacts() / random_id(16);
  write_atomic(copy, content);
  artifact.local_path = copy.string();
  log().artifact(artifact);

  std::string sha256;
  const std::string shown =
      "{\"columns\":" + columns + ",\"data\":" + rows + "}";
  const std::string path = put_media(key, "table", "table.json", shown, sha256);
  row(under(key,
            {{"_type", json_text("table-file")},
             {"path", json_text(path)},
             {"sha256", json_text(sha256)},
             {"size", std::to_string(shown.size())},
             {"ncols", std::to_string(size.second)},
             {"nrows", std::to_string(size.first)},
             {"log_mode", json_text("IMMUTABLE")},
             {"artifact_path", json_text("wandb-client-artifact://" +
                                         artifact.client_id + "/" + file_path)},
             {"_latest_artifact_path", json_text("wandb-client-artifact://" +
                                                 artifact.sequence_client_id +
                                                 ":latest/" + file_path)}}),
      step, time);
}

void RunWriter::config(const State& params) { log().config(params); }

void RunWriter::output(std::string_view text, bool error, double time) {
  log().output(text, error, time_of(time));
}

void RunWriter::model(const Model& model) {
  // A copy of our own: the tool removes what it has sent.
  const auto place = dir_.artifacts() / random_id(16);
  const Copy copy = copy_file(model.file, place);
  log().artifact({.run_id = run_.id,
                  .entity = run_.entity,
                  .project = run_.project,
                  .type = "model",
                  .name = artifact_name(model.name),
                  .metadata = json_value(model.metadata),
                  .aliases = model.aliases,
                  .path = "model.ckpt",
                  .local_path = place.string(),
                  .size = copy.size,
                  .md5 = copy.md5,
                  .client_id = random_id(128),
                  .sequence_client_id = random_id(128)});
}

void RunWriter::exit(int32_t code) {
  if (log_ == nullptr) return;
  log_->exit(code, std::chrono::system_clock::now());
}

}  // namespace bolt::detail::wandb
