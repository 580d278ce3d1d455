#include "data/loader_checks.h"

#include <torchbolt/core/error.h>
#include <torchbolt/data/loader.h>

#include <string>

namespace bolt::detail {
namespace {

// More than any machine has use for; what is above is a slip, and would take
// all threads that the system has.
constexpr int64_t kMostWorkers = 1024;
constexpr int64_t kMostPrefetch = 1 << 16;

void check_most(const char* where, const char* option, int64_t value,
                int64_t most) {
  if (value <= most) return;
  throw ConfigError({.where = where,
                     .what = std::string(option) + " is too large",
                     .got = std::to_string(value),
                     .expected = "at most " + std::to_string(most)});
}

}  // namespace

void check_least(const char* where, const char* option, int64_t value,
                 int64_t least) {
  if (value >= least) return;
  throw ConfigError({.where = where,
                     .what = std::string(option) + " is too small",
                     .got = std::to_string(value),
                     .expected = "at least " + std::to_string(least)});
}

void check_workers(const char* where, int64_t num_workers,
                   int64_t prefetch_factor) {
  check_least(where, "num_workers", num_workers, 0);
  check_most(where, "num_workers", num_workers, kMostWorkers);
  check_least(where, "prefetch_factor", prefetch_factor, 1);
  check_most(where, "prefetch_factor", prefetch_factor, kMostPrefetch);
}

void throw_bad_size(const std::string& size) {
  throw DataError({.where = "loader",
                   .what = "size() is no number of batches",
                   .got = size,
                   .expected = "0 or more",
                   .tip = "leave size() out where the loader has no end, and "
                          "set limit_train_batches or max_steps"});
}

void throw_no_loader() {
  throw ConfigError({.where = "Loaders",
                     .what = "there is no loader",
                     .got = "a null pointer"});
}

}  // namespace bolt::detail
