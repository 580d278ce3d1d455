#include <ATen/ATen.h>
#include <torch/optim/adagrad.h>
#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/rmsprop.h>
#include <torch/optim/sgd.h>
#include <torch/serialize.h>
#include <torchbolt/core/error.h>
#include <torchbolt/optim/optimizer.h>
#include <torchbolt/optim/optimizer_state.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

// torch's own C++ optimizers in Python's layout. The fields of each stand in
// one `visit`, for both directions.

namespace bolt::optim {
namespace {

namespace to = torch::optim;
using Betas = std::tuple<double, double>;

template <class V>
void visit(to::SGDOptions& o, V&& v) {
  v("lr", o.lr());
  v("momentum", o.momentum());
  v("dampening", o.dampening());
  v("weight_decay", o.weight_decay());
  v("nesterov", o.nesterov());
}
template <class V>
void visit(to::SGDParamState& s, V&& v) {
  v("momentum_buffer", s.momentum_buffer());
}

template <class Options, class V>
void visit_adam(Options& o, V&& v) {
  v("lr", o.lr());
  v("betas", o.betas());
  v("eps", o.eps());
  v("weight_decay", o.weight_decay());
  v("amsgrad", o.amsgrad());
}
template <class State, class V>
void visit_adam_state(State& s, V&& v) {
  v("step", s.step());
  v("exp_avg", s.exp_avg());
  v("exp_avg_sq", s.exp_avg_sq());
  v("max_exp_avg_sq", s.max_exp_avg_sq());
}
template <class V>
void visit(to::AdamOptions& o, V&& v) {
  visit_adam(o, v);
}
template <class V>
void visit(to::AdamWOptions& o, V&& v) {
  visit_adam(o, v);
}
template <class V>
void visit(to::AdamParamState& s, V&& v) {
  visit_adam_state(s, v);
}
template <class V>
void visit(to::AdamWParamState& s, V&& v) {
  visit_adam_state(s, v);
}

template <class V>
void visit(to::RMSpropOptions& o, V&& v) {
  v("lr", o.lr());
  v("alpha", o.alpha());
  v("eps", o.eps());
  v("weight_decay", o.weight_decay());
  v("momentum", o.momentum());
  v("centered", o.centered());
}
template <class V>
void visit(to::RMSpropParamState& s, V&& v) {
  v("step", s.step());
  v("square_avg", s.square_avg());
  v("momentum_buffer", s.momentum_buffer());
  v("grad_avg", s.grad_avg());
}

template <class V>
void visit(to::AdagradOptions& o, V&& v) {
  v("lr", o.lr());
  v("lr_decay", o.lr_decay());
  v("weight_decay", o.weight_decay());
  v("initial_accumulator_value", o.initial_accumulator_value());
  v("eps", o.eps());
}
template <class V>
void visit(to::AdagradParamState& s, V&& v) {
  v("step", s.step());
  v("sum", s.sum());
}

/// Writes fields into a map.
struct Save {
  State& into;
  void operator()(const char* name, double value) const { into[name] = value; }
  void operator()(const char* name, bool value) const { into[name] = value; }
  // Python counts steps in a tensor.
  void operator()(const char* name, int64_t value) const {
    into[name] = at::scalar_tensor(static_cast<double>(value), at::kFloat);
  }
  void operator()(const char* name, const Betas& value) const {
    into[name] = State::tuple({std::get<0>(value), std::get<1>(value)});
  }
  void operator()(const char* name, const at::Tensor& value) const {
    if (value.defined()) into[name] = value;
  }
};

/// Reads fields that are there out of a map.
struct Load {
  const State& from;
  const at::Tensor* parameter = nullptr;

