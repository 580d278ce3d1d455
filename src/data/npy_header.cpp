#include "data/npy_header.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <utility>

#include "data/flat_tensor.h"

namespace bolt::detail {
namespace {

struct NamedType {
  std::string_view name;  // without the byte order
  at::ScalarType type;
};
constexpr std::array<NamedType, 14> kTypes{{{"b1", at::kBool},
                                            {"i1", at::kChar},
                                            {"u1", at::kByte},
                                            {"i2", at::kShort},
                                            {"u2", at::kUInt16},
                                            {"i4", at::kInt},
                                            {"u4", at::kUInt32},
                                            {"i8", at::kLong},
                                            {"u8", at::kUInt64},
                                            {"f2", at::kHalf},
                                            {"f4", at::kFloat},
                                            {"f8", at::kDouble},
                                            {"c8", at::kComplexFloat},
                                            {"c16", at::kComplexDouble}}};

// The header is a Python dict of three entries, written as a literal.
class Literal {
 public:
  Literal(std::string_view text, const ByteSource& source)
      : text_(text), source_(source) {}

  bool take(char wanted) {
    skip_space();
    if (text_.empty() || text_.front() != wanted) return false;
    text_.remove_prefix(1);
    return true;
  }
  void expect(char wanted) {
    if (!take(wanted)) refuse(std::string("\"") + wanted + "\"");
  }
  bool at_end() {
    skip_space();
    return text_.empty();
  }
  std::string_view text(const char* what) {
    skip_space();
    const char quote = text_.empty() ? '\0' : text_.front();
    if (quote != '\'' && quote != '"') refuse(what);
    const std::size_t end = text_.find(quote, 1);
    if (end == std::string_view::npos) refuse("a closing quote");
    const std::string_view value = text_.substr(1, end - 1);
    text_.remove_prefix(end + 1);
    return value;
  }
  bool boolean() {
    skip_space();
    for (const bool value : {true, false}) {
      const std::string_view word = value ? "True" : "False";
      if (!text_.starts_with(word)) continue;
      text_.remove_prefix(word.size());
      return value;
    }
    refuse("True or False");
  }
  std::vector<int64_t> shape() {
    std::vector<int64_t> sizes;
    expect('(');
    while (!take(')')) {
      skip_space();
      int64_t n = 0;
      const auto [end, error] =
          std::from_chars(text_.data(), text_.data() + text_.size(), n);
      if (error != std::errc() || n < 0) refuse("a size");
      text_.remove_prefix(static_cast<std::size_t>(end - text_.data()));
      take('L');  // Python 2's long numbers
      sizes.push_back(n);
      if (!take(',')) {
        expect(')');
        break;
      }
    }
    return sizes;
  }
  [[noreturn]] void refuse(const std::string& expected) const {
    source_.refuse("its header isn't NumPy's",
                   text_.empty() ? "its end" : quoted_text(text_), expected);
  }

 private:
  void skip_space() {
    const std::size_t n = text_.find_first_not_of(" \t\n\r");
    text_.remove_prefix(std::min(n, text_.size()));
  }

