#include <ATen/ATen.h>
#include <torchbolt/callbacks/prediction_writer.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/files.h>
#include <torchbolt/core/number.h>
#include <torchbolt/data/npy.h>
#include <torchbolt/trainer/trainer.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>

namespace bolt {
namespace {

constexpr const char* kPredictionWriter = "PredictionWriter";

// Tensors by name; a prediction that is one tensor has an empty name.
using Leaves = std::map<std::string, std::vector<at::Tensor>>;

std::string below(const std::string& name, const std::string& part) {
  return name.empty() ? part : name + "." + part;
}

std::string text_of(const State::Key& key) {
  const auto* text = std::get_if<std::string>(&key);
  return text != nullptr ? *text : std::to_string(std::get<int64_t>(key));
}

void add_leaves(const Prediction& prediction, const std::string& name,
                Leaves& leaves) {
  if (prediction.is_tensor()) {
    at::Tensor tensor = prediction.as_tensor().detach().to(at::kCPU);
    if (tensor.scalar_type() == at::kBFloat16) tensor = tensor.to(at::kFloat);
    // A number for the batch is one row.
    leaves[name].push_back(tensor.dim() == 0 ? tensor.unsqueeze(0) : tensor);
  } else if (prediction.is_map()) {
    for (const auto& [key, value] : prediction.entries()) {
      add_leaves(value, below(name, text_of(key)), leaves);
    }
  } else if (prediction.is_list() || prediction.is_tuple()) {
    std::size_t k = 0;
    for (const State& value : prediction.items()) {
      add_leaves(value, below(name, std::to_string(k++)), leaves);
    }
  } else if (!prediction.is_none()) {
    throw DataError({.where = kPredictionWriter,
                     .what = "a prediction is no tensor",
                     .got = std::string(to_string(prediction.kind())),
                     .expected = "tensors, or lists, tuples and maps of them",
                     .tip = "derive from BasePredictionWriter"});
  }
}

at::Tensor joined(const std::vector<at::Tensor>& parts,
                  const std::string& name) {
  for (const at::Tensor& part : parts) {
    if (part.sizes().slice(1).equals(parts.front().sizes().slice(1))) continue;
    throw DataError(
        {.where = kPredictionWriter,
         .what = "the batches' predictions" +
                 (name.empty() ? "" : " of " + name) +
                 " have different shapes, so that they can't be one array",
         .got = c10::str(part.sizes()),
         .expected = c10::str(parts.front().sizes()),
         .tip = "set .write_interval = bolt::WriteInterval::kBatch"});
  }
  return at::cat(parts);
}

// One row for each sample, of a type that `append` can write without loss.
at::Tensor table_of(const at::Tensor& tensor) {
  const at::Tensor flat =
      tensor.dim() == 1 ? tensor.unsqueeze(1) : tensor.flatten(1);
  if (flat.scalar_type() == at::kUInt64) return flat.contiguous();
  const bool whole = at::isIntegralType(flat.scalar_type(), true);
  return flat.to(whole ? at::kLong : at::kDouble).contiguous();
}

void append(std::string& text, const at::Tensor& table, std::size_t at) {
  switch (table.scalar_type()) {
    case at::kLong:
      text += std::to_string(table.const_data_ptr<int64_t>()[at]);
      return;
    case at::kUInt64:
      text += std::to_string(table.const_data_ptr<uint64_t>()[at]);
      return;
    default:
      text += shortest(table.const_data_ptr<double>()[at]);
  }
}

std::string csv_of(const std::map<std::string, at::Tensor>& columns,
                   const std::vector<BasePredictionWriter::Indices>& indices) {
  std::vector<int64_t> rows;
  for (const auto& batch : indices) {
    rows.insert(rows.end(), batch.begin(), batch.end());
  }
  std::string header = "index";
  std::vector<at::Tensor> tables;
  for (const auto& [name, tensor] : columns) {
    if (tensor.is_complex()) {
      throw DataError({.where = kPredictionWriter,
                       .what = "a table has no complex numbers",
                       .got = name.empty() ? "a complex prediction"
                                           : "\"" + name + "\" is complex",
                       .tip = "give torch::view_as_real of it, or set .format "
                              "= bolt::PredictionFormat::kNpy"});
    }
    const at::Tensor flat = table_of(tensor);
    if (flat.size(0) != static_cast<int64_t>(rows.size())) {
      throw DataError({.where = kPredictionWriter,
                       .what = "a table needs one prediction for each sample",
                       .got = std::to_string(flat.size(0)) + " rows",
                       .expected = std::to_string(rows.size()),
                       .tip = "set .format = bolt::PredictionFormat::kNpy"});
    }
    const std::string base = name.empty() ? "prediction" : name;
    for (int64_t k = 0; k < flat.size(1); ++k) {
      header +=
          "," +
          csv_field(flat.size(1) == 1 ? base : base + "_" + std::to_string(k));
    }
    tables.push_back(flat);
  }
  std::string text = header + "\n";
  for (std::size_t row = 0; row < rows.size(); ++row) {
    text += std::to_string(rows[row]);
    for (const at::Tensor& table : tables) {
      const auto width = static_cast<std::size_t>(table.size(1));
      for (std::size_t k = 0; k < width; ++k) {
        text += ",";
        append(text, table, row * width + k);
      }
    }
    text += "\n";
  }
  return text;
}

}  // namespace

PredictionWriter::PredictionWriter(PredictionWriterOptions options)
    : BasePredictionWriter(options.write_interval),
      options_(std::move(options)) {
  if (options_.filename.empty() ||
      options_.filename.find('/') != std::string::npos) {
    throw ConfigError({.where = kPredictionWriter,
                       .what = "filename is no name of a file",
                       .got = "\"" + options_.filename + "\"",
                       .expected = "a name without folders"});
  }
}

void PredictionWriter::write_on_batch_end(Trainer& trainer, Module&,
                                          const Prediction& prediction,
                                          const Indices& batch_indices,
                                          const AnyBatch&,
                                          const StepContext& step) {
  write(trainer,
        "_loader" + std::to_string(step.dataloader_idx) + "_batch" +
            std::to_string(step.batch_idx),
        {prediction}, {batch_indices});
}

void PredictionWriter::write_on_epoch_end(
    Trainer& trainer, Module&,
    const std::vector<std::vector<Prediction>>& predictions,
    const std::vector<std::vector<Indices>>& batch_indices) {
  for (std::size_t k = 0; k < predictions.size(); ++k) {
    write(trainer, predictions.size() == 1 ? "" : "_loader" + std::to_string(k),
          predictions[k], batch_indices[k]);
  }
}

void PredictionWriter::write(const Trainer& trainer, const std::string& name,
                             const std::vector<Prediction>& batches,
                             const std::vector<Indices>& indices) {
  if (!trainer.is_global_zero()) return;
  Leaves leaves;
  for (const Prediction& prediction : batches) {
    add_leaves(prediction, "", leaves);
  }
  std::map<std::string, at::Tensor> arrays;
  for (const auto& [leaf, parts] : leaves) arrays[leaf] = joined(parts, leaf);
  if (arrays.empty()) return;
  // An absolute path stays what it is.
  const std::filesystem::path stem = trainer.log_dir() /
                                     expand_user(options_.dirpath) /
                                     (options_.filename + name);
  if (options_.format == PredictionFormat::kCsv) {
    files_.push_back(stem.string() + ".csv");
    write_atomic(files_.back(), csv_of(arrays, indices));
    return;
  }
  for (const auto& [leaf, array] : arrays) {
    files_.push_back(stem.string() + (leaf.empty() ? "" : "." + leaf) + ".npy");
    write_npy(files_.back(), array);
  }
}

}  // namespace bolt
