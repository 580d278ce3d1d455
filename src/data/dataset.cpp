#include <ATen/ATen.h>
#include <torchbolt/core/error.h>
#include <torchbolt/data/dataset.h>
#include <torchbolt/data/loader.h>

#include <algorithm>
#include <exception>
#include <sstream>
#include <string>

namespace bolt {
namespace {

std::string shape(const at::Tensor& tensor) {
  std::ostringstream text;
  text << tensor.sizes();
  return text.str();
}

// Wraps the indices; nothing is copied.
at::Tensor index_tensor(std::span<const int64_t> indices) {
  return at::from_blob(const_cast<int64_t*>(indices.data()),
                       {static_cast<int64_t>(indices.size())}, at::kLong);
}

}  // namespace

TensorDataset::TensorDataset(at::Tensor data, at::Tensor target)
    : data_(std::move(data)), target_(std::move(target)) {
  const bool fit = data_.defined() && target_.defined() && data_.dim() > 0 &&
                   target_.dim() > 0 && data_.size(0) == target_.size(0);
  if (fit) return;
  throw DataError({.where = "TensorDataset",
                   .what = "data and target don't have the same number of "
                           "samples",
                   .got = !data_.defined() || !target_.defined()
                              ? "an undefined tensor"
                              : shape(data_) + " and " + shape(target_),
                   .expected = "the same first dimension"});
}

torch::data::Example<> TensorDataset::get_batch(
    std::span<const int64_t> indices) const {
  const at::Tensor index = index_tensor(indices).to(data_.device());
  return {data_.index_select(0, index),
          target_.index_select(0, index.to(target_.device()))};
}

torch::data::Example<> TensorDataset::get_range(int64_t first,
                                                int64_t count) const {
  return {data_.narrow(0, first, count), target_.narrow(0, first, count)};
}

namespace detail {

void rethrow_with_samples(std::span<const int64_t> indices) {
  std::string names;
  constexpr std::size_t kShown = 8;
  for (std::size_t k = 0; k < std::min(indices.size(), kShown); ++k) {
    names += (k == 0 ? "" : ", ") + std::to_string(indices[k]);
  }
  if (indices.size() > kShown) names += ", …";
  try {
    throw;
  } catch (const std::exception& error) {
    std::throw_with_nested(
        DataError({.where = "DataLoader",
                   .what = (indices.size() == 1 ? "sample " : "samples ") +
                           names + " can't be loaded: " + error.what()}));
  }
}

void throw_no_dataset() {
  throw ConfigError({.where = "DataLoader",
                     .what = "there is no dataset",
                     .got = "a null pointer"});
}

at::Tensor stack_samples(const std::vector<at::Tensor>& tensors,
                         const std::string& field) {
  for (std::size_t k = 0; k < tensors.size(); ++k) {
    if (tensors[k].defined() && tensors[k].sizes() == tensors[0].sizes()) {
      continue;
    }
    throw DataError(
        {.where = "DataLoader",
         .what = "the samples of a batch can't be stacked: " + field +
                 " of sample " + std::to_string(k) + " differs in shape",
         .got = tensors[k].defined() ? shape(tensors[k]) : "undefined",
         .expected = shape(tensors[0]) + ", as that of the batch's sample 0",
         .tip = "pad the samples, or write collate(std::vector<Sample>)"});
  }
  return at::stack(tensors);
}

void throw_other_keys(const std::string& field, std::size_t k) {
  throw DataError({.where = "DataLoader",
                   .what = "the samples of a batch can't be stacked: " + field +
                           " " + std::to_string(k) +
                           " has other keys than the first one",
                   .tip = "give all samples the same keys, or write "
                          "collate(std::vector<Sample>)"});
}

at::Tensor stack_numbers(const std::vector<int64_t>& numbers) {
  return at::tensor(numbers, at::kLong);
}

at::Tensor stack_numbers(const std::vector<double>& numbers) {
  return at::tensor(numbers, at::kDouble).to(at::kFloat);
}

}  // namespace detail
}  // namespace bolt