  std::string_view text_;
  const ByteSource& source_;
};

void set_type(NpyHeader& header, std::string_view descr,
              const ByteSource& source) {
  const std::string_view orders = "<>|=";
  const bool has_order =
      !descr.empty() && orders.find(descr.front()) != std::string_view::npos;
  const std::string_view name = has_order ? descr.substr(1) : descr;
  const auto* known =
      std::find_if(kTypes.begin(), kTypes.end(),
                   [&](const NamedType& type) { return type.name == name; });
  if (known == kTypes.end()) {
    source.refuse("its type of numbers is not one that torch has",
                  quoted_text(descr), "bool, a (u)int, float or complex type",
                  "array.astype('float32') in Python");
  }
  header.type = known->type;
  const char order = has_order ? descr.front() : '=';
  if (order == '<') header.order = std::endian::little;
  if (order == '>') header.order = std::endian::big;
}

NpyHeader parse(std::string_view text, const ByteSource& source) {
  NpyHeader header;
  Literal literal(text, source);
  bool descr = false, order = false, shape = false;
  literal.expect('{');
  while (!literal.take('}')) {
    const std::string_view key = literal.text("a key");
    literal.expect(':');
    if (key == "descr" && !std::exchange(descr, true)) {
      if (literal.take('[')) {
        source.refuse("it holds records", "a structured type", "plain numbers",
                      "save each field as an array of its own");
      }
      set_type(header, literal.text("the name of a type"), source);
    } else if (key == "fortran_order" && !std::exchange(order, true)) {
      header.fortran_order = literal.boolean();
    } else if (key == "shape" && !std::exchange(shape, true)) {
      header.shape = literal.shape();
    } else {
      literal.refuse("descr, fortran_order and shape, once each");
    }
    if (!literal.take(',')) {
      literal.expect('}');
      break;
    }
  }
  if (!descr || !order || !shape) {
    literal.refuse("descr, fortran_order and shape");
  }
  if (!literal.at_end()) literal.refuse("the end of the header");
  header.elements = count_elements(source, header.shape);
  return header;
}

}  // namespace

NpyHeader read_npy_header(ByteSource& source) {
  std::array<unsigned char, 8> magic{};
  source.read(magic.data(), magic.size(), "its header");
  constexpr std::array<unsigned char, 6> kMagic{0x93, 'N', 'U', 'M', 'P', 'Y'};
  if (!std::equal(kMagic.begin(), kMagic.end(), magic.begin())) {
    source.refuse("it is not a NumPy array file", "another beginning",
                  "\\x93NUMPY");
  }
  const int version = magic[6];
  if (version < 1 || version > 3 || magic[7] != 0) {
    source.refuse("its version is not known",
                  std::to_string(version) + "." + std::to_string(magic[7]),
                  "1.0, 2.0 or 3.0");
  }
  std::array<unsigned char, 4> size{};
  source.read(size.data(), version == 1 ? 2 : 4, "its header");
  const uint64_t length = uint64_t{size[0]} | uint64_t{size[1]} << 8 |
                          uint64_t{size[2]} << 16 | uint64_t{size[3]} << 24;
  // What NumPy writes for 64 dimensions is far below it.
  constexpr uint64_t kMostBytes = 1 << 16;
  const uint64_t most = std::min(kMostBytes, source.at_most());
  if (length > most) {
    source.refuse("its header is too long", std::to_string(length) + " bytes",
                  "at most " + std::to_string(most));
  }
  std::string text(static_cast<std::size_t>(length), '\0');
  source.read(text.data(), text.size(), "its header");
  return parse(text, source);
}

std::optional<std::string> npy_descr(at::ScalarType type) {
  for (const NamedType& known : kTypes) {
    if (known.type != type) continue;
    const bool order = c10::elementSize(type) > 1;
    return (order ? "<" : "|") + std::string(known.name);
  }
  return std::nullopt;
}

at::Tensor npy_view(const at::Tensor& flat, const NpyHeader& header) {
  if (!header.fortran_order) return flat.view(header.shape);
  const std::vector<int64_t> reversed(header.shape.rbegin(),
                                      header.shape.rend());
  return flat.view(reversed).permute([&] {
    std::vector<int64_t> order(reversed.size());
    for (std::size_t k = 0; k < order.size(); ++k) {
      order[k] = static_cast<int64_t>(order.size() - 1 - k);
    }
    return order;
  }());
}

at::Tensor read_npy_array(ByteSource& source) {
  const NpyHeader header = read_npy_header(source);
  const at::Tensor flat =
      read_flat(source, header.type, header.elements, header.order);
  source.expect_end();
  return npy_view(flat, header).contiguous();
}

}  // namespace bolt::detail