  void operator()(const char* name, double& value) const {
    if (const State* found = from.find(name)) value = number(*found);
  }
  void operator()(const char* name, bool& value) const {
    if (const State* found = from.find(name)) value = found->as_bool();
  }
  void operator()(const char* name, int64_t& value) const {
    if (const State* found = from.find(name)) {
      value = static_cast<int64_t>(number(*found));
    }
  }
  void operator()(const char* name, Betas& value) const {
    if (const State* found = from.find(name)) {
      value = {number(found->items().at(0)), number(found->items().at(1))};
    }
  }
  void operator()(const char* name, at::Tensor& value) const {
    const State* found = from.find(name);
    if (found == nullptr || found->is_none()) return;
    const at::Tensor& saved = found->as_tensor();
    if (!saved.sizes().equals(parameter->sizes())) {
      throw CheckpointError({.where = "load_optimizer_state",
                             .what = std::string("the saved ") + name +
                                     " has another shape than its parameter",
                             .got = c10::str(saved.sizes()),
                             .expected = c10::str(parameter->sizes())});
    }
    value = saved.to(parameter->options()).clone();
  }

  static double number(const State& state) {
    return state.is_tensor() ? state.as_tensor().item<double>()
                             : state.as_double();
  }
};

template <class Options, class ParamState>
State save(const to::Optimizer& optimizer) {
  State groups = State::list();
  State states = State::map();
  int64_t id = 0;
  for (const auto& group : optimizer.param_groups()) {
    State one = State::map();
    auto options = group.options().clone();
    visit(static_cast<Options&>(*options), Save{one});
    State ids = State::list();
    for (const at::Tensor& parameter : group.params()) {
      const auto found =
          optimizer.state().find(parameter.unsafeGetTensorImpl());
      if (found != optimizer.state().end()) {
        State row = State::map();
        visit(static_cast<ParamState&>(*found->second), Save{row});
        states.set(State::Key(id), std::move(row));
      }
      ids.push_back(id++);
    }
    one["params"] = std::move(ids);
    groups.push_back(std::move(one));
  }
  return State::map(
      {{"state", std::move(states)}, {"param_groups", std::move(groups)}});
}

[[noreturn]] void misfit(std::string what, std::size_t got,
                         std::size_t expected) {
  throw CheckpointError({.where = "load_optimizer_state",
                         .what = std::move(what),
                         .got = std::to_string(got),
                         .expected = std::to_string(expected),
                         .tip = "load the state of an optimizer of the same "
                                "kind and parameters"});
}

// Names of the columns, and those without which no step can be made.
struct Columns {
  std::vector<std::string_view> names{}, needed{};
  template <class Value>
  void operator()(const char* name, const Value&) {
    names.emplace_back(name);
  }
};

template <class ParamState>
Columns columns_of() {
  ParamState made;
  Columns columns;
  visit(made, columns);
  if constexpr (std::is_same_v<ParamState, to::RMSpropParamState>) {
    columns.needed = {"square_avg"};
  } else if constexpr (std::is_same_v<ParamState, to::AdagradParamState>) {
    columns.needed = {"sum"};
  } else if constexpr (!std::is_same_v<ParamState, to::SGDParamState>) {
    columns.needed = {"exp_avg", "exp_avg_sq"};
  }
  return columns;
}

void check_row(const State& row, const Columns& columns) {
  const auto refuse = [](std::string what, std::string_view column) {
    throw CheckpointError({.where = "load_optimizer_state",
                           .what = std::move(what),
                           .got = "\"" + std::string(column) + "\"",
                           .tip = "load the state of an optimizer of the same "
                                  "kind"});
  };
  for (const auto& [key, value] : row.entries()) {
    const auto* name = std::get_if<std::string>(&key);
    if (name != nullptr &&
        std::ranges::find(columns.names, *name) == columns.names.end()) {
      refuse("the state has what this optimizer doesn't keep", *name);
    }
  }
  for (const std::string_view name : columns.needed) {
    if (row.find(name) == nullptr) {
      refuse("the state lacks what this optimizer keeps", name);
    }
  }
}

// Everything is read before anything is changed.
template <class Options, class ParamState>
void load(to::Optimizer& optimizer, const State& state) {
  const at::NoGradGuard no_grad;
  const std::vector<State>& saved = state.at("param_groups").items();
  auto& groups = optimizer.param_groups();
  if (saved.size() != groups.size()) {
    misfit("another number of parameter groups", saved.size(), groups.size());
  }
  std::vector<std::unique_ptr<to::OptimizerOptions>> options;
  std::vector<std::pair<void*, std::unique_ptr<ParamState>>> rows;
  const Columns columns = columns_of<ParamState>();
  for (std::size_t g = 0; g < groups.size(); ++g) {
    auto next = groups[g].options().clone();
    visit(static_cast<Options&>(*next), Load{saved[g]});
    options.push_back(std::move(next));
    const std::vector<State>& ids = saved[g].at("params").items();
    const auto& parameters = groups[g].params();
    if (ids.size() != parameters.size()) {
      misfit("group " + std::to_string(g) + " has another number of parameters",
             ids.size(), parameters.size());
    }
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const State* row = state.at("state").find(State::Key(ids[i].as_int()));
      if (row == nullptr || row->size() == 0) continue;
      check_row(*row, columns);
      auto made = std::make_unique<ParamState>();
      visit(*made, Load{*row, &parameters[i]});
      rows.emplace_back(parameters[i].unsafeGetTensorImpl(), std::move(made));
    }
  }
  for (std::size_t g = 0; g < groups.size(); ++g) {
    groups[g].set_options(std::move(options[g]));
  }
  optimizer.state().clear();
  for (auto& [key, row] : rows) optimizer.state()[key] = std::move(row);
}

State save_archive(const to::Optimizer& optimizer) {
  torch::serialize::OutputArchive archive;
  optimizer.save(archive);
  std::ostringstream stream;
  archive.save_to(stream);
  const std::string bytes = stream.str();
  at::Tensor held = at::empty({static_cast<int64_t>(bytes.size())}, at::kByte);
  std::memcpy(held.mutable_data_ptr(), bytes.data(), bytes.size());
  return State::map({{"archive", held}});
}

void load_archive(to::Optimizer& optimizer, const State& state) {
  const at::Tensor bytes = state.at("archive").as_tensor().contiguous();
  if (bytes.scalar_type() != at::kByte) {
    throw CheckpointError({.where = "load_optimizer_state",
                           .what = "the archive is no tensor of bytes"});
  }
  torch::serialize::InputArchive archive;
  archive.load_from(static_cast<const char*>(bytes.const_data_ptr()),
                    static_cast<std::size_t>(bytes.numel()));
  optimizer.load(archive);
}

// Calls `known` for one of torch's, with its types; false for another.
template <class F>
bool as_known(const to::Optimizer& optimizer, F&& known) {
  const auto is = [&]<class O>(std::type_identity<O>) {
    return typeid(optimizer) == typeid(O);
  };
  if (is(std::type_identity<to::SGD>())) {
    known.template operator()<to::SGDOptions, to::SGDParamState>();
  } else if (is(std::type_identity<to::Adam>())) {
    known.template operator()<to::AdamOptions, to::AdamParamState>();
  } else if (is(std::type_identity<to::AdamW>())) {
    known.template operator()<to::AdamWOptions, to::AdamWParamState>();
  } else if (is(std::type_identity<to::RMSprop>())) {
    known.template operator()<to::RMSpropOptions, to::RMSpropParamState>();
  } else if (is(std::type_identity<to::Adagrad>())) {
    known.template operator()<to::AdagradOptions, to::AdagradParamState>();
  } else {
    return false;
  }
  return true;
}

}  // namespace

State optimizer_state(const torch::optim::Optimizer& optimizer) {
  if (const auto* ours = dynamic_cast<const Optimizer*>(&optimizer)) {
    return ours->state();
  }
  State state;
  const bool known = as_known(
      optimizer, [&]<class O, class S>() { state = save<O, S>(optimizer); });
  return known ? state : save_archive(optimizer);
}

void load_optimizer_state(torch::optim::Optimizer& optimizer,
                          const State& state) {
  if (auto* ours = dynamic_cast<Optimizer*>(&optimizer)) {
    ours->load_state(state);
    return;
  }
  const bool known = as_known(
      optimizer, [&]<class O, class S>() { load<O, S>(optimizer, state); });
  if (!known) load_archive(optimizer, state);
}

}  // namespace bolt::optim
