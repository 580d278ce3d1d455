// Files that are damaged, or made to do harm: each is a CheckpointError, and
// nothing more.

#include <gtest/gtest.h>
#include <torch/torch.h>
#include <torchbolt/checkpoint/checkpoint_file.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/files.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "support/errors.h"
#include "support/temp_dir.h"
#include "support/write_file.h"
#include "support/zip.h"

namespace bolt {
namespace {

using namespace std::string_literals;
using testing::has;
using testing::message_of;
using testing::ZipEntry;

class HostileCheckpoint : public ::testing::Test {
 protected:
  // A checkpoint with this pickle, and a storage of 8 bytes.
  std::string file_of(const std::string& pickle) {
    return testing::zip_file({{.name = "a/data.pkl", .data = pickle},
                              {.name = "a/data/0", .data = "12345678"}});
  }
  std::string error_of_file(const std::string& bytes) {
    testing::write_file(path_, bytes);
    return message_of<CheckpointError>([&] { read_checkpoint(path_); });
  }
  std::string error_of(const std::string& pickle) {
    return error_of_file(file_of("\x80\x02" + pickle));
  }
  State read(const std::string& pickle) {
    testing::write_file(path_, file_of("\x80\x02" + pickle));
    return read_checkpoint(path_);
  }
  // What reads, or none for what is refused.
  std::optional<State> try_reading(const std::string& bytes) {
    testing::write_file(path_, bytes);
    try {
      State state = read_checkpoint(path_);
      verify_checkpoint(path_);
      return state;
    } catch (const CheckpointError&) {
      return std::nullopt;
    }
  }
  std::string small_checkpoint() {
    state_ =
        State::map({{"w", torch::arange(6.0).view({2, 3})},
                    {"step", 7},
                    {"names", State::list({"a", State::tuple({1, 2.5})})}});
    write_checkpoint(path_, state_, {.durable = false});
    return read_file(path_);
  }

  testing::TempDir dir_;
  std::filesystem::path path_ = dir_.path() / "a.ckpt";
  State state_{};
};

std::string text(const std::string& value) {
  return "X" + testing::little(value.size(), 4) + value;
}

// A float tensor on the storage; its parts as opcodes.
std::string tensor(const std::string& count, const std::string& offset,
                   const std::string& sizes, const std::string& strides,
                   const std::string& storage = "torch\nFloatStorage\n",
                   const std::string& key = "0") {
  return "ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") + "c" +
         storage + text(key) + text("cpu") + count + "tQ" + offset + sizes +
         strides + "\x89" + "ccollections\nOrderedDict\n)RtR";
}

TEST_F(HostileCheckpoint, TheHelpersMakeAValidFile) {
  const State state =
      read(tensor("K\x02", "K\0"s, "K\x02\x85", "K\x01\x85") + ".");
  EXPECT_EQ(state.as_tensor().numel(), 2);
}

TEST_F(HostileCheckpoint, CutShortAnywhereIsRefused) {
  const std::string bytes = small_checkpoint();
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    EXPECT_FALSE(try_reading(bytes.substr(0, n))) << n << " bytes";
  }
}

// Not every byte means something: but none may change what is read.
TEST_F(HostileCheckpoint, AFlippedBitIsFoundOrMeansNothing) {
  const std::string bytes = small_checkpoint();
  std::size_t found = 0;
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    std::string flipped = bytes;
    flipped[n] = static_cast<char>(flipped[n] ^ (1 << (n % 8)));
    const std::optional<State> state = try_reading(flipped);
    if (state) {
      EXPECT_EQ(*state, state_) << "byte " << n;
    } else {
      ++found;
    }
  }
  // The rest fills the places between the records.
  EXPECT_GT(found, bytes.size() / 2);
}

