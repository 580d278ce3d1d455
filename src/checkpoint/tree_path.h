#pragma once

#include <torchbolt/state/state.h>

#include <cstddef>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace bolt::detail {

/// How deep a tree in a file may be. Those of programs have some ten levels;
/// each costs stack.
constexpr std::size_t kDeepest = 500;

/// Where a walk through a tree is, for messages:
/// ["optimizer_states"][0]["lr"].
class TreePath {
 public:
  void enter(const State::Key& key) { steps_.push_back(&key); }
  void enter(std::size_t index) { steps_.push_back(index); }
  void leave() { steps_.pop_back(); }
  std::size_t depth() const { return steps_.size(); }
  std::string text() const {
    std::string text;
    for (const auto& step : steps_) {
      if (const auto* index = std::get_if<std::size_t>(&step)) {
        text += "[" + std::to_string(*index) + "]";
      } else {
        text += of(*std::get<const State::Key*>(step));
      }
    }
    return text.empty() ? "the whole" : text;
  }
  static std::string of(const State::Key& key) {
    if (const auto* number = std::get_if<int64_t>(&key)) {
      return "[" + std::to_string(*number) + "]";
    }
    // It may come from a file that wants to disturb a terminal.
    constexpr std::size_t kMost = 200;
    std::string text = std::get<std::string>(key).substr(0, kMost);
    for (char& c : text) {
      if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = ' ';
    }
    return "[\"" + text + "\"]";
  }

 private:
  std::vector<std::variant<std::size_t, const State::Key*>> steps_{};
};

/// Calls `leaf(state, path)` for all that is no list, tuple or map, in order.
template <class Leaf>
void walk(const State& state, TreePath& path, Leaf&& leaf) {
  if (state.is_map()) {
    for (const auto& [key, value] : state.entries()) {
      path.enter(key);
      walk(value, path, leaf);
      path.leave();
    }
  } else if (state.is_list() || state.is_tuple()) {
    for (std::size_t k = 0; k < state.size(); ++k) {
      path.enter(k);
      walk(state.items()[k], path, leaf);
      path.leave();
    }
  } else {
    leaf(state, std::as_const(path));
  }
}

}  // namespace bolt::detail
