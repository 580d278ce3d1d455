#include <gtest/gtest.h>
#include <torch/torch.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/files.h>
#include <torchbolt/data/dataset.h>
#include <torchbolt/data/map_tensor.h>
#include <torchbolt/data/npy.h>
#include <zlib.h>

#include "support/errors.h"
#include "support/temp_dir.h"
#include "support/write_file.h"
#include "support/zip.h"

namespace bolt {
namespace {

using testing::has;
using testing::message_of;

// A NumPy array file, written by hand.
std::string npy_file(const std::string& dict, const std::string& data,
                     int version = 1) {
  std::string bytes = "\x93NUMPY";
  bytes += static_cast<char>(version);
  bytes += '\0';
  const std::size_t size_bytes = version == 1 ? 2 : 4;
  std::string header = dict;
  while ((8 + size_bytes + header.size() + 1) % 16 != 0) header += ' ';
  header += '\n';
  for (std::size_t k = 0; k < size_bytes; ++k) {
    bytes += static_cast<char>(header.size() >> (8 * k) & 0xff);
  }
  return bytes + header + data;
}

std::string dict(const std::string& descr, const std::string& shape,
                 bool fortran = false) {
  return "{'descr': '" + descr +
         "', 'fortran_order': " + (fortran ? "True" : "False") +
         ", 'shape': " + shape + ", }";
}

class Npy : public ::testing::Test {
 protected:
  at::Tensor read(const std::string& bytes) {
    testing::write_file(path_, bytes);
    return read_npy(path_);
  }
  std::string error_of(const std::string& bytes) {
    testing::write_file(path_, bytes);
    return message_of<DataError>([&] { read_npy(path_); });
  }

