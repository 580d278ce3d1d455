#include <ATen/ATen.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/number.h>
#include <torchbolt/data/png.h>
#include <torchbolt/data/table.h>
#include <torchbolt/loggers/tensorboard_logger.h>
#include <torchbolt/trainer/module.h>

#include <memory>
#include <utility>

#include "loggers/file_run.h"
#include "loggers/pending_tensor.h"
#include "loggers/tensorboard/embedding.h"
#include "loggers/tensorboard/events.h"
#include "loggers/tensorboard/module_graph.h"
#include "loggers/tensorboard/pr_curve.h"
#include "loggers/tensorboard/writer.h"
#include "loggers/utf8_text.h"

namespace bolt {
namespace {

using detail::as_utf8;
using detail::EventPlugin;
using detail::EventTime;
using detail::EventWriter;
using detail::PendingTensor;

// About what a value takes in the queue besides its content.
constexpr std::size_t kSmall = 256;

std::unique_ptr<detail::FileRun> make_run(
    const TensorBoardLoggerOptions& options) {
  return std::make_unique<detail::FileRun>(
      detail::RunFolder(options.save_dir, options.name, options.version, true),
      std::make_shared<EventWriter>(options),
      detail::LogQueueOptions{.who = "TensorBoardLogger",
                              .strict = options.strict},
      options.sub_dir);
}

std::shared_ptr<EventWriter> writer_of(detail::FileRun& run) {
  return std::static_pointer_cast<EventWriter>(run.writer);
}

// Width, height, and the pictures.
void add_pictures(EventWriter& writer, const std::string& tag, EventTime time,
                  std::vector<std::string> files, int64_t width,
                  int64_t height) {
  files.insert(files.begin(), {std::to_string(width), std::to_string(height)});
  const int64_t shape[] = {static_cast<int64_t>(files.size())};
  const EventPlugin plugin{.name = "images",
                           .data_class = EventPlugin::Class::kBlobs};
  writer.add(time, [&](std::string& summary) {
    detail::add_strings(summary, tag, files, shape,
                        writer.describe(tag, plugin));
  });
}

void add_texts(EventWriter& writer, const std::string& tag, EventTime time,
               std::span<const std::string> texts,
               std::span<const int64_t> shape) {
  const EventPlugin plugin{.name = "text"};
  writer.add(time, [&](std::string& summary) {
    detail::add_strings(summary, tag, texts, shape,
                        writer.describe(tag, plugin));
  });
}

// Rows of cells, the names first.
std::vector<std::string> cells_of(const Table& table) {
  std::vector<std::string> cells;
  for (const Table::Column& column : table.columns()) {
    cells.push_back("**" + as_utf8(column.name) + "**");
  }
  std::vector<at::Tensor> numbers;
  for (const Table::Column& column : table.columns()) {
    const auto* tensor = std::get_if<at::Tensor>(&column.values);
    numbers.push_back(tensor != nullptr ? tensor->cpu() : at::Tensor());
  }
  for (int64_t row = 0; row < table.rows(); ++row) {
    for (std::size_t k = 0; k < numbers.size(); ++k) {
      if (!numbers[k].defined()) {
        const auto& texts = std::get<1>(table.columns()[k].values);
        cells.push_back(as_utf8(texts[static_cast<std::size_t>(row)]));
      } else if (numbers[k].scalar_type() == at::kLong) {
        cells.push_back(std::to_string(numbers[k][row].item<int64_t>()));
      } else {
        cells.push_back(shortest(numbers[k][row].item<double>()));
      }
    }
  }
  return cells;
}

[[noreturn]] void refuse(std::string_view call, std::string_view name,
                         std::string what, std::string got,
                         std::string expected) {
  throw ConfigError({.where = "TensorBoardLogger." + std::string(call) + "(" +
                              std::string(name) + ")",
                     .what = std::move(what),
                     .got = std::move(got),
                     .expected = std::move(expected)});
}

}  // namespace

TensorBoardLogger::TensorBoardLogger(TensorBoardLoggerOptions options)
    : FileLogger(make_run(options)), options_(std::move(options)) {}

void TensorBoardLogger::log_histogram(std::string_view name,
                                      const Histogram& histogram,
                                      int64_t step) {
  start();
  run().queue.offer(kSmall + 16 * histogram.limits.size(),
                    [writer = writer_of(run()), tag = as_utf8(name), histogram,
                     time = EventTime{detail::wall_time_now(), step}] {
                      writer->add(time, [&](std::string& summary) {
                        detail::add_histogram(summary, tag, histogram);
                      });
                    });
}

void TensorBoardLogger::log_image(std::string_view name,
                                  const at::Tensor& image, int64_t step) {
  start();
  PendingTensor pending(image);
  const std::size_t bytes = kSmall + pending.nbytes();
  run().queue.offer(bytes, [writer = writer_of(run()), tag = as_utf8(name),
                            pending = std::move(pending),
                            time = EventTime{detail::wall_time_now(), step}] {
    const at::Tensor pixels = pending.read();
    std::vector<at::Tensor> each{pixels};
    if (pixels.defined() && pixels.dim() == 4) each = pixels.unbind();
    std::vector<std::string> files;
    for (const at::Tensor& one : each) {
      files.push_back(encode_png(one, "log_image(" + tag + ")"));
    }
    add_pictures(*writer, tag, time, std::move(files), pixels.size(-1),
                 pixels.size(-2));
  });
}

void TensorBoardLogger::log_figure(std::string_view name, const Figure& figure,
                                   int64_t step) {
  start();
  run().queue.offer(
      kSmall + figure.bytes.size(),
      [writer = writer_of(run()), tag = as_utf8(name), bytes = figure.bytes,
       time = EventTime{detail::wall_time_now(), step}] {
        // Readers look at the picture for its size.
        add_pictures(*writer, tag, time, {bytes}, 0, 0);
      });
}

void TensorBoardLogger::log_text(std::string_view name, std::string_view text,
                                 int64_t step) {
  start();
  run().queue.offer(
      kSmall + text.size(),
      [writer = writer_of(run()), tag = as_utf8(name), text = as_utf8(text),
       time = EventTime{detail::wall_time_now(), step}] {
        add_texts(*writer, tag, time, {&text, 1}, {});
      });
}

void TensorBoardLogger::log_table(std::string_view name, const Table& table,
                                  int64_t step) {
  start();
  const std::vector<int64_t> shape{
      table.rows() + 1, static_cast<int64_t>(table.columns().size())};
  if (shape[1] == 0) return;
  std::vector<std::string> cells = cells_of(table);
  std::size_t bytes = kSmall;
  for (const std::string& cell : cells) bytes += cell.size();
  run().queue.offer(bytes, [writer = writer_of(run()), tag = as_utf8(name),
                            shape, cells = std::move(cells),
                            time = EventTime{detail::wall_time_now(), step}] {
    add_texts(*writer, tag, time, cells, shape);
  });
}

void TensorBoardLogger::log_graph(Module& module) {
  if (!options_.log_graph) return;
  start();
  run().queue.post([writer = writer_of(run()),
                    nodes = detail::module_graph(module),
                    time = EventTime{detail::wall_time_now(), 0}] {
    writer->add_graph(time, nodes);
  });
}

void TensorBoardLogger::log_hyperparams(const State& params,
                                        const MetricMap& metrics) {
  start();
  run().queue.post([writer = writer_of(run()), own = params.clone(), metrics,
                    now = detail::wall_time_now()] {
    writer->add_hparams(own, metrics, now);
  });
}

void TensorBoardLogger::log_pr_curve(std::string_view name,
                                     const at::Tensor& labels,
                                     const at::Tensor& scores, int64_t step,
                                     int64_t thresholds) {
  constexpr std::string_view kCall = "log_pr_curve";
  if (!labels.defined() || !scores.defined() ||
      labels.sizes() != scores.sizes()) {
    const auto shape = [](const at::Tensor& t) {
      return t.defined() ? c10::str(t.sizes()) : std::string("undefined");
    };
    refuse(kCall, name, "labels and scores are not of one shape",
           shape(labels) + " and " + shape(scores), "one label for each score");
  }
  if (thresholds < 2) {
    refuse(kCall, name, "there are too few thresholds",
           std::to_string(thresholds), "at least 2");
  }
  start();
  PendingTensor is(labels), given(scores);
  run().queue.offer(kSmall + is.nbytes() + given.nbytes(),
                    [writer = writer_of(run()), tag = as_utf8(name),
                     is = std::move(is), given = std::move(given), thresholds,
                     time = EventTime{detail::wall_time_now(), step}] {
                      const EventPlugin plugin{
                          .name = "pr_curves",
                          .content = detail::pr_curve_content(thresholds)};
                      const int64_t shape[] = {6, thresholds};
                      const std::vector<float> curve =
                          detail::pr_curve(is.read(), given.read(), thresholds);
                      writer->add(time, [&](std::string& summary) {
                        detail::add_floats(summary, tag, curve, shape,
                                           writer->describe(tag, plugin));
                      });
                    });
}

void TensorBoardLogger::log_layout(
    const std::vector<ChartCategory>& categories) {
  start();
  run().queue.post([writer = writer_of(run()),
                    bytes = detail::layout_bytes(categories),
                    time = EventTime{detail::wall_time_now(), 0}] {
    const std::string tag = "custom_scalars__config__";
    const EventPlugin plugin{.name = "custom_scalars"};
    writer->add(time, [&](std::string& summary) {
      detail::add_strings(summary, tag, {&bytes, 1}, {},
                          writer->describe(tag, plugin));
    });
  });
}

void TensorBoardLogger::log_embedding(std::string_view name,
                                      const at::Tensor& vectors, int64_t step,
                                      const EmbeddingOptions& options) {
  constexpr std::string_view kCall = "log_embedding";
  if (!vectors.defined() || vectors.dim() != 2) {
    refuse(kCall, name, "the points are not of this shape",
           vectors.defined() ? c10::str(vectors.sizes()) : "undefined",
           "[rows, size]");
  }
  const auto rows = static_cast<std::size_t>(vectors.size(0));
  if (!options.labels.empty() && options.labels.size() != rows) {
    refuse(kCall, name, "there is not one label for each point",
           std::to_string(options.labels.size()), std::to_string(rows));
  }
  const at::Tensor& images = options.images;
  if (images.defined() &&
      (images.dim() != 4 || images.size(0) != vectors.size(0))) {
    refuse(kCall, name, "there is not one picture for each point",
           c10::str(images.sizes()),
           "[" + std::to_string(rows) + ", channels, height, width]");
  }
  start();
  PendingTensor points(vectors), pictures(images);
  run().queue.offer(kSmall + points.nbytes() + pictures.nbytes(),
                    [writer = writer_of(run()), tag = as_utf8(name),
                     points = std::move(points), pictures = std::move(pictures),
                     step, labels = options.labels] {
                      detail::write_embedding(writer->folder(), tag, step,
                                              points.read(), labels,
                                              pictures.read());
                    });
}

}  // namespace bolt
