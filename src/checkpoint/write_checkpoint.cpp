#include <ATen/ATen.h>
#include <torchbolt/checkpoint/checkpoint_file.h>
#include <torchbolt/core/error.h>

#include <algorithm>
#include <bit>
#include <string_view>

#include "checkpoint/dtypes.h"
#include "checkpoint/pickle_writer.h"
#include "checkpoint/storage_plan.h"
#include "checkpoint/tree_path.h"
#include "checkpoint/utf8.h"
#include "core/atomic_file.h"
#include "core/crc32.h"
#include "core/zip_writer.h"

namespace bolt {
namespace {

static_assert(std::endian::native == std::endian::little,
              "checkpoints are written in the machine's byte order, and the "
              "file says that it is the little one");

// As torch's: so that mapped numbers are aligned.
constexpr uint64_t kAlign = 64;
// The newest that torch 1.6 reads.
constexpr std::string_view kVersion = "3\n";

// A state as a pickle of the objects that torch.save makes of it.
class TreePickler {
 public:
  TreePickler(const detail::StoragePlan& plan, const std::string& where)
      : plan_(plan), where_(where) {}

  std::string pickle(const State& state) {
    value(state);
    return out_.finish();
  }

 private:
  [[noreturn]] void refuse(const std::string& what, std::string got,
                           std::string expected) const {
    throw CheckpointError({.where = where_,
                           .what = path_.text() + " " + what,
                           .got = std::move(got),
                           .expected = std::move(expected)});
  }

  void value(const State& state) {
    switch (state.kind()) {
      case State::Kind::kNone:
        return out_.none();
      case State::Kind::kBool:
        return out_.boolean(state.as_bool());
      case State::Kind::kInt:
        return out_.integer(state.as_int());
      case State::Kind::kDouble:
        return out_.number(state.as_double());
      case State::Kind::kString:
        return text(state.as_string());
      case State::Kind::kTensor:
        return tensor();
      case State::Kind::kList:
        out_.empty_list();
        if (state.size() == 0) return;
        out_.mark();
        items(state);
        return out_.append_all();
      case State::Kind::kTuple:
        if (state.size() == 0) return out_.empty_tuple();
        if (state.size() > 3) out_.mark();
        items(state);
        return state.size() > 3 ? out_.tuple() : out_.tuple_of(state.size());
      case State::Kind::kMap:
        out_.empty_map();
        if (state.size() == 0) return;
        out_.mark();
        entries(state);
        return out_.set_all();
    }
  }

  void deeper() const {
    if (path_.depth() > detail::kDeepest) {
      refuse("is too deep in the tree", "",
             "at most " + std::to_string(detail::kDeepest) + " levels");
    }
  }

  void items(const State& state) {
    for (std::size_t k = 0; k < state.size(); ++k) {
      path_.enter(k);
      deeper();
      value(state.items()[k]);
      path_.leave();
    }
  }

  void entries(const State& state) {
    for (const auto& [key, item] : state.entries()) {
      path_.enter(key);
      deeper();
      if (const auto* number = std::get_if<int64_t>(&key)) {
        out_.integer(*number);
      } else {
        text(std::get<std::string>(key));
      }
      value(item);
      path_.leave();
    }
  }

  void text(const std::string& text) {
    // A path may have any bytes.
    if (!detail::is_utf8(text)) return utf8(detail::with_escaped_bytes(text));
    utf8(text);
  }

  void utf8(const std::string& text) {
    if (text.size() > 0xffffffff) {
      refuse("is a text that is too long",
             std::to_string(text.size()) + " bytes", "less than 4 GiB");
    }
    out_.text(text);
  }

  void integers(at::IntArrayRef numbers) {
    if (numbers.empty()) return out_.empty_tuple();
    if (numbers.size() > 3) out_.mark();
    for (const int64_t n : numbers) out_.integer(n);
    if (numbers.size() > 3) return out_.tuple();
    out_.tuple_of(numbers.size());
  }

  void tensor() {
    const detail::StoragePlan::Use& use = plan_.uses()[next_++];
    const detail::StoragePlan::Record& record = plan_.records()[use.record];
    const detail::DtypeNames& names = *detail::dtype_names(record.type);
    const bool typed = !names.storage.empty();
    const int64_t width = typed ? use.tensor.element_size() : 1;
    out_.global("torch._utils",
                typed ? "_rebuild_tensor_v2" : "_rebuild_tensor_v3");
    out_.mark();
    out_.mark();
    out_.text("storage");
    if (typed) {
      out_.global("torch", names.storage);
    } else {
      out_.global("torch.storage", "UntypedStorage");
    }
    out_.text(std::to_string(use.record));
    out_.text("cpu");
    out_.integer(static_cast<int64_t>(record.size()) / width);
    out_.tuple();
    out_.persistent();
    out_.integer(use.offset);
    integers(use.tensor.sizes());
    integers(use.tensor.strides());
    out_.boolean(false);  // requires_grad
    out_.global("collections", "OrderedDict");
    out_.empty_tuple();
    out_.call();  // its hooks: none
    if (!typed) out_.global("torch", names.python);
    out_.tuple();
    out_.call();
  }

  const detail::StoragePlan& plan_;
  const std::string& where_;
  detail::PickleWriter out_{};
  detail::TreePath path_{};
  std::size_t next_ = 0;
};

std::string_view view(const at::Tensor& bytes) {
  return {static_cast<const char*>(bytes.const_data_ptr()),
          static_cast<std::size_t>(bytes.nbytes())};
}

// 40 digits that depend on the pickle, as torch's do.
std::string serialization_id(std::string_view pickle) {
  const std::string digits =
      std::to_string(detail::crc32(0, pickle.data(), pickle.size()));
  return std::string(40 - digits.size(), '0') + digits;
}

}  // namespace

void write_checkpoint(const std::filesystem::path& path, const State& state,
                      const WriteCheckpointOptions& options) {
  const std::string where = "write_checkpoint(" + path.string() + ")";
  const detail::StoragePlan plan(state, where);
  const std::string pickle = TreePickler(plan, where).pickle(state);
  detail::AtomicFile file(path);
  detail::ZipWriter zip(file, {.align = kAlign, .flush = options.durable});
  const std::string folder = "archive/";
  zip.add(folder + "data.pkl", pickle);
  zip.add(folder + "byteorder", "little");
  for (std::size_t k = 0; k < plan.records().size(); ++k) {
    const at::Tensor bytes = plan.records()[k].bytes().cpu();
    zip.add(folder + "data/" + std::to_string(k), view(bytes));
  }
  zip.add(folder + "version", kVersion);
  zip.add(folder + ".data/serialization_id", serialization_id(pickle));
  zip.finish();
  file.commit(options.durable);
}

}  // namespace bolt
