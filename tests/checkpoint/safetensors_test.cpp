#include <gtest/gtest.h>
#include <torch/torch.h>
#include <torchbolt/checkpoint/safetensors.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/files.h>

#include <filesystem>
#include <map>
#include <string>

#include "support/errors.h"
#include "support/temp_dir.h"
#include "support/write_file.h"
#include "support/zip.h"

namespace bolt {
namespace {

using testing::has;
using testing::message_of;

class SafetensorsFile : public ::testing::Test {
 protected:
  // A file with this header, and that many bytes behind it.
  std::string error_of(const std::string& header, std::size_t data = 0) {
    return error_of_file(testing::little(header.size(), 8) + header +
                         std::string(data, '\1'));
  }
  std::string error_of_file(const std::string& bytes) {
    testing::write_file(path_, bytes);
    return message_of<CheckpointError>([&] { read_safetensors(path_); });
  }
  static std::string entry(const std::string& name, const std::string& offsets,
                           const std::string& type = "F32",
                           const std::string& shape = "[1]") {
    return "\"" + name + "\":{\"dtype\":\"" + type + "\",\"shape\":" + shape +
           ",\"data_offsets\":" + offsets + "}";
  }

  testing::TempDir dir_;
  std::filesystem::path path_ = dir_.path() / "m.safetensors";
};

TEST_F(SafetensorsFile, KeepsTensorsAndMetadata) {
  const at::Tensor all = torch::arange(24.0).view({4, 6});
  const std::map<std::string, at::Tensor> tensors{
      {"t", all.t()},
      {"scalar", torch::tensor(int64_t{5})},
      {"empty", torch::empty({0, 3})},
      {"bool", torch::tensor({true, false, true})},
      {"half \"quoted\" ä", all.to(at::kHalf)}};
  write_safetensors(path_, tensors, {{"format", "pt"}, {"note", "ä"}});
  const Safetensors back = read_safetensors(path_);
  EXPECT_EQ(back.metadata.at("note"), "ä");
  EXPECT_EQ(back.metadata.size(), 2U);
  ASSERT_EQ(back.tensors.size(), tensors.size());
  for (const auto& [name, tensor] : tensors) {
    EXPECT_TRUE(torch::equal(back.tensors.at(name), tensor)) << name;
    EXPECT_EQ(back.tensors.at(name).scalar_type(), tensor.scalar_type());
  }
  write_safetensors(path_, {});
  EXPECT_TRUE(read_safetensors(path_).tensors.empty());
}

// What Python's save_file({"b": …, "a": …, "n": …}, path, {"format": "pt"})
// writes.
TEST_F(SafetensorsFile, IsTheFileOfPythonsPackage) {
  write_safetensors(path_,
                    {{"n", torch::tensor({int8_t{3}}, at::kChar)},
                     {"b", torch::ones(1)},
                     {"a", torch::ones(1)},
                     {"l", torch::tensor({int64_t{2}})}},
                    {{"format", "pt"}});
  const std::string header =
      R"({"__metadata__":{"format":"pt"},)" + entry("l", "[0,8]", "I64") + "," +
      entry("a", "[8,12]") + "," + entry("b", "[12,16]") + "," +
      entry("n", "[16,17]", "I8") + "}";
  const std::string padded =
      header + std::string((8 - header.size() % 8) % 8, ' ');
  EXPECT_EQ(read_file(path_),
            testing::little(padded.size(), 8) + padded +
                std::string("\2\0\0\0\0\0\0\0\0\0\x80\x3f\0\0\x80\x3f\3", 17));
}

TEST_F(SafetensorsFile, ReadsSomeOrTheOutlineAlone) {
  write_safetensors(path_, {{"a.weight", torch::ones({2, 3})},
                            {"a.bias", torch::zeros({3}, at::kBool)}});
  const Safetensors some = read_safetensors(path_, {.names = {"a.bias"}});
  EXPECT_EQ(some.tensors.size(), 1U);
  const Safetensors outline = read_safetensors(path_, {.outline = true});
  EXPECT_TRUE(outline.tensors.at("a.weight").is_meta());
  EXPECT_EQ(outline.tensors.at("a.weight").sizes(), at::IntArrayRef({2, 3}));
  EXPECT_TRUE(has(message_of<CheckpointError>([&] {
                    read_safetensors(path_, {.names = {"a.weigth"}});
                  }),
                  {"\"a.weigth\"", "did you mean \"a.weight\"?"}));
}

// huggingface.co/docs/safetensors, and what Python's package checks.
TEST_F(SafetensorsFile, TheRulesOfTheFormatHold) {
  EXPECT_TRUE(has(error_of_file("1234567"), {"too short", path_.c_str()}));
  EXPECT_TRUE(has(error_of_file(testing::little(100'000'001, 8) + "{}"),
                  {"100000001", "at most 2"}));
  EXPECT_TRUE(has(error_of_file(testing::little(~uint64_t{0}, 8) + "{}"),
                  {"cut short"}));
  EXPECT_TRUE(has(error_of(" {}"), {"begin with {"}));
  EXPECT_TRUE(has(error_of("{"), {"isn't JSON"}));
  EXPECT_TRUE(has(error_of("{\"a\":\"\xff\"}"), {"isn't JSON"}));
  EXPECT_TRUE(
      has(error_of("{\"a\":" + std::string(100'000, '[')), {"too deeply"}));
  EXPECT_TRUE(has(
      error_of("{" + entry("a", "[0,4]") + "," + entry("a", "[0,4]") + "}", 4),
      {"twice", "\"a\""}));
  EXPECT_TRUE(has(error_of("{\"a\":5}"), {"\"a\" isn't described"}));
  EXPECT_TRUE(has(error_of("{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}"),
                  {"isn't described"}));
  EXPECT_TRUE(has(error_of("{\"__metadata__\":{\"k\":5}}"),
                  {"something else than texts"}));
  EXPECT_TRUE(has(error_of("{" + entry("a", "[0,4]", "F31") + "}", 4),
                  {"type", "F31"}));
  EXPECT_TRUE(has(error_of("{" + entry("a", "[0,4]", "F32", "[-1]") + "}", 4),
                  {"whole numbers"}));
  EXPECT_TRUE(has(error_of("{" + entry("a", "[0,4]", "F32", "[1.0]") + "}", 4),
                  {"whole numbers"}));
  EXPECT_TRUE(has(
      error_of(
          "{" + entry("a", "[0,4]", "F32", "[4294967296,4294967296,16]") + "}",
          4),
      {"more than can be"}));
  EXPECT_TRUE(has(
      error_of("{" + entry("a", "[0,0]", "F32", "[0,4294967296,4294967296]") +
               "}"),
      {"more than can be"}));
  EXPECT_TRUE(has(error_of("{" + entry("a", "[0,5]") + "}", 5),
                  {"another size", "5 bytes", "expected 4"}));
  EXPECT_TRUE(
      has(error_of("{" + entry("a", "[4,0]") + "}", 4), {"no begin and end"}));
  EXPECT_TRUE(has(
      error_of("{" + entry("a", "[0,4]") + "," + entry("b", "[0,4]") + "}", 4),
      {"overlaps"}));
  EXPECT_TRUE(
      has(error_of("{" + entry("a", "[0,4]") + "," + entry("b", "[8,12]") + "}",
                   12),
          {"\"b\" leaves a hole"}));
  EXPECT_TRUE(has(error_of("{" + entry("a", "[4,8]") + "}", 8), {"hole"}));
  EXPECT_TRUE(has(error_of("{" + entry("a", "[0,4]") + "}", 3), {"cut short"}));
  EXPECT_TRUE(has(error_of("{" + entry("a", "[0,4]") + "}", 5), {"more"}));
}

TEST_F(SafetensorsFile, CutShortAnywhereIsRefused) {
  write_safetensors(path_, {{"w", torch::ones({2, 3})}, {"b", torch::ones(1)}},
                    {{"k", "v"}});
  const std::string bytes = read_file(path_);
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    error_of_file(bytes.substr(0, n));
  }
}

TEST_F(SafetensorsFile, WhatHasNoPlaceInItIsRefused) {
  const auto error = [&](const std::string& name, const at::Tensor& tensor) {
    return message_of<CheckpointError>(
        [&] { write_safetensors(path_, {{name, tensor}}); });
  };
  EXPECT_TRUE(has(error("w", {}), {"\"w\"", "undefined"}));
  EXPECT_TRUE(has(error("w", torch::eye(2).to_sparse()), {"sparse"}));
  EXPECT_TRUE(
      has(error("w", torch::ones(1, at::kComplexDouble)), {"ComplexDouble"}));
  EXPECT_TRUE(has(error("__metadata__", torch::ones(1)), {"metadata"}));
  EXPECT_TRUE(has(error("\xff", torch::ones(1)), {"UTF-8"}));
  EXPECT_FALSE(std::filesystem::exists(path_));
}

}  // namespace
}  // namespace bolt
