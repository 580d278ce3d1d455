#include <gtest/gtest.h>
#include <torch/torch.h>
#include <torchbolt/torchbolt.h>

#include <cstdint>
#include <exception>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "support/small_run.h"
#include "support/temp_dir.h"

// A file that is whole, and whose content isn't what it should be: an error
// that names the file, or a run.

namespace bolt::testing {
namespace {

std::string key_text(const State::Key& key) {
  if (const auto* text = std::get_if<std::string>(&key)) return *text;
  return std::to_string(std::get<int64_t>(key));
}

/// Calls with the name of each node of a tree, and a tree with that node
/// replaced.
void replace_each(
    const State& node, const std::string& name, const State& value,
    const std::function<State(const State&)>& in,
    const std::function<void(const std::string&, const State&)>& call) {
  call(name, in(value));
  if (node.is_map()) {
    for (const auto& [key, child] : node.entries()) {
      replace_each(
          child, name + "/" + key_text(key), value,
          [&, at = key](const State& put) {
            State copy = node;
            copy.set(at, put);
            return in(copy);
          },
          call);
    }
  }
  if (node.is_list() || node.is_tuple()) {
    for (std::size_t k = 0; k < node.size(); ++k) {
      replace_each(
          node.items()[k], name + "/" + std::to_string(k), value,
          [&, k](const State& put) {
            State copy = node;
            copy.items()[k] = put;
            return in(copy);
          },
          call);
    }
  }
}

class HostileResume : public ::testing::TestWithParam<State> {};

TEST_P(HostileResume, GivesAnErrorOfOursOrARun) {
  const TempDir dir;
  const auto memory = std::make_shared<Memory>();
  Small first;
  fit_small(first, dir.path() / "first", memory);
  const State tree = memory->saved;
  int refused = 0, all = 0;
  const State& value = GetParam();
  replace_each(
      tree, "", value, [](const State& whole_tree) { return whole_tree; },
      [&](const std::string& name, const State& changed) {
        memory->saved = changed;
        ++all;
        try {
          Small model;
          fit_small(model, dir.path() / "again", memory);
        } catch (const ConfigError&) {
          ++refused;  // a value that doesn't fit what the module logs
        } catch (const Error& error) {
          ++refused;
          const std::string message = error.what();
          // The averages are looked at when the weights are known.
          EXPECT_TRUE(message.find("file.ckpt") != std::string::npos ||
                      message.find("WeightAveraging") != std::string::npos)
              << name << " = " << value.to_string() << ": " << message;
        } catch (const std::exception& error) {
          ADD_FAILURE() << name << " = " << value.to_string() << ": "
                        << error.what();
        }
      });
  EXPECT_GT(all, 200);
  EXPECT_GT(refused, 50);
}

INSTANTIATE_TEST_SUITE_P(
    In, HostileResume,
    ::testing::Values(State(), State("text"), State(-1),
                      State(std::numeric_limits<int64_t>::max()),
                      State(std::numeric_limits<double>::quiet_NaN()),
                      State::list(), State::map({{"x", 1}}),
                      State(torch::ones({3, 2}))),
    [](const auto& test) {
      return std::string(to_string(test.param.kind())) +
             std::to_string(test.index);
    });

}  // namespace
}  // namespace bolt::testing
