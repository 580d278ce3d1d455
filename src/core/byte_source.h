#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

struct gzFile_s;

namespace bolt::detail {

/// A text from a file as a message shows it: quoted, without what would disturb
/// a terminal, and cut where it is long.
std::string quoted_text(std::string_view text);

/// Which class of error says that a file isn't what it should be.
enum class FileKind { kData, kCheckpoint };

/// A regular file, open for reading. What goes wrong is a DataError, or a
/// CheckpointError, that names the function and the file.
class InputFile {
 public:
  /// `reader` is the function that the user called.
  InputFile(std::string_view reader, const std::filesystem::path& path,
            FileKind kind = FileKind::kData);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  int descriptor() const { return fd_; }
  uint64_t size() const { return size_; }
  /// Bytes offset … offset + bytes - 1, all of them.
  void read_at(uint64_t offset, void* to, std::size_t bytes) const;
  /// "read_npy(path)"
  const std::string& where() const { return where_; }
  [[noreturn]] void refuse(std::string what, std::string got = {},
                           std::string expected = {},
                           std::string tip = {}) const;

 private:
  std::string where_;
  FileKind kind_;
  int fd_ = -1;
  uint64_t size_ = 0;
};

/// Bytes of a file, one after the other, compressed or not. Its errors name
/// the file and how far it was read.
class ByteSource {
 public:
  explicit ByteSource(std::string where) : where_(std::move(where)) {}
  virtual ~ByteSource() = default;
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  /// Up to `bytes`; fewer at the end alone.
  std::size_t read_some(void* to, std::size_t bytes);
  /// All of them; `part` says what they are, for the message.
  void read(void* to, std::size_t bytes, std::string_view part);
  /// Refuses what follows, and checks what can be checked at the end alone.
  void expect_end();
  /// No more bytes than these can follow.
  virtual uint64_t at_most() const = 0;
  /// Whether at_most() bytes are really there, not just announced.
  virtual bool certain() const = 0;
  [[noreturn]] void refuse(std::string what, std::string got = {},
                           std::string expected = {},
                           std::string tip = {}) const;

 protected:
  virtual std::size_t do_read(void* to, std::size_t bytes) = 0;
  uint64_t offset() const { return offset_; }

 private:
  std::string where_;
  uint64_t offset_ = 0;
};

/// A part of a file, as it is.
class FileSource final : public ByteSource {
 public:
  /// The whole file.
  explicit FileSource(const InputFile& file)
      : FileSource(file, file.where(), 0, file.size()) {}
  /// Bytes first … end - 1, which the file has.
  FileSource(const InputFile& file, std::string where, uint64_t first,
             uint64_t end);
  uint64_t at_most() const override { return end_ - first_ - offset(); }
  bool certain() const override { return true; }

 private:
  std::size_t do_read(void* to, std::size_t bytes) override;

  const InputFile& file_;
  uint64_t first_;
  uint64_t end_;
};

/// A file that may be compressed with gzip; others are read as they are.
class GzipSource final : public ByteSource {
 public:
  explicit GzipSource(const InputFile& file);
  ~GzipSource() override;
  uint64_t at_most() const override { return bound_ - offset(); }
  bool certain() const override { return plain_; }

 private:
  std::size_t do_read(void* to, std::size_t bytes) override;

  gzFile_s* file_ = nullptr;
  uint64_t bound_ = 0;
  bool plain_ = false;
};

/// The most that `bytes` of deflate can become: its longest match, 258 bytes,
/// takes two bits (RFC 1951).
inline uint64_t inflated_bound(uint64_t bytes) { return (bytes + 8) * 1032; }

}  // namespace bolt::detail
