#include <gtest/gtest.h>
#include <sys/resource.h>
#include <torch/torch.h>
#include <torchbolt/checkpoint/checkpoint.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/files.h>

#include <cmath>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "support/errors.h"
#include "support/temp_dir.h"
#include "support/write_file.h"
#include "support/zip.h"

namespace bolt {
namespace {

namespace fs = std::filesystem;
using testing::has;
using testing::message_of;

std::size_t files_in(const fs::path& folder) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

class CheckpointFile : public ::testing::Test {
 protected:
  State round_trip(const State& state) {
    write_checkpoint(path_, state, {.durable = false});
    verify_checkpoint(path_);
    return read_checkpoint(path_);
  }
  std::string refusal_of(const State& state) {
    return message_of<CheckpointError>([&] { write_checkpoint(path_, state); });
  }

  testing::TempDir dir_;
  fs::path path_ = dir_.path() / "a.ckpt";
};

TEST_F(CheckpointFile, KeepsEveryKindOfValueAndTheirOrder) {
  State state = State::map({{"none", State()},
                            {"true", true},
                            {"text", "ä€😀"},
                            {"empty", ""},
                            {"long", std::string(70000, 'x')},
                            {int64_t{-3}, "integer key"},
                            {"nan", std::nan("")},
                            {"minus zero", -0.0}});
  for (const int64_t n :
       {int64_t{0}, int64_t{255}, int64_t{256}, int64_t{65535}, int64_t{65536},
        int64_t{-1}, int64_t{2147483647}, int64_t{2147483648},
        int64_t{-2147483648}, int64_t{-2147483649},
        std::numeric_limits<int64_t>::max(),
        std::numeric_limits<int64_t>::min()}) {
    state.set(std::to_string(n), n);
  }
  for (std::size_t n = 0; n < 6; ++n) {
    state.set("tuple" + std::to_string(n),
              State::tuple(std::vector<State>(n, State(7))));
    state.set(
        "list" + std::to_string(n),
        State::list(std::vector<State>(n, State::map({{"k", State::list()}}))));
  }
  EXPECT_EQ(round_trip(state), state);
  for (const State& alone :
       {State(), State(5), State("text"), State::map(), State::tuple()}) {
    EXPECT_EQ(round_trip(alone), alone);
  }
}

TEST_F(CheckpointFile, KeepsManyValues) {
  State state = State::map();
  for (int k = 0; k < 70000; ++k) {
    state.set("key" + std::to_string(k),
              State::list({k, "same text", 0.5 * k}));
  }
  EXPECT_EQ(round_trip(state), state);
}

TEST_F(CheckpointFile, KeepsTensorsOfEveryTypeAndShape) {
  State state = State::map();
  for (const auto type : {at::kFloat,
                          at::kDouble,
                          at::kHalf,
                          at::kBFloat16,
                          at::kLong,
                          at::kInt,
                          at::kShort,
                          at::kChar,
                          at::kByte,
                          at::kBool,
                          at::kComplexFloat,
                          at::kComplexDouble,
                          at::kComplexHalf,
                          at::kUInt16,
                          at::kUInt32,
                          at::kUInt64,
                          at::kFloat8_e5m2,
                          at::kFloat8_e4m3fn,
                          at::kFloat8_e5m2fnuz,
                          at::kFloat8_e4m3fnuz,
                          at::kFloat8_e8m0fnu}) {
    const auto width = static_cast<int64_t>(c10::elementSize(type));
    at::Tensor bytes = torch::arange(12 * width, at::kByte);
    if (type == at::kBool) bytes = bytes % 2;
    state[c10::toString(type)] =
        State::list({bytes.view(type).view({3, 4}), at::empty({}, type).zero_(),
                     at::empty({0, 3}, type)});
  }
  const State back = round_trip(state);
  EXPECT_EQ(back, state);
}

TEST_F(CheckpointFile, KeepsStridesAndSharing) {
  const at::Tensor all = torch::arange(24.0).view({4, 6});
  const State state = State::list(
      {all, all.t(), all.slice(0, 1, 3).slice(1, 0, 6, 2), all[2][5],
       all.unsqueeze(0).expand({3, 4, 6}),
       torch::ones({2, 3, 4, 5}).contiguous(at::MemoryFormat::ChannelsLast)});
  const State back = round_trip(state);
  EXPECT_EQ(back, state);
  for (std::size_t k = 0; k < state.size(); ++k) {
    EXPECT_EQ(back.items()[k].as_tensor().strides(),
              state.items()[k].as_tensor().strides());
  }
  // Seen through one, changed in the others.
  back.items()[0].as_tensor()[2][5] = -1;
  EXPECT_EQ(back.items()[1].as_tensor()[5][2].item<double>(), -1);
  EXPECT_EQ(back.items()[3].as_tensor().item<double>(), -1);
  EXPECT_EQ(back.items()[4].as_tensor()[2][2][5].item<double>(), -1);
  EXPECT_LT(fs::file_size(path_), 3000U);
}

TEST_F(CheckpointFile, LeavesOutWhatNoTensorUses) {
  const at::Tensor large = torch::arange(1'000'000);
  const State state =
      State::list({large.slice(0, 500, 510), large.slice(0, 505, 520)});
  const State back = round_trip(state);
  EXPECT_EQ(back, state);
  EXPECT_LT(fs::file_size(path_), 3000U);
  back.items()[0].as_tensor()[5] = -1;
  EXPECT_EQ(back.items()[1].as_tensor()[0].item<int64_t>(), -1);
}

TEST_F(CheckpointFile, KeepsAStorageThatIsSeenAsTwoTypes) {
  const at::Tensor bits = torch::arange(6, at::kInt);
  const State state = State::list({bits, bits.view(at::kFloat)});
  EXPECT_EQ(round_trip(state), state);
}

TEST_F(CheckpointFile, KeepsWhatConjugatedViewsShow) {
  const at::Tensor z = torch::tensor({1.0, -2.0}).to(at::kComplexFloat) *
                       c10::complex<float>(1, 2);
  const State back = round_trip(State::list({z.conj(), at::imag(z.conj())}));
  EXPECT_TRUE(
      torch::equal(back.items()[0].as_tensor(), z.conj().resolve_conj()));
  EXPECT_TRUE(torch::equal(back.items()[1].as_tensor(),
                           at::imag(z.conj()).resolve_neg()));
}

TEST_F(CheckpointFile, LoadsParametersAsPlainTensors) {
  const State back =
      round_trip(State::list({torch::ones(3, torch::requires_grad())}));
  EXPECT_FALSE(back.items()[0].as_tensor().requires_grad());
}

TEST_F(CheckpointFile, KeepsTextsOfAnyBytes) {
  for (const std::string text : {"\xff", "caf\xe9/\xc3\xa9", "\xed\xb2\x80",
                                 "\xed\xa0\x80", "\xc3", "ä\xf5"}) {
    const State back = round_trip(State::map({{text, text}}));
    EXPECT_EQ(back.at(text).as_string(), text);
  }
}

TEST_F(CheckpointFile, RefusesWhatHasNoPlaceInAFile) {
  EXPECT_TRUE(has(refusal_of(State::map({{"a", State::list({at::Tensor()})}})),
                  {"[\"a\"][0] has no place", "undefined", path_.c_str()}));
  EXPECT_TRUE(has(refusal_of(State::map({{"s", torch::eye(2).to_sparse()}})),
                  {"[\"s\"]", "sparse"}));
  EXPECT_TRUE(has(refusal_of(State::map({{"m", torch::empty({2}, at::kMeta)}})),
                  {"[\"m\"]", "meta device"}));
  at::Tensor freed = torch::ones(4);
  freed.storage().unsafeGetStorageImpl()->set_nbytes(0);
  EXPECT_TRUE(has(refusal_of(State::list({freed})), {"too small"}));
  State deep;
  for (int k = 0; k < 600; ++k) deep = State::list({deep});
  EXPECT_TRUE(has(refusal_of(deep), {"too deep"}));
  EXPECT_EQ(files_in(dir_.path()), 0U);
}

TEST_F(CheckpointFile, AnOutlineHasEverythingButTheNumbers) {
  const at::Tensor all = torch::ones({1000, 300});
  const State state = State::map({{"lr", 0.1},
                                  {"w", all},
                                  {"t", all.t()},
                                  {"n", torch::zeros({}, at::kLong)}});
  write_checkpoint(path_, state);
  const State outline = read_checkpoint(path_, {.outline = true});
  EXPECT_EQ(outline.at("lr"), state.at("lr"));
  const at::Tensor& w = outline.at("w").as_tensor();
  const at::Tensor& t = outline.at("t").as_tensor();
  EXPECT_TRUE(w.is_meta());
  EXPECT_EQ(w.sizes(), all.sizes());
  EXPECT_EQ(t.strides(), all.t().strides());
  EXPECT_EQ(w.scalar_type(), at::kFloat);
  EXPECT_EQ(outline.at("n").as_tensor().scalar_type(), at::kLong);
  EXPECT_TRUE(w.is_alias_of(t));
  EXPECT_FALSE(w.is_alias_of(outline.at("n").as_tensor()));
}

// Large enough to be read on several threads.
TEST_F(CheckpointFile, ReadsLargeTensorsAndFindsDamageInThem) {
  State state = State::map();
  for (int k = 0; k < 5; ++k) {
    state[k] = torch::full({2, 1'000'000}, k + 1, at::kFloat);
  }
  EXPECT_EQ(round_trip(state), state);
  std::string bytes = read_file(path_);
  bytes[bytes.size() / 2] ^= 1;
  testing::write_file(path_, bytes);
  EXPECT_TRUE(has(message_of<CheckpointError>([&] { read_checkpoint(path_); }),
                  {"damaged", "data/2"}));
  EXPECT_TRUE(
      has(message_of<CheckpointError>([&] { verify_checkpoint(path_); }),
          {"damaged", "data/2"}));
}

TEST_F(CheckpointFile, TheSameStateIsTheSameFile) {
  const State state = State::map({{"w", torch::ones({2, 3})}, {"k", 1}});
  write_checkpoint(path_, state);
  write_checkpoint(dir_.path() / "b.ckpt", state.clone());
  EXPECT_EQ(read_file(path_), read_file(dir_.path() / "b.ckpt"));
}

TEST_F(CheckpointFile, ReplacesAFileAndMakesFolders) {
  const fs::path deep = dir_.path() / "x" / "y" / "c.ckpt";
  write_checkpoint(deep, State(1));
  write_checkpoint(deep, State(2));
  EXPECT_EQ(read_checkpoint(deep), State(2));
  EXPECT_EQ(files_in(deep.parent_path()), 1U);
}

// Files may hold 20,000 bytes, as if the disk were full.
TEST_F(CheckpointFile, AFullDiskLeavesTheOldFileAndNothingElse) {
  write_checkpoint(path_, State(1));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit small = before;
  small.rlim_cur = 20'000;
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const std::string message = message_of<Error>(
      [&] { write_checkpoint(path_, State::list({torch::ones(100'000)})); });
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_TRUE(has(message, {path_.c_str(), "can't write", "File too large"}));
  EXPECT_EQ(read_checkpoint(path_), State(1));
  EXPECT_EQ(files_in(dir_.path()), 1U);
}

TEST_F(CheckpointFile, AFolderThatCantBeWrittenIsNamed) {
  testing::write_file(dir_.path() / "file", "");
  EXPECT_TRUE(has(message_of<Error>([&] {
                    write_checkpoint(dir_.path() / "file" / "a.ckpt", State(1));
                  }),
                  {"file", "Not a directory"}));
  EXPECT_TRUE(has(message_of<Error>([&] {
                    write_checkpoint("/proc/nothing/a.ckpt", State(1));
                  }),
                  {"/proc/nothing"}));
}

TEST_F(CheckpointFile, WhatIsNoCheckpointIsSaidToBeWhatItIs) {
  const auto error = [&](const std::string& bytes) {
    testing::write_file(path_, bytes);
    return message_of<CheckpointError>([&] { read_checkpoint(path_); });
  };
  EXPECT_TRUE(has(error(""), {"not a zip file", path_.c_str()}));
  EXPECT_TRUE(has(error("text"), {"not a zip file"}));
  EXPECT_TRUE(has(error("\x80\x02\x8a\x0al\xfc\x9c\x46\xf9 jj"),
                  {"before 1.6", "torch.save"}));
  EXPECT_TRUE(has(error(std::string("\x10\0\0\0\0\0\0\0{\"a\":1}", 15)),
                  {"safetensors"}));
  EXPECT_TRUE(has(error(testing::zip_file({{.name = "x.npy", .data = "1"}})),
                  {"without data.pkl"}));
  EXPECT_TRUE(has(error(testing::zip_file({{.name = "a/data.pkl", .data = "."},
                                           {.name = "a/constants.pkl"}})),
                  {"TorchScript"}));
  EXPECT_TRUE(
      has(error(testing::zip_file({{.name = "a/data.pkl", .data = "\x80\x02N."},
                                   {.name = "a/byteorder", .data = "big"}})),
          {"byte order", "\"big\""}));
  EXPECT_TRUE(has(message_of<CheckpointError>(
                      [&] { read_checkpoint(dir_.path() / "none"); }),
                  {"none", "No such file"}));
  EXPECT_TRUE(
      has(message_of<CheckpointError>([&] { read_checkpoint(dir_.path()); }),
          {"a folder"}));
}

}  // namespace
}  // namespace bolt
