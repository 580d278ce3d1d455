#include "optim/schedule_state.h"

#include <torchbolt/core/error.h>

#include <algorithm>
#include <string>

namespace bolt::optim {

void check_is_map(const State& state, std::string_view where) {
  if (state.is_map()) return;
  throw CheckpointError({.where = std::string(where),
                         .what = "this is not the state of a schedule",
                         .got = std::string(to_string(state.kind())),
                         .expected = "a map"});
}

State list_of(const std::vector<double>& values) {
  return State::list({values.begin(), values.end()});
}

namespace {

std::vector<double> numbers(const State& state, std::string_view key) {
  std::vector<double> values;
  for (const State& item : state.at(key).items()) {
    values.push_back(item.as_double());
  }
  return values;
}

[[noreturn]] void other_groups(std::size_t saved, std::string_view key,
                               std::size_t groups, std::string_view where) {
  throw CheckpointError(
      {.where = std::string(where),
       .what = "the state is of an optimizer with other "
               "parameter groups",
       .got = std::to_string(saved) + " values in " + std::string(key),
       .expected = std::to_string(groups)});
}

}  // namespace

std::vector<double> doubles(const State& state, std::string_view key,
                            std::size_t count, std::string_view where) {
  std::vector<double> values = numbers(state, key);
  if (values.size() != count) other_groups(values.size(), key, count, where);
  return values;
}

std::vector<double> group_rates(const State& state, std::string_view key,
                                std::size_t groups,
                                const std::vector<double>& now,
                                std::string_view where) {
  std::vector<double> rates = numbers(state, key);
  if (rates.size() > groups) other_groups(rates.size(), key, groups, where);
  for (std::size_t i = rates.size(); i < std::min(groups, now.size()); ++i) {
    rates.push_back(now[i]);
  }
  return rates;
}

std::size_t index_of(const State& state, std::string_view key,
                     const std::vector<std::string_view>& names,
                     std::string_view where) {
  const std::string& text = state.at(key).as_string();
  const auto found = std::find(names.begin(), names.end(), text);
  if (found != names.end()) {
    return static_cast<std::size_t>(found - names.begin());
  }
  std::string expected;
  for (const std::string_view name : names) {
    if (!expected.empty()) expected += ", ";
    expected += name;
  }
  throw CheckpointError(
      {.where = std::string(where),
       .what = "the value of " + std::string(key) + " is not known",
       .got = text,
       .expected = expected});
}

int64_t positive(const State& state, std::string_view key,
                 std::string_view where) {
  const int64_t value = state.at(key).as_int();
  if (value >= 1) return value;
  throw CheckpointError(
      {.where = std::string(where),
       .what = std::string(key) + " has a wrong value in the state",
       .got = std::to_string(value),
       .expected = "at least 1"});
}

int64_t integer_key(const State::Key& key, std::string_view field,
                    std::string_view where) {
  if (const auto* number = std::get_if<int64_t>(&key)) return *number;
  throw CheckpointError(
      {.where = std::string(where),
       .what = "a key of " + std::string(field) + " is not an integer",
       .got = std::get<std::string>(key)});
}

void check_milestones(const std::vector<int64_t>& milestones,
                      std::string_view where) {
  const bool ordered = std::is_sorted(milestones.begin(), milestones.end());
  if (ordered && (milestones.empty() || milestones.front() >= 0)) return;
  std::string got;
  for (const int64_t milestone : milestones) {
    if (!got.empty()) got += ", ";
    got += std::to_string(milestone);
  }
  throw ConfigError({.where = std::string(where),
                     .what = "the milestones are not in order",
                     .got = got,
                     .expected = "epochs from 0 on, none smaller than the one "
                                 "before it"});
}

}  // namespace bolt::optim