TEST_F(HostileCheckpoint, NamesNothingButWhatItMay) {
  EXPECT_TRUE(has(error_of("}(" + text("a") + "](K\x01" + "cos\nsystem\n" +
                           text("true") + "\x85Reu."),
                  {"may not hold", "\"os.system\"", "byte 14", "[\"a\"][1]"}));
  for (const char* name :
       {"builtins\neval", "__builtin__\neval", "builtins\ngetattr",
        "torch._utils\n_rebuild_qtensor", "torch\nload", "posix\nsystem",
        "collections\nOrderedDict.__init__", "numpy\nndarray"}) {
    EXPECT_TRUE(has(error_of("c"s + name + "\n."), {"may not hold"})) << name;
  }
  // Named by the stack, and where it isn't even kept.
  EXPECT_TRUE(
      has(error_of(text("os") + text("system") + "\x93."), {"\"os.system\""}));
  EXPECT_TRUE(has(error_of("}cos\nsystem\n)Rb."), {"\"os.system\""}));
}

TEST_F(HostileCheckpoint, CallsNothingButWhatItMay) {
  EXPECT_TRUE(has(error_of("K\x01)R."), {"isn't a function"}));
  EXPECT_TRUE(has(error_of("cbuiltins\ndict\n)R."), {"isn't to be called"}));
  EXPECT_TRUE(has(error_of("ctorch\nfloat32\n)R."), {"isn't to be called"}));
  EXPECT_TRUE(
      has(error_of("ccollections\nOrderedDict\nK\x01R."), {"aren't a tuple"}));
  EXPECT_TRUE(has(error_of("K\x01}b."), {"attributes"}));
  EXPECT_TRUE(has(error_of("]cbuiltins\nset\na."), {"a class or a function"}));
}

TEST_F(HostileCheckpoint, OpcodesThatNoCheckpointHasAreRefused) {
  // Of text protocols, INST, OBJ, extensions, NEWOBJ_EX, buffers.
  for (const char* code : {"I5\n.", "ios\nsystem\n(.", "(o.", "\x82\x01.",
                           "\x83\x01\x01.", "\x92.", "\x97.", "\x98.", "2."}) {
    EXPECT_TRUE(has(error_of("N"s + code), {"opcode", "byte"})) << code;
  }
  EXPECT_TRUE(has(error_of_file(file_of("\x80\x06N.")), {"protocol", "6"}));
}

TEST_F(HostileCheckpoint, ABrokenStackIsRefused) {
  for (const char* pickle :
       {".",      "NN.",   "(N.",   "0.",    "1.",   "t.",   "\x85.",
        "N\x86.", "a.",    "Na.",   "s.",    "}Ks.", "e.",   "(e.",
        "u.",     "}(Nu.", "R.",    "b.",    "Q.",   "q\1.", "h\1.",
        "(K\1a.", "]N(s.", "N(0(.", "\x90.", "\x94."}) {
    error_of(pickle);
  }
  // Beyond its end: numbers and texts.
  for (const char* pickle : {"K", "M\1", "J\1\1", "G\1", "X\4", "X\4\0\0\0ab",
                             "\x8a\x09\1", "\x8b\xff\xff\xff\xff", "cos",
                             "\x95\1", "B\xff\xff\xff\xff", "\x8c\xffz"}) {
    error_of(pickle);
  }
}

TEST_F(HostileCheckpoint, WhatHoldsItselfIsRefused) {
  EXPECT_TRUE(has(error_of("]q\1h\1a."), {"holds itself", "[0]"}));
  EXPECT_TRUE(has(error_of("}q\1" + text("me") + "h\1s."),
                  {"holds itself", "[\"me\"]"}));
  EXPECT_TRUE(has(error_of("]q\1h\1\x85" + "a."s), {"holds itself"}));
}

