#pragma once

#include <ATen/core/Tensor.h>
#include <torchbolt/data/batch.h>
#include <torchbolt/export.h>

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace bolt {

namespace detail {
/// Stacks tensors of one shape along a new first dimension. Throws DataError
/// naming the sample that differs. `field` says which part of the sample.
TORCHBOLT_API at::Tensor stack_samples(const std::vector<at::Tensor>& tensors,
                                       const std::string& field);
/// Numbers of the samples as one tensor: int64 or float.
TORCHBOLT_API at::Tensor stack_numbers(const std::vector<int64_t>& numbers);
TORCHBOLT_API at::Tensor stack_numbers(const std::vector<double>& numbers);
/// The error of a sample whose map has other keys than the first one's.
[[noreturn]] TORCHBOLT_API void throw_other_keys(const std::string& field,
                                                 std::size_t k);
}  // namespace detail

/// Makes one batch of samples: tensors are stacked along a new first dimension,
/// numbers become a tensor, Examples, tuples and maps are stacked part by part,
/// texts and everything else become a vector. Throws DataError naming the
/// sample whose shape differs. A free function `collate(std::vector<Sample>)`
/// beside the sample type takes this one's place.
template <class Sample>
auto default_collate(std::vector<Sample> samples,
                     const std::string& field = "sample") {
  if constexpr (std::is_same_v<Sample, at::Tensor>) {
    return detail::stack_samples(samples, field);
  } else if constexpr (std::is_arithmetic_v<Sample>) {
    if constexpr (std::is_floating_point_v<Sample>) {
      return detail::stack_numbers(
          std::vector<double>(samples.begin(), samples.end()));
    } else {
      return detail::stack_numbers(
          std::vector<int64_t>(samples.begin(), samples.end()));
    }
  } else if constexpr (detail::IsDataOnlyExample<Sample>) {
    std::vector<at::Tensor> data;
    for (auto& sample : samples) data.push_back(std::move(sample.data));
    return torch::data::TensorExample(
        detail::stack_samples(data, field + ".data"));
  } else if constexpr (detail::IsExample<Sample>) {
    std::vector<decltype(Sample::data)> data;
    std::vector<decltype(Sample::target)> target;
    for (auto& sample : samples) {
      data.push_back(std::move(sample.data));
      target.push_back(std::move(sample.target));
    }
    auto x = default_collate(std::move(data), field + ".data");
    auto y = default_collate(std::move(target), field + ".target");
    return torch::data::Example<decltype(x), decltype(y)>(std::move(x),
                                                          std::move(y));
  } else if constexpr (detail::IsTuple<Sample>::value) {
    return [&]<std::size_t... K>(std::index_sequence<K...>) {
      const auto part = [&]<std::size_t I>() {
        std::vector<std::tuple_element_t<I, Sample>> parts;
        for (auto& sample : samples) {
          parts.push_back(std::move(std::get<I>(sample)));
        }
        return default_collate(std::move(parts),
                               field + "[" + std::to_string(I) + "]");
      };
      return std::make_tuple(part.template operator()<K>()...);
    }(std::make_index_sequence<std::tuple_size_v<Sample>>());
  } else if constexpr (detail::IsMapping<Sample>::value) {
    using Key = typename Sample::key_type;
    std::map<Key, std::vector<typename Sample::mapped_type>> parts;
    for (std::size_t k = 0; k < samples.size(); ++k) {
      bool fits = samples[k].size() == samples.front().size();
      for (auto& [key, value] : samples[k]) {
        auto& part = parts[key];
        fits = fits && part.size() == k;
        part.push_back(std::move(value));
      }
      if (!fits) detail::throw_other_keys(field, k);
    }
    using Value =
        decltype(default_collate(std::vector<typename Sample::mapped_type>()));
    std::map<Key, Value> batch;
    for (auto& [key, values] : parts) {
      batch.emplace(key, default_collate(std::move(values), field));
    }
    return batch;
  } else {
    return samples;
  }
}

}  // namespace bolt