  testing::TempDir dir_;
  std::filesystem::path path_ = dir_.path() / "x.npy";
};

TEST_F(Npy, ReadsEitherByteOrder) {
  const std::string little("\x01\x02\x00\x00\x05\x00\x00\x00", 8);
  const std::string big("\x00\x00\x02\x01\x00\x00\x00\x05", 8);
  const auto expected = torch::tensor({0x0201, 5}, torch::kInt);
  EXPECT_TRUE(
      torch::equal(read(npy_file(dict("<i4", "(2,)"), little)), expected));
  EXPECT_TRUE(torch::equal(read(npy_file(dict(">i4", "(2,)"), big)), expected));
  // The halves of a complex number are swapped, not the number.
  const std::string z("\x3f\x80\0\0\xc0\0\0\0", 8);
  const at::Tensor complex = read(npy_file(dict(">c8", "()"), z));
  EXPECT_EQ(complex.dim(), 0);
  EXPECT_EQ(complex.item<c10::complex<float>>(),
            (c10::complex<float>(1.0F, -2.0F)));
}

TEST_F(Npy, ReadsFortranOrderAsContiguous) {
  const auto x = read(npy_file(dict("|u1", "(2, 3)", true), "\1\2\3\4\5\6"));
  EXPECT_TRUE(
      torch::equal(x, torch::tensor({{1, 3, 5}, {2, 4, 6}}, torch::kByte)));
  EXPECT_TRUE(x.is_contiguous());
}

TEST_F(Npy, ReadsAllVersionsAndOddHeaders) {
  for (const int version : {1, 2, 3}) {
    EXPECT_EQ(
        read(npy_file(dict("|i1", "(2,)"), "\1\2", version)).sum().item<int>(),
        3);
  }
  // Python 2's long numbers, other quotes, another order, no last comma.
  const auto odd = read(npy_file(
      R"({"shape":(1L,2L),"fortran_order":False,"descr":"|i1"})", "\1\2"));
  EXPECT_EQ(odd.sizes(), (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(read(npy_file(dict("<f8", "(0, 7)"), "")).sizes(),
            (std::vector<int64_t>{0, 7}));
}

TEST_F(Npy, MakesBoolsThatAreNotBecomeTrue) {
  const auto x = read(npy_file(dict("|b1", "(3,)"), std::string("\0\7\1", 3)));
  EXPECT_TRUE(torch::equal(x.view(torch::kByte),
                           torch::tensor({0, 1, 1}, torch::kByte)));
}

TEST_F(Npy, RefusesEveryTruncation) {
  const std::string good = npy_file(dict("<i2", "(2, 2)"), "abcdefgh");
  EXPECT_EQ(read(good).numel(), 4);
  for (std::size_t n = 0; n < good.size(); ++n) {
    EXPECT_TRUE(has(error_of(good.substr(0, n)), {"x.npy", "got"})) << n;
  }
}

TEST_F(Npy, NamesWhatIsWrong) {
  EXPECT_TRUE(
      has(error_of(npy_file(dict("<i2", "(1,)"), "abc")), {"more after"}));
  EXPECT_TRUE(has(error_of("\x89PNG 1234567"), {"not a NumPy", "NUMPY"}));
  EXPECT_TRUE(has(error_of(npy_file(dict("|O", "(1,)"), "x")),
                  {"type", "\"|O\"", "astype"}));
  EXPECT_TRUE(has(error_of(npy_file(dict("<U3", "(1,)"), "x")), {"\"<U3\""}));
  EXPECT_TRUE(has(error_of(npy_file("{'descr': [('a', '<i4')], "
                                    "'fortran_order': False, 'shape': (1,)}",
                                    "abcd")),
                  {"records"}));
  EXPECT_TRUE(has(error_of(npy_file(dict("<f4", "(-1,)"), "abcd")),
                  {"header", "a size"}));
  EXPECT_TRUE(has(error_of(npy_file(dict("<f4", "(1 2)"), "abcd")), {"\")\""}));
  EXPECT_TRUE(has(error_of(npy_file("{'descr': '<f4'}", "")),
                  {"descr, fortran_order and shape"}));
  EXPECT_TRUE(has(error_of(npy_file(dict("<f4", "()") + "x", "abcd")),
                  {"the end of the header"}));
  EXPECT_TRUE(
      has(error_of(npy_file(dict("<f4", "()"), "", 4)), {"version", "4.0"}));
  EXPECT_TRUE(
      has(message_of<DataError>([&] { read_npy(dir_.path()); }), {"a folder"}));
}

TEST_F(Npy, TakesNoMemoryForWhatIsOnlyAnnounced) {
  for (const char* shape :
       {"(1000000000000,)", "(4294967296, 4294967296)",
        "(9223372036854775807, 2)", "(0, 4611686018427387904, 4)"}) {
    const std::string error = error_of(npy_file(dict("<f8", shape), "abcd"));
    EXPECT_TRUE(error.find("more than") != std::string::npos) << error;
  }
}

TEST_F(Npy, WritesWhatItReads) {
  const std::vector<torch::Tensor> tensors{
      torch::randn({3, 4}),
      torch::randn({4, 3}).t(),
      torch::arange(10)[3],
      torch::zeros({0, 2}, torch::kHalf),
      torch::tensor({true, false}),
      torch::randn({2}, torch::kComplexDouble).conj(),
      torch::randn({2}).requires_grad_(),
  };
  for (const auto& tensor : tensors) {
    write_npy(path_, tensor);
    EXPECT_TRUE(torch::equal(read_npy(path_), tensor));
    EXPECT_EQ(read_npy(path_).scalar_type(), tensor.scalar_type());
    EXPECT_EQ((std::filesystem::file_size(path_) - tensor.nbytes()) % 64, 0u);
  }
  EXPECT_TRUE(has(message_of<DataError>([&] {
                    write_npy(path_, torch::zeros({1}, torch::kBFloat16));
                  }),
                  {"BFloat16", "kFloat"}));
  EXPECT_THROW(write_npy(path_, at::Tensor()), DataError);
}

TEST_F(Npy, IsMappedWithoutACopy) {
  write_npy(path_, torch::arange(12, torch::kFloat).view({3, 4}));
  at::Tensor x = map_npy(path_);
  EXPECT_TRUE(torch::equal(x, torch::arange(12, torch::kFloat).view({3, 4})));
  // The memory is the file's: a change of the file shows.
  std::string bytes = read_file(path_);
  FILE* file = std::fopen(path_.c_str(), "r+b");
  const float hundred = 100;
  std::fseek(file, static_cast<long>(bytes.size() - sizeof(float)), SEEK_SET);
  std::fwrite(&hundred, sizeof(float), 1, file);
  std::fclose(file);
  EXPECT_EQ(x[2][3].item<float>(), 100);
  // Writing stays in this process.
  bytes = read_file(path_);
  x.fill_(7);
  EXPECT_EQ(x.sum().item<float>(), 84);
  EXPECT_EQ(read_file(path_), bytes);
}

TEST_F(Npy, MapsFortranOrderAndRefusesWhatCantBeMapped) {
  testing::write_file(path_,
                      npy_file(dict("|u1", "(2, 3)", true), "\1\2\3\4\5\6"));
  const at::Tensor x = map_npy(path_);
  EXPECT_TRUE(
      torch::equal(x, torch::tensor({{1, 3, 5}, {2, 4, 6}}, torch::kByte)));
  EXPECT_FALSE(x.is_contiguous());
  const auto refused = [&](const std::string& bytes) {
    testing::write_file(path_, bytes);
    return message_of<DataError>([&] { map_npy(path_); });
  };
  EXPECT_TRUE(has(refused(npy_file(dict(">i2", "(1,)"), "ab")),
                  {"byte order", "read_npy"}));
  EXPECT_TRUE(
      has(refused(npy_file(dict("<i2", "(1,)"), "abc")), {"another length"}));
  EXPECT_TRUE(has(refused(npy_file(dict("<i2", "(2,)"), "ab")),
                  {"another length", "2 numbers"}));
  std::string odd = npy_file(dict("<i2", "(1,)"), "ab");
  odd.insert(odd.size() - 2, " ");  // a header of an odd length
  odd[8] = static_cast<char>(odd[8] + 1);
  EXPECT_TRUE(has(refused(odd), {"multiple"}));
  const std::string good = npy_file(dict("<i2", "(2,)"), "abcd");
  for (std::size_t n = 0; n < good.size(); ++n) refused(good.substr(0, n));
}

TEST_F(Npy, ADatasetOfMappedArraysReadsFromTheFile) {
  write_npy(path_, torch::arange(40, torch::kFloat).view({10, 4}));
  const auto labels = dir_.path() / "y.npy";
  write_npy(labels, torch::arange(10));
  const TensorDataset data(map_npy(path_), map_npy(labels));
  const auto* begin = static_cast<const char*>(data.data().const_data_ptr());
  const auto range = data.get_range(2, 3);
  EXPECT_EQ(range.data.const_data_ptr(), begin + 2 * 4 * sizeof(float));
  const std::vector<int64_t> indices{9, 0};
  const auto batch = data.get_batch(indices);
  EXPECT_EQ(batch.data[0][3].item<float>(), 39);
  EXPECT_EQ(batch.target[0].item<int64_t>(), 9);
}

TEST(MapTensor, KeepsTheFileForAsLongAsATensorUsesIt) {
  const testing::TempDir dir;
  const auto path = dir.path() / "raw.bin";
  testing::write_file(path,
                      std::string("skip") + std::string(4096, '\1') + "\2\3");
  at::Tensor row;
  {
    const at::Tensor all = map_tensor(path, at::kByte, {2, 2049}, 4);
    row = all[1];
  }
  std::filesystem::remove(path);
  EXPECT_EQ(row[-1].item<int>(), 3);
  EXPECT_EQ(row[0].item<int>(), 1);
}

TEST(MapTensor, NamesWhatIsWrong) {
  const testing::TempDir dir;
  const auto path = dir.path() / "raw.bin";
  testing::write_file(path, std::string(16, '\1'));
  const auto refused = [&](at::ScalarType type, std::vector<int64_t> shape,
                           int64_t offset) {
    return message_of<DataError>(
        [&] { map_tensor(path, type, shape, offset); });
  };
  EXPECT_EQ(map_tensor(path, at::kInt, {2}, 8).numel(), 2);
  EXPECT_EQ(map_tensor(path, at::kInt, {0, 3}, 16).numel(), 0);
  EXPECT_TRUE(has(refused(at::kInt, {5}, 0),
                  {"raw.bin", "too short", "[5]", "16 bytes"}));
  EXPECT_TRUE(has(refused(at::kInt, {4}, 4), {"too short", "12 bytes"}));
  EXPECT_TRUE(has(refused(at::kInt, {2}, 2), {"multiple of", "byte 2"}));
  EXPECT_TRUE(has(refused(at::kInt, {1}, 20), {"offset", "20", "0 to 16"}));
  EXPECT_TRUE(has(refused(at::kInt, {1}, -4), {"offset"}));
  EXPECT_TRUE(has(refused(at::kInt, {-1}, 0), {"shape"}));
  EXPECT_TRUE(has(refused(at::kInt, {int64_t{1} << 40, int64_t{1} << 40}, 0),
                  {"shape"}));
}

class Npz : public ::testing::Test {
 protected:
  std::map<std::string, at::Tensor> read(
      const std::string& bytes, const std::vector<std::string>& names = {}) {
    testing::write_file(path_, bytes);
    return read_npz(path_, names);
  }
  std::string error_of(const std::string& bytes) {
    return message_of<DataError>([&] { read(bytes); });
  }

  testing::TempDir dir_;
  std::filesystem::path path_ = dir_.path() / "a.npz";
  std::string x_ = npy_file(dict("|u1", "(4,)"), "\1\2\3\4");
  std::string y_ = npy_file(dict("<i2", "(1,)"), std::string("\5\0", 2));
};

TEST_F(Npz, ReadsStoredAndDeflatedByName) {
  for (const bool zip64 : {false, true}) {
    const std::string file = testing::zip_file(
        {{.name = "x.npy", .data = x_, .deflate = true, .zip64 = zip64},
         {.name = "y.npy", .data = y_, .zip64 = zip64}},
        "a comment");
    const auto all = read(file);
    EXPECT_EQ(all.size(), 2u);
    EXPECT_TRUE(
        torch::equal(all.at("x"), torch::tensor({1, 2, 3, 4}, torch::kByte)));
    EXPECT_EQ(all.at("y")[0].item<int>(), 5);
    EXPECT_EQ(read(file, {"y"}).size(), 1u);
    EXPECT_TRUE(has(message_of<DataError>([&] { read(file, {"yy"}); }),
                    {"yy", "\"x\", \"y\"", "did you mean \"y\"?"}));
  }
}

TEST_F(Npz, RefusesEveryTruncationAndEveryFlippedByteOfTheData) {
  const std::string good =
      testing::zip_file({{.name = "x.npy", .data = x_, .deflate = true},
                         {.name = "y.npy", .data = y_}});
  EXPECT_EQ(read(good).size(), 2u);
  for (std::size_t n = 0; n < good.size(); ++n) {
    EXPECT_TRUE(has(error_of(good.substr(0, n)), {"a.npz", "got"})) << n;
  }
  // The last byte of y's numbers: only the checksum can know.
  std::string broken = good;
  broken[good.find(y_) + y_.size() - 1] ^= 1;
  EXPECT_TRUE(has(error_of(broken), {"y.npy", "checksum"}));
}

TEST_F(Npz, NamesWhatIsWrong) {
  using Entries = std::vector<testing::ZipEntry>;
  const auto error = [&](const Entries& entries) {
    return error_of(testing::zip_file(entries));
  };
  EXPECT_TRUE(
      has(error({{.name = "x.npy", .data = x_}, {.name = "x.npy", .data = x_}}),
          {"one name", "x.npy"}));
  EXPECT_TRUE(has(error({{.name = "x.txt", .data = x_}}), {"x.txt", ".npy"}));
  EXPECT_TRUE(
      has(error({{.name = "x.npy", .data = x_, .flags = 1}}), {"encrypted"}));
  EXPECT_TRUE(
      has(error({{.name = "x.npy", .data = x_, .method = 14}}), {"method 14"}));
  EXPECT_TRUE(has(error({{.name = "x.npy", .data = x_, .claimed_crc = 1}}),
                  {"checksum"}));
  EXPECT_TRUE(has(error({{.name = "x.npy", .data = x_, .claimed_size = 9999}}),
                  {"differ"}));
  EXPECT_TRUE(has(error({{.name = "x.npy",
                          .data = x_,
                          .deflate = true,
                          .claimed_size = 1U << 30}}),
                  {"more than it can hold"}));
  EXPECT_TRUE(has(error({{.name = "x.npy", .data = x_},
                         {.name = "y.npy", .data = x_, .claimed_offset = 4}}),
                  {"overlaps"}));
  EXPECT_TRUE(has(error({{.name = "x.npy", .data = "nothing of NumPy's"}}),
                  {"entry \"x.npy\"", "not a NumPy"}));
  // A name can't write into the terminal.
  EXPECT_EQ(error({{.name = "\x1b[2J", .data = x_}}).find('\x1b'),
            std::string::npos);
  EXPECT_TRUE(has(error_of("no zip at all, but long enough for its end"),
                  {"not a zip file"}));
}

}  // namespace
}  // namespace bolt
