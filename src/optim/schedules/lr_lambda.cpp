#include <torchbolt/core/error.h>
#include <torchbolt/optim/schedules/lr_lambda.h>

#include <string>

namespace bolt::optim {

void LRLambda::check(std::size_t groups, std::string_view where) const {
  const auto refuse = [&](std::string what, std::string got) {
    throw ConfigError(
        {.where = std::string(where),
         .what = std::move(what),
         .got = std::move(got),
         .tip = ".lr_lambda = [](int64_t epoch) { return 1.0; }"});
  };
  if (functions_.empty()) refuse("lr_lambda is not set", "");
  for (const Function& function : functions_) {
    if (!function) refuse("lr_lambda is empty", "a null function");
  }
  if (!single_ && functions_.size() != groups) {
    refuse("lr_lambda must have one function for each parameter group",
           std::to_string(functions_.size()) + " functions, " +
               std::to_string(groups) + " groups");
  }
}

double LRLambda::operator()(std::size_t group, int64_t epoch) const {
  if (single_) return functions_.front()(epoch);
  if (group < functions_.size()) return functions_[group](epoch);
  throw ConfigError(
      {.where = "lr_lambda",
       .what = "parameter group " + std::to_string(group) + " has no function",
       .tip = "give one function for all groups"});
}

}  // namespace bolt::optim
