#include "core/zip_source.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <string>

#include "core/crc32.h"

namespace bolt::detail {
namespace {

// "read_npz(path), entry \"x.npy\""
std::string where_of(const InputFile& file, const ZipEntry& entry) {
  return file.where() + ", entry " + quoted_text(entry.name);
}

// Counts the bytes and their checksum; both are compared at the end.
class ZipSource : public ByteSource {
 public:
  ZipSource(const InputFile& file, const ZipEntry& entry)
      : ByteSource(where_of(file, entry)), size_(entry.size), crc_(entry.crc) {}
  uint64_t at_most() const override { return size_ - offset(); }

 protected:
  virtual std::size_t unpack(void* to, std::size_t bytes) = 0;

 private:
  std::size_t do_read(void* to, std::size_t bytes) final {
    const auto wanted =
        static_cast<std::size_t>(std::min<uint64_t>(bytes, at_most()));
    if (wanted == 0) {
      if (have_ != crc_) {
        refuse("its checksum is wrong", std::to_string(have_),
               std::to_string(crc_));
      }
      return 0;
    }
    const std::size_t n = unpack(to, wanted);
    have_ = crc32(have_, to, n);
    return n;
  }

  uint64_t size_;
  uint32_t crc_;
  uint32_t have_ = 0;
};

class StoredSource final : public ZipSource {
 public:
  StoredSource(const InputFile& file, const ZipEntry& entry, uint64_t first)
      : ZipSource(file, entry),
        bytes_(file, where_of(file, entry), first, first + entry.compressed) {
    if (entry.size != entry.compressed) {
      refuse("it is stored, and its two sizes differ",
             std::to_string(entry.compressed) + " and " +
                 std::to_string(entry.size));
    }
  }
  bool certain() const override { return true; }

 private:
  std::size_t unpack(void* to, std::size_t bytes) override {
    return bytes_.read_some(to, bytes);
  }
  FileSource bytes_;
};

class DeflatedSource final : public ZipSource {
 public:
  DeflatedSource(const InputFile& file, const ZipEntry& entry, uint64_t first)
      : ZipSource(file, entry),
        packed_(file, where_of(file, entry), first, first + entry.compressed) {
    if (entry.size > inflated_bound(entry.compressed)) {
      refuse("it announces more than it can hold",
             std::to_string(entry.size) + " bytes",
             "at most " + std::to_string(inflated_bound(entry.compressed)));
    }
    // Negative: no header of zlib's around it.
    if (::inflateInit2(&stream_, -MAX_WBITS) != Z_OK) {
      refuse("zlib can't begin", "no memory");
    }
  }
  ~DeflatedSource() override { ::inflateEnd(&stream_); }
  bool certain() const override { return false; }

 private:
  std::size_t unpack(void* to, std::size_t bytes) override {
    stream_.next_out = static_cast<Bytef*>(to);
    stream_.avail_out = static_cast<uInt>(bytes);
    while (stream_.avail_out > 0) {
      if (stream_.avail_in == 0) {
        stream_.next_in = buffer_.data();
        stream_.avail_in = static_cast<uInt>(
            packed_.read_some(buffer_.data(), buffer_.size()));
      }
      const int code = ::inflate(&stream_, Z_NO_FLUSH);
      if (code == Z_STREAM_END) break;
      if (code == Z_BUF_ERROR) break;  // no more to come
      if (code != Z_OK) {
        refuse("its compression is broken",
               stream_.msg != nullptr ? stream_.msg : "an error of zlib");
      }
    }
    return bytes - stream_.avail_out;
  }

  FileSource packed_;
  z_stream stream_{};
  std::array<Bytef, 1 << 16> buffer_{};
};

}  // namespace

std::unique_ptr<ByteSource> open_zip_source(const InputFile& file,
                                            const ZipEntry& entry,
                                            uint64_t first) {
  if (entry.method == 0) {
    return std::make_unique<StoredSource>(file, entry, first);
  }
  if (entry.method == Z_DEFLATED) {
    return std::make_unique<DeflatedSource>(file, entry, first);
  }
  file.refuse(
      "the compression of entry " + quoted_text(entry.name) + " is not known",
      "method " + std::to_string(entry.method), "0 (stored) or 8 (deflated)");
}

}  // namespace bolt::detail
