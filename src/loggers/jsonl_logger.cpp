#include <ATen/ATen.h>
#include <torchbolt/data/png.h>
#include <torchbolt/data/table.h>
#include <torchbolt/loggers/jsonl_logger.h>

#include <memory>
#include <utility>
#include <vector>

#include "loggers/file_run.h"
#include "loggers/jsonl/json_text.h"
#include "loggers/jsonl/writer.h"
#include "loggers/pending_tensor.h"

namespace bolt {
namespace {

using detail::json_number;
using detail::json_text;
using detail::JsonlWriter;

std::unique_ptr<detail::FileRun> make_run(const JSONLLoggerOptions& options) {
  return std::make_unique<detail::FileRun>(
      detail::RunFolder(options.save_dir, options.name, options.version),
      std::make_shared<JsonlWriter>(options.prefix),
      detail::LogQueueOptions{.who = "JSONLLogger", .strict = options.strict});
}

std::shared_ptr<JsonlWriter> writer_of(detail::FileRun& run) {
  return std::static_pointer_cast<JsonlWriter>(run.writer);
}

template <class Items, class Text>
std::string list_of(const Items& items, const Text& text) {
  std::string out;
  for (const auto& item : items) out += (out.empty() ? "" : ",") + text(item);
  return "[" + out + "]";
}

std::string column_text(const Table::Column& column) {
  if (const auto* texts =
          std::get_if<std::vector<std::string>>(&column.values)) {
    return list_of(*texts, [](const std::string& t) { return json_text(t); });
  }
  const at::Tensor values = std::get<at::Tensor>(column.values).cpu();
  std::string out;
  for (int64_t row = 0; row < values.size(0); ++row) {
    out += out.empty() ? "" : ",";
    out += values.scalar_type() == at::kLong
               ? std::to_string(values[row].item<int64_t>())
               : json_number(values[row].item<double>());
  }
  return "[" + out + "]";
}

}  // namespace

JSONLLogger::JSONLLogger(JSONLLoggerOptions options)
    : FileLogger(make_run(options)), options_(std::move(options)) {}

std::filesystem::path JSONLLogger::metrics_path() const {
  return *log_dir() / "metrics.jsonl";
}

void JSONLLogger::log_histogram(std::string_view name,
                                const Histogram& histogram, int64_t step) {
  start();
  run().queue.offer(
      24 * histogram.limits.size(),
      [writer = writer_of(run()), name = std::string(name), histogram, step,
       now = detail::wall_time_now()] {
        writer->add_line(
            now, step,
            "\"histogram\":{\"name\":" + json_text(name) +
                ",\"count\":" + std::to_string(histogram.count) +
                ",\"non_finite\":" + std::to_string(histogram.non_finite) +
                ",\"min\":" + json_number(histogram.min) +
                ",\"max\":" + json_number(histogram.max) +
                ",\"sum\":" + json_number(histogram.sum) +
                ",\"sum_of_squares\":" + json_number(histogram.sum_of_squares) +
                ",\"limits\":" + list_of(histogram.limits, json_number) +
                ",\"counts\":" +
                list_of(histogram.counts,
                        [](int64_t n) { return std::to_string(n); }) +
                "}");
      });
}

void JSONLLogger::log_image(std::string_view name, const at::Tensor& image,
                            int64_t step) {
  start();
  detail::PendingTensor pending(image);
  const std::size_t bytes = pending.nbytes();
  run().queue.offer(bytes, [writer = writer_of(run()), name = std::string(name),
                            pending = std::move(pending), step,
                            now = detail::wall_time_now()] {
    const at::Tensor pixels = pending.read();
    const bool several = pixels.defined() && pixels.dim() == 4;
    const std::vector<at::Tensor> each =
        several ? pixels.unbind() : std::vector<at::Tensor>{pixels};
    for (std::size_t k = 0; k < each.size(); ++k) {
      writer->add_file(now, step, "image",
                       several ? name + "/" + std::to_string(k) : name,
                       encode_png(each[k], "log_image(" + name + ")"), "png");
    }
  });
}

void JSONLLogger::log_figure(std::string_view name, const Figure& figure,
                             int64_t step) {
  start();
  run().queue.offer(figure.bytes.size(), [writer = writer_of(run()),
                                          name = std::string(name), figure,
                                          step, now = detail::wall_time_now()] {
    writer->add_file(now, step, "figure", name, figure.bytes, figure.format);
  });
}

void JSONLLogger::log_text(std::string_view name, std::string_view text,
                           int64_t step) {
  start();
  run().queue.offer(
      text.size(),
      [writer = writer_of(run()), name = std::string(name),
       text = std::string(text), step, now = detail::wall_time_now()] {
        writer->add_line(now, step,
                         "\"text\":{\"name\":" + json_text(name) +
                             ",\"text\":" + json_text(text) + "}");
      });
}

void JSONLLogger::log_table(std::string_view name, const Table& table,
                            int64_t step) {
  start();
  std::string columns;
  for (const Table::Column& column : table.columns()) {
    columns += (columns.empty() ? "" : ",") + json_text(column.name) + ":" +
               column_text(column);
  }
  run().queue.offer(
      columns.size(),
      [writer = writer_of(run()), name = std::string(name),
       columns = std::move(columns), step, now = detail::wall_time_now()] {
        writer->add_line(now, step,
                         "\"table\":{\"name\":" + json_text(name) +
                             ",\"columns\":{" + columns + "}}");
      });
}

}  // namespace bolt
