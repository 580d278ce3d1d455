#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>

#include "optim/support.h"
#include "support/schedules.h"

// Every schedule against Python's torch.optim.lr_scheduler; see
// make_lr_golden.py.

namespace bolt {
namespace {

using Json = nlohmann::json;
using OptimizerPtr = std::shared_ptr<torch::optim::Optimizer>;

const Json& golden() {
  static const Json all = [] {
    std::ifstream file(TORCHBOLT_LR_GOLDEN);
    return Json::parse(file);
  }();
  return all;
}

constexpr double kTolerance = 1e-12;

bool close(double a, double b) {
  return a == b || std::abs(a - b) <= kTolerance * std::abs(b);
}

// A column of numbers, in which [x, n] stands for n of x.
std::vector<double> unpacked(const Json& column) {
  std::vector<double> values;
  for (const Json& item : column) {
    const bool many = item.is_array();
    values.insert(values.end(), many ? item[1].get<std::size_t>() : 1,
                  many ? item[0].get<double>() : item.get<double>());
  }
  return values;
}

State state_from(const Json& value, bool counts = false) {
  if (value.is_object()) {
    State map = State::map();
    for (const auto& [key, item] : value.items()) {
      map.set(counts ? State::Key(int64_t{std::stoi(key)}) : State::Key(key),
              state_from(item, key == "milestones"));
    }
    return map;
  }
  if (value.is_array()) {
    State list = State::list();
    for (const Json& item : value) list.push_back(state_from(item));
    return list;
  }
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number_integer()) return value.get<int64_t>();
  if (value.is_number()) return value.get<double>();
  if (value == "inf") return std::numeric_limits<double>::infinity();
  if (value == "-inf") return -std::numeric_limits<double>::infinity();
  if (value.is_string()) return value.get<std::string>();
  return {};
}

std::optional<double> number_in(const State& state) {
  if (!state.is_int() && !state.is_double()) return std::nullopt;
  return state.as_double();
}

// A sequence within another has these two in Python, where nothing reads them.
bool unread(const State& state, const State::Key& key) {
  return state.contains("_schedulers") &&
         (key == State::Key("_is_initial") || key == State::Key("_step_count"));
}

// Where two states differ, in words; empty where they don't. A whole number may
// be an int in Python where it is a double here.
std::string difference(const State& ours, const State& pythons,
                       const std::string& at = "state") {
  const auto x = number_in(ours), y = number_in(pythons);
  if (x && y && close(*x, *y)) return "";
  const std::string differs =
      at + ": " + ours.to_string() + " is not " + pythons.to_string();
  if (ours.kind() != pythons.kind()) return differs;
  if (ours.is_map()) {
    std::size_t read = 0;
    for (const auto& [key, value] : pythons.entries()) {
      if (unread(pythons, key)) continue;
      ++read;
      const State* own = ours.find(key);
      if (own == nullptr) return differs;
      const auto* name = std::get_if<std::string>(&key);
      const std::string found =
          difference(*own, value, at + "." + (name ? *name : "number"));
      if (!found.empty()) return found;
    }
    return ours.size() == read ? "" : differs;
  }
  if (ours.is_list()) {
    if (ours.size() != pythons.size()) return differs;
    for (std::size_t i = 0; i < ours.size(); ++i) {
      const std::string found = difference(ours.items()[i], pythons.items()[i],
                                           at + "[" + std::to_string(i) + "]");
      if (!found.empty()) return found;
    }
    return "";
  }
  return ours == pythons ? "" : differs;
}

OptimizerPtr ours(const Json& spec) {
  std::vector<optim::ParamGroup> groups;
  for (const Json& group : spec.at("groups")) {
    groups.push_back({.parameters = {torch::zeros({1}).set_requires_grad(true)},
                      .lr = group.at("lr").get<double>()});
  }
  std::shared_ptr<optim::Optimizer> made;
  if (spec.at("type") == "SGD") {
    made = std::make_shared<optim::SGD>(
        groups, optim::SGDOptions{.momentum = spec.at("momentum")});
  } else {
    made = std::make_shared<optim::AdamW>(groups);
  }
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const Json& group = spec.at("groups")[i];
    if (group.contains("initial_lr")) {
      made->extras(i)["initial_lr"] = group.at("initial_lr").get<double>();
    }
  }
  return made;
}

OptimizerPtr torchs(const Json& spec) {
  std::vector<torch::optim::OptimizerParamGroup> groups;
  for (const Json& group : spec.at("groups")) {
    std::unique_ptr<torch::optim::OptimizerOptions> options;
    if (spec.at("type") == "SGD") {
      auto sgd = std::make_unique<torch::optim::SGDOptions>(group.at("lr"));
      sgd->momentum(spec.at("momentum"));
      options = std::move(sgd);
    } else {
      options = std::make_unique<torch::optim::AdamWOptions>(group.at("lr"));
    }
    groups.emplace_back(
        std::vector<torch::Tensor>{torch::zeros({1}).set_requires_grad(true)},
        std::move(options));
  }
  if (spec.at("type") == "SGD") {
    return std::make_shared<torch::optim::SGD>(groups,
                                               torch::optim::SGDOptions(1));
  }
  return std::make_shared<torch::optim::AdamW>(groups);
}

