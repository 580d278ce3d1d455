#include "tools/checkpoint.h"

#include <gtest/gtest.h>
#include <torch/torch.h>
#include <torchbolt/checkpoint/checkpoint.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/files.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "support/errors.h"
#include "support/temp_dir.h"

namespace bolt::tools {
namespace {

namespace fs = std::filesystem;
using testing::has;
using testing::message_of;

class CkptTool : public ::testing::Test {
 protected:
  fs::path file(const std::string& name) { return dir_.path() / name; }
  fs::path written(const std::string& name, const State& state) {
    write_checkpoint(file(name), state, {.durable = false});
    return file(name);
  }
  State lightning(double weight) {
    return State::map(
        {{"epoch", 3},
         {"state_dict", State::map({{"net.weight", torch::full({2, 3}, weight)},
                                    {"net.count", torch::tensor(int64_t{5})}})},
         {"optimizer_states",
          State::list({State::map(
              {{"state", State::map({{int64_t{0}, torch::ones(4)}})}})})},
         {"hyper_parameters", State::map({{"lr", 0.1}, {"name", "a\nb"}})},
         {"betas", State::tuple({0.9, 0.999})}});
  }

  testing::TempDir dir_;
};

TEST_F(CkptTool, ShowsTheTree) {
  const std::string text = show_checkpoint(written("a.ckpt", lightning(1)));
  EXPECT_TRUE(has(
      text, {"3 tensors, 11 numbers\n", "epoch", "  3\n",
             "state_dict\n  net.weight", "float32 [2, 3]  24 B", "  net.count",
             "int64 []  8 B", "optimizer_states\n  [0]\n    state\n      0",
             "(0.9, 0.999)", "\"a?b\""}));
  const State wide =
      State::map({{"\xc2\x9b"
                   "1m",
                   std::string(59, 'x') + "ää"}});
  const std::string line = "?1m  \"" + std::string(58, 'x') + "…\n";
  EXPECT_TRUE(has(show_checkpoint(written("c.ckpt", wide)), {line.c_str()}));
  EXPECT_TRUE(has(show_checkpoint(written("b.ckpt", torch::ones(2))),
                  {"1 tensor, 2 numbers", "(the whole)", "float32 [2]"}));
}

TEST_F(CkptTool, ShowsItForPrograms) {
  const auto json =
      nlohmann::json::parse(checkpoint_json(written("a.ckpt", lightning(1))));
  EXPECT_EQ(json["epoch"], 3);
  const auto& weight = json["state_dict"]["net.weight"];
  EXPECT_EQ(weight["dtype"], "float32");
  EXPECT_EQ(weight["shape"], nlohmann::json({2, 3}));
  EXPECT_EQ(weight["bytes"], 24);
  EXPECT_EQ(json["optimizer_states"][0]["state"]["0"]["shape"][0], 4);
}

TEST_F(CkptTool, VerifiesBothFormats) {
  EXPECT_TRUE(has(verify_checkpoint_file(written("a.ckpt", lightning(1))),
                  {"whole, 3 tensors", "all checksums are right"}));
  write_safetensors(file("a.safetensors"), {{"w", torch::ones(2)}});
  EXPECT_TRUE(has(verify_checkpoint_file(file("a.safetensors")),
                  {"whole, 1 tensor", "no checksums"}));
  std::string bytes = read_file(file("a.ckpt"));
  bytes.resize(bytes.size() / 2);
  write_atomic(file("a.ckpt"), bytes);
  EXPECT_TRUE(has(message_of<CheckpointError>(
                      [&] { verify_checkpoint_file(file("a.ckpt")); }),
                  {"cut short"}));
}

TEST_F(CkptTool, SaysWhatDiffers) {
  const fs::path a = written("a.ckpt", lightning(1));
  EXPECT_EQ(diff_checkpoints(a, a), "");
  State other = lightning(1);
  other["state_dict"]["net.weight"].as_tensor()[1][2] = 1.5;
  other["epoch"] = 4;
  other.erase(State::Key("betas"));
  other["new"] = true;
  const std::string text = diff_checkpoints(a, written("b.ckpt", other));
  EXPECT_TRUE(
      has(text, {"~ epoch  3 → 4\n", "- betas  (0.9, 0.999)\n", "+ new  true\n",
                 "~ state_dict / net.weight  float32 [2, 3]: 1 of 6 "
                 "differ, by up to 0.5\n"}));
  other["state_dict"]["net.weight"].as_tensor()[0][0] = std::nan("");
  EXPECT_TRUE(has(diff_checkpoints(a, written("b.ckpt", other)),
                  {"2 of 6 differ, by up to nan"}));
  EXPECT_TRUE(has(diff_checkpoints(written("c.ckpt", torch::zeros(2)),
                                   written("d.ckpt", -torch::zeros(2))),
                  {"equal, in other bits"}));
  // Doubles would be the same.
  const int64_t large = int64_t{1} << 53;
  EXPECT_TRUE(has(diff_checkpoints(written("c.ckpt", torch::tensor(large)),
                                   written("d.ckpt", torch::tensor(large + 1))),
                  {"1 of 1 differ"}));
  other["state_dict"]["net.weight"] = torch::ones({4});
  EXPECT_TRUE(has(diff_checkpoints(a, written("b.ckpt", other)),
                  {"float32 [2, 3] → float32 [4]"}));
}

TEST_F(CkptTool, ConvertsBothWays) {
  const fs::path a = written("a.ckpt", lightning(2));
  convert_checkpoint(a, file("a.safetensors"));
  const Safetensors weights = read_safetensors(file("a.safetensors"));
  EXPECT_EQ(weights.tensors.size(), 2U);
  EXPECT_EQ(weights.metadata.at("format"), "pt");
  convert_checkpoint(file("a.safetensors"), file("b.ckpt"));
  const State back = read_checkpoint(file("b.ckpt"));
  EXPECT_EQ(back.at("state_dict").at("net.weight"),
            lightning(2).at("state_dict").at("net.weight"));
  EXPECT_TRUE(has(message_of<CheckpointError>([&] {
                    convert_checkpoint(
                        written("c.ckpt", State::map({{"a", 1}})),
                        file("c.safetensors"));
                  }),
                  {"c.ckpt", "no weights"}));
}

TEST_F(CkptTool, AveragesWeights) {
  average_checkpoints(
      {written("a.ckpt", lightning(1)), written("b.ckpt", lightning(2)),
       written("c.ckpt", lightning(6))},
      file("mean.ckpt"));
  const State mean = read_checkpoint(file("mean.ckpt"));
  EXPECT_TRUE(torch::equal(mean.at("state_dict").at("net.weight").as_tensor(),
                           torch::full({2, 3}, 3.0)));
  EXPECT_EQ(mean.at("state_dict").at("net.count").as_tensor().item<int64_t>(),
            5);
  EXPECT_EQ(mean.at("hyper_parameters"), lightning(1).at("hyper_parameters"));
  EXPECT_FALSE(mean.contains("optimizer_states"));
  State other = lightning(1);
  other["state_dict"]["more"] = torch::ones(1);
  EXPECT_TRUE(has(message_of<CheckpointError>([&] {
                    average_checkpoints(
                        {file("a.ckpt"), written("d.ckpt", other)},
                        file("e.ckpt"));
                  }),
                  {"d.ckpt", "not those of the first"}));
  // Of the same names and shapes, and whole numbers in place of others.
  other = lightning(1);
  other["state_dict"]["net.weight"] = torch::ones({2, 3}, at::kLong);
  EXPECT_TRUE(has(message_of<CheckpointError>([&] {
                    average_checkpoints(
                        {written("d.ckpt", other), file("a.ckpt")},
                        file("e.ckpt"));
                  }),
                  {"a.ckpt", "net.weight"}));
}

TEST_F(CkptTool, AveragesAllOfATensorThatAnotherIsPartOf) {
  const auto state = [](double value) {
    const at::Tensor all = torch::full({3}, value);
    return State::map({{"a", all.slice(0, 0, 2)}, {"b", all}});
  };
  average_checkpoints(
      {written("a.ckpt", state(1)), written("b.ckpt", state(3))},
      file("mean.ckpt"));
  EXPECT_TRUE(
      torch::equal(read_checkpoint(file("mean.ckpt")).at("b").as_tensor(),
                   torch::full({3}, 2.0)));
}

// Half precision would lose what 2,000 ones add to 2,048.
TEST_F(CkptTool, AveragesHalfPrecisionInFloatAndKeepsTiedWeightsTied) {
  const auto state = [](double value) {
    const at::Tensor tied = torch::full({3}, value, at::kHalf);
    return State::map({{"a", tied}, {"b", tied}});
  };
  average_checkpoints(
      {written("a.ckpt", state(2048)), written("b.ckpt", state(1)),
       written("c.ckpt", state(1)), written("d.ckpt", state(2))},
      file("mean.ckpt"));
  const State mean = read_checkpoint(file("mean.ckpt"));
  EXPECT_EQ(mean.at("a").as_tensor()[0].item<double>(), 513);
  EXPECT_TRUE(mean.at("a").as_tensor().is_alias_of(mean.at("b").as_tensor()));
}

TEST_F(CkptTool, AveragesTypesThatHaveNoSums) {
  const auto state = [](double value) {
    return State::map({{"a", torch::full({3}, value).to(at::kFloat8_e4m3fn)}});
  };
  average_checkpoints(
      {written("a.ckpt", state(1)), written("b.ckpt", state(2))},
      file("mean.ckpt"));
  const at::Tensor mean =
      read_checkpoint(file("mean.ckpt")).at("a").as_tensor();
  EXPECT_EQ(mean.scalar_type(), at::kFloat8_e4m3fn);
  EXPECT_EQ(mean.to(at::kFloat)[0].item<double>(), 1.5);
}

}  // namespace
}  // namespace bolt::tools
