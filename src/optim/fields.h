#pragma once

#include <torchbolt/core/error.h>
#include <torchbolt/state/state.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace bolt::optim::detail {

// The options of an optimizer as entries of Python's "param_groups". A rule
// names them once, in Python's order:
//
//     template <class V, class O> static void fields(V& v, O& o) {
//       v("lr", o.lr);
//       v.fixed("capturable", false);
//     }

/// Writes them.
class SaveFields {
 public:
  explicit SaveFields(State& state) : state_(state) {}

  template <class T>
  void operator()(std::string_view name, const T& value) {
    state_[name] = saved(value);
  }
  /// An entry that Python has and that is always the same here.
  void fixed(std::string_view name, State value) {
    state_[name] = std::move(value);
  }

 private:
  template <class T>
  static State saved(const T& value) {
    return State(value);
  }
  template <class T>
  static State saved(const std::optional<T>& value) {
    return value ? State(*value) : State();
  }
  template <class A, class B>
  static State saved(const std::pair<A, B>& value) {
    return State::tuple({saved(value.first), saved(value.second)});
  }

  State& state_;
};

/// Reads them, and takes them out of the state. What isn't there keeps its
/// value: older Pythons have fewer.
class LoadFields {
 public:
  explicit LoadFields(State& state) : state_(state) {}

  template <class T>
  void operator()(std::string_view name, T& value) {
    const State* found = state_.find(name);
    if (found == nullptr) return;
    load(*found, value);
    state_.erase(State::Key(std::string(name)));
  }
  void fixed(std::string_view name, const State&) {
    state_.erase(State::Key(std::string(name)));
  }

 private:
  static void load(const State& state, double& value);
  static void load(const State& state, bool& value) { value = state.as_bool(); }
  static void load(const State& state, int64_t& value) {
    value = state.as_int();
  }
  static void load(const State& state, std::string& value) {
    value = state.as_string();
  }
  template <class T>
  static void load(const State& state, std::optional<T>& value) {
    if (state.is_none()) {
      value.reset();
    } else {
      load(state, value.emplace());
    }
  }
  template <class A, class B>
  static void load(const State& state, std::pair<A, B>& value) {
    if (state.size() != 2) {
      throw CheckpointError({.where = "load_state",
                             .what = "an option isn't a pair",
                             .got = state.to_string()});
    }
    load(state.items()[0], value.first);
    load(state.items()[1], value.second);
  }

  State& state_;
};

/// Collects what is wrong with options; throws at the first.
class Check {
 public:
  explicit Check(std::string_view optimizer) : optimizer_(optimizer) {}

  /// value >= 0, and finite
  void not_negative(const char* field, double value) const;
  /// 0 <= value < 1, both
  void betas(const std::pair<double, double>& betas) const;
  /// lr, betas, eps and weight_decay of Adam and its kin.
  template <class O>
  void options_of_adam(const O& o) const {
    not_negative("lr", o.lr);
    betas(o.betas);
    not_negative("eps", o.eps);
    not_negative("weight_decay", o.weight_decay);
  }
  void that(bool right, const char* field, double got,
            const char* expected) const;

 private:
  std::string_view optimizer_;
};

}  // namespace bolt::optim::detail