double metric(int64_t step) {
  return 10 / static_cast<double>(step + 1) +
         static_cast<double>(step * 7919 % 101) / 101;
}

void step(LRScheduler& schedule, const Json& golden_case, int64_t at) {
  if (schedule.needs_metric()) {
    schedule.step(metric(at));
  } else if (golden_case.contains("step_by")) {
    schedule.as<optim::CosineAnnealingWarmRestarts>()->step(
        static_cast<double>(at) * golden_case.at("step_by").get<double>());
  } else {
    schedule.step();
  }
}

class LRGolden : public ::testing::TestWithParam<std::size_t> {
 protected:
  const Json& c = golden().at("cases")[GetParam()];
  const int64_t steps = golden().at("steps");
  const int64_t half = golden().at("half");
  const bool resumed = c.at("optimizer").at("groups")[0].contains("initial_lr");
  std::vector<std::vector<double>> lr = columns("lr");
  std::vector<std::vector<double>> momentum = columns("momentum");

  std::vector<std::vector<double>> columns(const char* name) const {
    std::vector<std::vector<double>> all;
    if (!c.contains(name)) return all;
    for (const Json& column : c.at(name)) all.push_back(unpacked(column));
    return all;
  }
  // Compares what the optimizer has with Python's after `step` steps.
  ::testing::AssertionResult same(torch::optim::Optimizer& optimizer,
                                  int64_t step) const {
    const auto t = static_cast<std::size_t>(step);
    for (std::size_t i = 0; i < lr.size(); ++i) {
      const double got = optimizer.param_groups()[i].options().get_lr();
      if (!close(got, lr[i][t])) {
        return ::testing::AssertionFailure()
               << c.at("name") << ", step " << step << ", group " << i << ": "
               << got << " is not " << lr[i][t];
      }
    }
    for (std::size_t i = 0; i < momentum.size(); ++i) {
      const double got = optim::momentum(optimizer, i).value();
      if (!close(got, momentum[i][t])) {
        return ::testing::AssertionFailure()
               << c.at("name") << ", step " << step << ", momentum of group "
               << i << ": " << got << " is not " << momentum[i][t];
      }
    }
    return ::testing::AssertionSuccess();
  }
  // What loading an optimizer's checkpoint does.
  void put(torch::optim::Optimizer& optimizer, int64_t step) const {
    const auto t = static_cast<std::size_t>(step);
    for (std::size_t i = 0; i < lr.size(); ++i) {
      optimizer.param_groups()[i].options().set_lr(lr[i][t]);
      if (!momentum.empty()) {
        optim::set_momentum(optimizer, i, momentum[i][t]);
      }
    }
  }
  void straight(const OptimizerPtr& optimizer) const {
    LRScheduler schedule = testing::schedule_from(c.at("schedule"), optimizer);
    EXPECT_EQ(schedule.name(), c.at("schedule").at("type").get<std::string>());
    ASSERT_TRUE(same(*optimizer, 0));
    for (int64_t t = 1; t <= steps; ++t) {
      step(schedule, c, t);
      ASSERT_TRUE(same(*optimizer, t));
      if (t != half) continue;
      EXPECT_EQ(difference(schedule.state(), state_from(c.at("state"))), "");
    }
  }
  // From a state at the half to the end.
  void rest(const OptimizerPtr& optimizer, const State& state) const {
    LRScheduler schedule = testing::schedule_from(c.at("schedule"), optimizer);
    put(*optimizer, half);
    schedule.load_state(state);
    EXPECT_EQ(difference(schedule.state(), state), "");
    for (int64_t t = half + 1; t <= steps; ++t) {
      step(schedule, c, t);
      ASSERT_TRUE(same(*optimizer, t));
    }
  }
};

TEST_P(LRGolden, OfOurOptimizers) { straight(ours(c.at("optimizer"))); }

TEST_P(LRGolden, OfTorchsOptimizers) {
  if (resumed) return;  // has no place for the first rates
  straight(torchs(c.at("optimizer")));
}

TEST_P(LRGolden, GoesOnFromPythonsState) {
  rest(ours(c.at("optimizer")), state_from(c.at("state")));
  if (!resumed) rest(torchs(c.at("optimizer")), state_from(c.at("state")));
}

TEST_P(LRGolden, GoesOnFromItsOwnState) {
  const OptimizerPtr optimizer = ours(c.at("optimizer"));
  LRScheduler schedule = testing::schedule_from(c.at("schedule"), optimizer);
  for (int64_t t = 1; t <= half; ++t) step(schedule, c, t);
  rest(ours(c.at("optimizer")), schedule.state());
}

std::string case_name(const ::testing::TestParamInfo<std::size_t>& info) {
  return golden().at("cases")[info.param].at("name").get<std::string>();
}

INSTANTIATE_TEST_SUITE_P(
    All, LRGolden,
    ::testing::Range<std::size_t>(0, golden().at("cases").size()), case_name);

}  // namespace
}  // namespace bolt
