#include <torchbolt/core/error.h>
#include <torchbolt/data/index_view.h>
#include <torchbolt/data/sampler.h>

#include <algorithm>
#include <cmath>
#include <string>

namespace bolt::detail {
namespace {

ConfigError wrong_split(std::string what, std::string got,
                        std::string expected) {
  return ConfigError({.where = "random_split",
                      .what = std::move(what),
                      .got = std::move(got),
                      .expected = std::move(expected)});
}

std::shared_ptr<const std::vector<int64_t>> permutation(uint64_t seed,
                                                        int64_t size) {
  RandomSampler sampler(size, seed);
  const std::span<const int64_t> order = sampler.order(0);
  return std::make_shared<const std::vector<int64_t>>(order.begin(),
                                                      order.end());
}

// Rounds shares down; what that leaves goes to the first ones, one each.
std::vector<int64_t> counts_of(std::span<const SplitPart> parts, int64_t size) {
  std::vector<int64_t> counts;
  double sum = 0;
  int64_t given = 0;
  for (const SplitPart& part : parts) {
    if (part.is_share() != parts.front().is_share()) {
      throw wrong_split("shares and counts are mixed", "both", "one of them");
    }
    if (!(part.value() >= 0)) {
      throw wrong_split("a part is negative", std::to_string(part.value()),
                        "at least 0");
    }
    sum += part.value();
    const double exact = part.is_share()
                             ? static_cast<double>(size) * part.value()
                             : part.value();
    counts.push_back(static_cast<int64_t>(std::floor(exact)));
    given += counts.back();
  }
  const bool shares = !parts.empty() && parts.front().is_share();
  if (shares ? std::abs(sum - 1) > 1e-9 : given != size) {
    throw wrong_split(shares ? "the shares don't add up"
                             : "the counts don't add up to the dataset",
                      shares ? std::to_string(sum) : std::to_string(given),
                      shares ? "1" : std::to_string(size));
  }
  for (std::size_t k = 0; given < size; k = (k + 1) % counts.size(), ++given) {
    ++counts[k];
  }
  return counts;
}

}  // namespace

Selection select(std::vector<int64_t> indices, int64_t size) {
  for (const int64_t index : indices) {
    if (index >= 0 && index < size) continue;
    throw DataError({.where = "subset",
                     .what = "the dataset has no such sample",
                     .got = "index " + std::to_string(index),
                     .expected = "0 to " + std::to_string(size - 1) + ", of " +
                                 std::to_string(size) + " samples"});
  }
  const auto count = static_cast<int64_t>(indices.size());
  return {.size = count,
          .listed =
              std::make_shared<const std::vector<int64_t>>(std::move(indices))};
}

Selection select_range(int64_t first, int64_t last, int64_t size) {
  if (first < 0 || last < first || last > size) {
    throw DataError(
        {.where = "subset",
         .what = "the dataset has no such samples",
         .got = "from " + std::to_string(first) + " to before " +
                std::to_string(last),
         .expected = "a part of 0 to before " + std::to_string(size)});
  }
  return {.size = last - first, .first = first};
}

Selection select_shard(int64_t index, int64_t count, int64_t size) {
  if (count < 1 || index < 0 || index >= count) {
    throw ConfigError({.where = "shard",
                       .what = "there is no such shard",
                       .got = "shard " + std::to_string(index) + " of " +
                              std::to_string(count),
                       .expected = "0 <= index < count"});
  }
  return {.size = index < size ? (size - index - 1) / count + 1 : 0,
          .first = index,
          .step = count};
}

Selection select_shuffled(uint64_t seed, int64_t size) {
  return {.size = size, .listed = permutation(seed, size)};
}

std::vector<Selection> select_split(std::span<const SplitPart> parts,
                                    uint64_t seed, int64_t size) {
  const std::vector<int64_t> counts = counts_of(parts, size);
  const auto order = permutation(seed, size);
  std::vector<Selection> views;
  int64_t first = 0;
  for (const int64_t count : counts) {
    views.push_back({.size = count, .first = first, .listed = order});
    first += count;
  }
  return views;
}

}  // namespace bolt::detail