TEST_F(HostileCheckpoint, DeepNestingIsRefused) {
  const std::string many(100'000, ']');
  EXPECT_TRUE(has(error_of(many + std::string(99'999, 'a') + "."),
                  {"nested too deeply"}));
  EXPECT_TRUE(has(error_of(")" + std::string(100'000, '\x85') + "."),
                  {"nested too deeply"}));
  error_of(std::string(100'000, '('));
}

// Ten lists, each of ten times the one before: a pickle of some hundred bytes.
TEST_F(HostileCheckpoint, WhatWouldGrowBeyondMeasureIsRefused) {
  std::string pickle = "](K\1K\1K\1K\1K\1K\1K\1K\1K\1K\1e";
  for (char k = 1; k < 12; ++k) {
    const std::string again = "h"s + k;
    pickle += "q"s + k + "0](";
    for (int j = 0; j < 10; ++j) pickle += again;
    pickle += "e";
  }
  EXPECT_TRUE(has(error_of(pickle + "."), {"beyond all measure"}));
  // Copies of a large dict, by calls.
  std::string calls = "}(";
  for (int k = 0; k < 10'000; ++k)
    calls += "M" + testing::little(static_cast<uint64_t>(k), 2) + "N";
  calls += "u\x85q\1" + "0ccollections\nCounter\nq\2"s + "0";
  for (int k = 0; k < 2'000; ++k) calls += "h\2h\1R0";
  EXPECT_TRUE(has(error_of(calls + "N."), {"beyond all measure"}));
}

TEST_F(HostileCheckpoint, ValuesThatNoStateCanHoldAreRefused) {
  EXPECT_TRUE(has(error_of("}(" + text("i") + "\x8a\x09" +
                           std::string(8, '\xff') + "\0u."s),
                  {"out of range", "64 bits", "[\"i\"]"}));
  EXPECT_TRUE(has(error_of(text("\xff") + "."), {"isn't UTF-8"}));
  // A surrogate that stands for no byte, and one for bytes that need none.
  EXPECT_TRUE(has(error_of(text("\xed\xa0\x80") + "."), {"isn't UTF-8"}));
  EXPECT_TRUE(
      has(error_of(text("\xed\xb3\x83\xed\xb2\xa9") + "."), {"isn't UTF-8"}));
  EXPECT_TRUE(has(error_of("}NNs."), {"neither a text nor an integer"}));
  EXPECT_TRUE(has(error_of("}" + "G"s + std::string(8, '\0') + "Ns."),
                  {"neither a text nor an integer"}));
}

TEST_F(HostileCheckpoint, TensorsStayInTheirStorage) {
  const std::string zero = "K\0"s, one = "K\x01", two = "K\x02",
                    huge = "\x8a\x08" + std::string(7, '\xff') + "\x7f";
  const std::string all = two + "\x85", step = one + "\x85";
  EXPECT_TRUE(has(error_of(tensor(two, one, all, step) + "."),
                  {"beyond its storage", "number 2", "at most 2"}));
  EXPECT_TRUE(has(error_of(tensor(two, zero, "K\x03\x85", step) + "."),
                  {"beyond its storage"}));
  EXPECT_TRUE(has(error_of(tensor(two, zero, all, two + "\x85") + "."),
                  {"beyond its storage"}));
  EXPECT_TRUE(has(error_of(tensor(two, huge, all, step) + "."), {"tensor"}));
  EXPECT_TRUE(has(error_of(tensor(two, zero, huge + "\x85", step) + "."),
                  {"more than can be"}));
  EXPECT_TRUE(has(error_of(tensor(two, zero, all, huge + "\x85") + "."),
                  {"more than can be"}));
  EXPECT_TRUE(has(
      error_of(tensor(two, zero, huge + huge + "\x86", zero + zero + "\x86") +
               "."),
      {"more than can be"}));
  EXPECT_TRUE(has(error_of(tensor(two, "J\xff\xff\xff\xff", all, step) + "."),
                  {"don't fit"}));
  EXPECT_TRUE(has(error_of(tensor(two, zero, all, one + one + "\x86") + "."),
                  {"don't fit"}));
  EXPECT_TRUE(
      has(error_of(tensor(two, zero, "J\xff\xff\xff\xff\x85", step) + "."),
          {"negative"}));
  EXPECT_TRUE(has(error_of(tensor("K\x03", zero, all, step) + "."),
                  {"another size", "8 bytes in record data/0", "3 numbers"}));
  EXPECT_TRUE(
      has(error_of(tensor(huge, zero, all, step) + "."), {"another size"}));
  EXPECT_TRUE(has(
      error_of(tensor(two, zero, all, step, "torch\nFloatStorage\n", "../0") +
               "."),
      {"missing", "data/../0"}));
  EXPECT_TRUE(has(error_of(tensor(two, zero, all, step, "os\nsystem\n") + "."),
                  {"os.system"}));
}

// Bits that say how to read a tensor, where they mean nothing.
TEST_F(HostileCheckpoint, BitsOfOtherTypesAreLeftOut) {
  for (const std::string type : {"ByteStorage", "BoolStorage", "LongStorage"}) {
    const std::string count = type == "LongStorage" ? "K\x01" : "K\x08";
    std::string pickle = tensor(count, "K\0"s, "K\x01\x85", "K\x01\x85",
                                "torch\n" + type + "\n");
    pickle.resize(pickle.size() - 2);  // tR
    pickle += "}(" + text("neg") + "\x88" + text("conj") + "\x88utR";
    const at::Tensor read_back = read(pickle + ".").as_tensor();
    EXPECT_FALSE(read_back.is_neg()) << type;
    EXPECT_FALSE(read_back.is_conj()) << type;
  }
}

TEST_F(HostileCheckpoint, RecordsAreStoredOnceAndApart) {
  const std::string pickle =
      "\x80\x02" + tensor("K\x02", "K\0"s, "K\x02\x85", "K\x01\x85") + ".";
  const ZipEntry data{.name = "a/data/0", .data = "12345678"};
  const auto with = [&](ZipEntry entry, ZipEntry storage) {
    entry.name = "a/data.pkl";
    entry.data = pickle;
    return testing::zip_file({entry, storage});
  };
  EXPECT_TRUE(
      has(error_of_file(with({.deflate = true}, data)), {"compressed"}));
  EXPECT_TRUE(has(error_of_file(with({}, {.name = "a/data/0",
                                          .data = std::string(1 << 20, '\0'),
                                          .deflate = true})),
                  {"compressed"}));
  EXPECT_TRUE(has(error_of_file(testing::zip_file(
                      {{.name = "a/data.pkl", .data = pickle}, data, data})),
                  {"one name"}));
  EXPECT_TRUE(
      has(error_of_file(with(
              {}, {.name = "a/data/0", .data = "12345678", .claimed_crc = 1})),
          {"checksum", "a/data/0"}));
  EXPECT_TRUE(has(
      error_of_file(with(
          {}, {.name = "a/data/0", .data = "12345678", .claimed_offset = 0})),
      {"overlaps"}));
  EXPECT_TRUE(has(error_of_file(with({}, {.name = "a/data/0",
                                          .data = "12345678",
                                          .claimed_size = 1U << 30})),
                  {"compressed"}));
  EXPECT_TRUE(
      has(error_of_file(
              with({}, {.name = "a/data/0", .data = "12345678", .flags = 1})),
          {"encrypted"}));
}

TEST_F(HostileCheckpoint, ChecksumsAreComparedUnlessTurnedOff) {
  std::string bytes = small_checkpoint();
  const std::string one("\0\0\x80\x3f", 4);  // as a float
  const std::size_t at = bytes.find(one);
  ASSERT_NE(at, std::string::npos);
  bytes[at] = 1;
  EXPECT_TRUE(has(error_of_file(bytes), {"damaged", "checksum", "data/0"}));
  EXPECT_TRUE(
      has(message_of<CheckpointError>([&] { verify_checkpoint(path_); }),
          {"damaged", "checksum", "data/0"}));
  EXPECT_NE(read_checkpoint(path_, {.verify = false}), state_);
}

}  // namespace
}  // namespace bolt
