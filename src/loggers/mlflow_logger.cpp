#include <ATen/ATen.h>
#include <torchbolt/core/number.h>
#include <torchbolt/data/make_grid.h>
#include <torchbolt/data/png.h>
#include <torchbolt/data/table.h>
#include <torchbolt/loggers/mlflow_logger.h>

#include <cmath>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "loggers/jsonl/json_text.h"
#include "loggers/mlflow/live_run.h"
#include "loggers/mlflow/names.h"
#include "loggers/mlflow/records.h"
#include "loggers/pending_tensor.h"

namespace bolt {
namespace {

namespace fs = std::filesystem;

int64_t ms_now() { return std::llround(detail::wall_time_now() * 1000); }

// A value of a table, as JSON.
std::string json_cell(const at::Tensor& column, int64_t row) {
  if (!column.is_floating_point()) {
    return std::to_string(column[row].item<int64_t>());
  }
  const auto value = column[row].item<double>();
  return std::isfinite(value) ? shortest(value) : "null";
}

// As pandas' to_json(orient="split"), which MLflow's own tables are.
std::string json_table(const Table& table) {
  std::string out = "{\"columns\":[";
  std::vector<at::Tensor> numbers;
  for (const Table::Column& column : table.columns()) {
    if (!out.ends_with('[')) out += ',';
    out += detail::json_text(column.name);
    const auto* tensor = std::get_if<at::Tensor>(&column.values);
    numbers.push_back(tensor != nullptr ? tensor->cpu() : at::Tensor());
  }
  out += "],\"data\":[";
  for (int64_t row = 0; row < table.rows(); ++row) {
    out += row > 0 ? ",[" : "[";
    for (std::size_t k = 0; k < numbers.size(); ++k) {
      if (k > 0) out += ',';
      out +=
          numbers[k].defined()
              ? json_cell(numbers[k], row)
              : detail::json_text(std::get<std::vector<std::string>>(
                    table.columns()[k].values)[static_cast<std::size_t>(row)]);
    }
    out += ']';
  }
  return out + "]}";
}

std::string file_in(std::string_view folder, std::string_view name,
                    int64_t step, std::string_view extension) {
  return std::string(folder) + "/" + detail::mlflow_path(name) + "/step_" +
         std::to_string(step) + std::string(extension);
}

}  // namespace

MLflowLogger::MLflowLogger(MLflowLoggerOptions options)
    : options_(std::move(options)),
      run_(std::make_unique<detail::MlflowLiveRun>(options_)) {}

MLflowLogger::MLflowLogger(const MLflowLogger& other)
    : MLflowLogger(other.options_) {}

MLflowLogger::~MLflowLogger() = default;

std::string MLflowLogger::name() const { return run_->folder().name(); }
std::string MLflowLogger::version() const { return run_->folder().version(); }
std::optional<fs::path> MLflowLogger::save_dir() const {
  return run_->folder().save_dir();
}
std::optional<fs::path> MLflowLogger::log_dir() const {
  return run_->folder().path();
}

std::optional<std::string> MLflowLogger::run_id(
    std::chrono::milliseconds wait) const {
  if (!run_->writes()) wait = {};
  const auto until = std::chrono::steady_clock::now() + wait;
  while (true) {
    if (const auto place = run_->place()) return place->run_id;
    if (std::chrono::steady_clock::now() >= until) return {};
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

std::optional<std::string> MLflowLogger::run_url() const {
  const auto place = run_->place();
  return place ? std::optional(place->url) : std::nullopt;
}

void MLflowLogger::set_default_root(const fs::path& root) {
  run_->folder().set_default_root(root / "mlflow");
}

void MLflowLogger::start() { run_->open(); }

void MLflowLogger::log_metrics(const MetricMap& metrics, int64_t step) {
  run_->add(metrics, step);
}

void MLflowLogger::log_tag(std::string_view key, std::string_view value) {
  run_->post(
      [pairs = detail::MlflowPairs{{std::string(key), std::string(value)}}](
          detail::MlflowWriter& writer) { writer.records.tags(pairs); });
}

void MLflowLogger::log_hyperparams(const State& params) {
  run_->post(
      [pairs = detail::mlflow_params(params)](detail::MlflowWriter& writer) {
        writer.records.params(pairs);
      });
}

void MLflowLogger::log_artifact(const fs::path& file,
                                const std::string& folder) {
  const auto kept = run_->stage(file);
  if (!kept) return;
  std::string path = file.filename().string();
  if (!folder.empty()) path = detail::mlflow_path(folder) + "/" + path;
  run_->post([file = *kept, path](detail::MlflowWriter& writer) {
    writer.add_artifact(path, file);
  });
}

void MLflowLogger::log_image(std::string_view name, const at::Tensor& image,
                             int64_t step) {
  detail::PendingTensor pending(image);
  // The names by which the server's pages find pictures and their small twins.
  // Browsers go by a picture's content, so that the twin needn't be a WebP.
  std::string key = detail::mlflow_path(name);
  std::erase(key, ':');
  for (std::size_t at = 0; (at = key.find('/', at)) != std::string::npos;) {
    key[at] = '~';
  }
  const std::string path = "images/" + key + "+step+" + std::to_string(step) +
                           "+timestamp+" + std::to_string(ms_now()) + "+" +
                           detail::random_name();
  const std::size_t bytes = pending.nbytes();
  run_->offer(bytes, [pending = std::move(pending),
                      path](detail::MlflowWriter& writer) {
    at::Tensor pixels = pending.read();
    if (pixels.dim() == 4) pixels = make_grid(pixels);
    const std::string png = encode_png(pixels, "MLflowLogger");
    writer.add_content(path + ".png", png);
    writer.add_content(path + "+compressed.webp", png);
    writer.records.tags({{"mlflow.loggedImages", "True"}});
  });
}

void MLflowLogger::log_figure(std::string_view name, const Figure& figure,
                              int64_t step) {
  run_->offer(figure.bytes.size(),
              [path = file_in("figures", name, step, "." + figure.format),
               figure](detail::MlflowWriter& writer) {
                writer.add_content(path, figure.bytes);
              });
}

void MLflowLogger::log_text(std::string_view name, std::string_view text,
                            int64_t step) {
  run_->offer(
      text.size(),
      [path = file_in("texts", name, step, ".md"), text = std::string(text)](
          detail::MlflowWriter& writer) { writer.add_content(path, text); });
}

void MLflowLogger::log_table(std::string_view name, const Table& table,
                             int64_t step) {
  std::string text = json_table(table);
  const std::size_t bytes = text.size();
  run_->offer(bytes, [path = file_in("tables", name, step, ".json"),
                      text = std::move(text)](detail::MlflowWriter& writer) {
    writer.add_table(path, text);
  });
}

void MLflowLogger::after_save_checkpoint(const CheckpointCallback& callback) {
  run_->take_checkpoints(callback);
}

State MLflowLogger::state() const { return run_->state(); }

bool MLflowLogger::resume(const State& state) { return run_->resume(state); }

void MLflowLogger::flush() { run_->flush(); }

void MLflowLogger::finalize(LoggerStatus status) { run_->finalize(status); }

}  // namespace bolt
