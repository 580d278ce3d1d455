// Files that Python's torch and Lightning wrote (files/make_files.py).

#include <gtest/gtest.h>
#include <torch/torch.h>
#include <torchbolt/checkpoint/checkpoint_file.h>
#include <torchbolt/core/files.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "support/temp_dir.h"

namespace bolt {
namespace {

using nlohmann::json;

const std::filesystem::path kFiles = TORCHBOLT_CHECKPOINT_FILES;

json described(const State& state) {
  switch (state.kind()) {
    case State::Kind::kNone:
      return nullptr;
    case State::Kind::kBool:
      return state.as_bool();
    case State::Kind::kInt:
      return state.as_int();
    case State::Kind::kDouble:
      return state.as_double();
    case State::Kind::kString:
      return state.as_string();
    case State::Kind::kTensor: {
      const at::Tensor& tensor = state.as_tensor();
      const at::Tensor numbers = tensor.to(at::kDouble).flatten();
      return {{"tensor",
               {"torch." +
                    std::string(c10::getDtypeNames(tensor.scalar_type()).first),
                tensor.sizes().vec(),
                std::vector<double>(
                    numbers.const_data_ptr<double>(),
                    numbers.const_data_ptr<double>() + numbers.numel())}}};
    }
    case State::Kind::kList:
    case State::Kind::kTuple: {
      json items = json::array();
      for (const State& item : state.items()) items.push_back(described(item));
      return {{std::string(to_string(state.kind())), items}};
    }
    case State::Kind::kMap: {
      json entries = json::array();
      for (const auto& [key, value] : state.entries()) {
        json name;
        std::visit([&](const auto& k) { name = k; }, key);
        entries.push_back(json::array({name, described(value)}));
      }
      return {{"map", entries}};
    }
  }
  return nullptr;
}

json expected() { return json::parse(read_file(kFiles / "expected.json")); }

TEST(PythonFiles, HoldWhatPythonReadsInThem) {
  const json all = expected();
  EXPECT_GE(all.size(), 6U);
  for (const auto& [name, value] : all.items()) {
    EXPECT_NO_THROW(verify_checkpoint(kFiles / name)) << name;
    EXPECT_EQ(described(read_checkpoint(kFiles / name)), value) << name;
  }
}

TEST(PythonFiles, AreTheSameWhenWrittenAgain) {
  const testing::TempDir dir;
  const json all = expected();  // outlives its items()
  for (const auto& [name, value] : all.items()) {
    const State state = read_checkpoint(kFiles / name);
    write_checkpoint(dir.path() / name, state, {.durable = false});
    EXPECT_EQ(read_checkpoint(dir.path() / name), state) << name;
  }
}

TEST(PythonFiles, KeepTheirSharedStorage) {
  const State state = read_checkpoint(kFiles / "torch_protocol2.ckpt");
  const auto& shared = state.at("shared").items();
  EXPECT_TRUE(shared[0].as_tensor().is_alias_of(shared[1].as_tensor()));
  shared[0].as_tensor()[1][0] = -1;
  EXPECT_EQ(shared[1].as_tensor()[0][1].item<double>(), -1);
  EXPECT_EQ(shared[2].as_tensor()[0][0].item<double>(), -1);
}

TEST(PythonFiles, OfLightningHaveItsKeys) {
  const State state = read_checkpoint(kFiles / "lightning_adamw.ckpt");
  EXPECT_EQ(state.at("epoch").as_int(), 2);
  EXPECT_EQ(state.at("global_step").as_int(), 6);
  EXPECT_EQ(state.at("hyper_parameters").at("lr").as_double(), 0.01);
  EXPECT_EQ(state.at("state_dict").at("net.0.weight").as_tensor().sizes(),
            at::IntArrayRef({3, 2}));
  EXPECT_TRUE(state.at("optimizer_states")
                  .items()[0]
                  .at("state")
                  .at(State::Key(0))
                  .contains("exp_avg"));
  EXPECT_EQ(state.at("lr_schedulers")
                .items()[0]
                .at("milestones")
                .at(State::Key(1))
                .as_int(),
            2);
}

}  // namespace
}  // namespace bolt
