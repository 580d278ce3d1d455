#include <torchbolt/core/error.h>
#include <torchbolt/core/log.h>
#include <torchbolt/distributed/rank.h>

#include <atomic>
#include <charconv>
#include <string>
#include <utility>

#include "core/environment.h"
#include "distributed/rank_zero.h"

namespace bolt {
namespace {

struct Variable {
  const char* name = nullptr;  // none of them is set
  std::string text{};
};

Variable rank_variable() {
  for (const char* name :
       {"RANK", "LOCAL_RANK", "SLURM_PROCID", "JSM_NAMESPACE_RANK"}) {
    if (std::string text = detail::environment(name); !text.empty()) {
      return {name, std::move(text)};
    }
  }
  return {};
}

int64_t rank_of(const Variable& variable) {
  const auto& [name, text] = variable;
  if (name == nullptr) return 0;
  int64_t rank = -1;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, rank);
  if (read.ec != std::errc() || read.ptr != end || rank < 0) {
    throw ConfigError({.where = name,
                       .what = "the environment's rank is no rank",
                       .got = "\"" + text + "\"",
                       .expected = "a whole number, 0 or more",
                       .tip = "unset it, or set RANK=0"});
  }
  return rank;
}

}  // namespace

int64_t process_rank() { return rank_of(rank_variable()); }

bool detail::is_rank_zero() {
  const Variable variable = rank_variable();
  const int64_t rank = rank_of(variable);
  if (rank == 0) return true;
  static std::atomic<bool> said{false};
  if (said.exchange(true)) return false;
  const std::string name = variable.name;
  log_warning("this process is rank " + std::to_string(rank) + " of its job (" +
              name +
              "): its loggers write nothing; those of rank 0 do. A run of "
              "its own logs with " +
              name + "=0");
  return false;
}

}  // namespace bolt
