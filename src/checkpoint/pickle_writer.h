#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace bolt::detail {

/// Writes a pickle of protocol 2, opcode by opcode. Texts and globals that come
/// again are written once.
class PickleWriter {
 public:
  PickleWriter();
  void none() { op('N'); }
  void boolean(bool value) { op(value ? '\x88' : '\x89'); }
  void integer(int64_t value);
  void number(double value);
  /// UTF-8, surrogates included, shorter than 4 GiB.
  void text(std::string_view value);
  /// A class or function: module and name.
  void global(std::string_view module, std::string_view name);

  void empty_list() { op(']'); }
  void empty_map() { op('}'); }
  void empty_tuple() { op(')'); }
  void mark() { op('('); }
  /// Ends a mark: its items are appended to the list before it.
  void append_all() { op('e'); }
  /// Ends a mark: keys and values are put into the map before it.
  void set_all() { op('u'); }
  /// Ends a mark: its items are a tuple.
  void tuple() { op('t'); }
  /// The last one, two or three values are a tuple.
  void tuple_of(std::size_t count) {
    op(static_cast<char>('\x84' + static_cast<char>(count)));
  }
  /// Calls the function with the tuple behind it.
  void call() { op('R'); }
  /// The object that the tuple before names, kept outside of the pickle.
  void persistent() { op('Q'); }

  /// Ends it.
  std::string finish();

 private:
  void op(char code) { bytes_ += code; }
  void little(uint64_t value, int bytes);
  /// Writes a reference to what has this name; false when it wasn't written
  /// yet, which is to be done now, and then `put()`.
  bool get(const std::string& name);
  void put(std::string name);

  std::string bytes_{};
  std::unordered_map<std::string, uint32_t> memo_{};
};

}  // namespace bolt::detail
