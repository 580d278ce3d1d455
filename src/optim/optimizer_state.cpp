#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torchbolt/core/error.h>
#include <torchbolt/optim/optimizer.h>

#include <algorithm>
#include <unordered_map>

#include "optim/group.h"

namespace bolt::optim {
namespace {

std::string text_of(at::IntArrayRef sizes) {
  std::string text = "[";
  for (const int64_t n : sizes) {
    text += (text.size() > 1 ? ", " : "") + std::to_string(n);
  }
  return text + "]";
}

CheckpointError misfit(std::string_view where, std::string what,
                       std::string got, std::string expected) {
  return CheckpointError({.where = std::string(where),
                          .what = std::move(what),
                          .got = std::move(got),
                          .expected = std::move(expected),
                          .tip = "load the state of an optimizer of the same "
                                 "kind and parameters"});
}

// Old Pythons kept the step as a number, or in a tensor with a dimension.
at::Tensor as_tensor(const State& value, const at::Tensor& like) {
  if (!value.is_tensor()) return at::scalar_tensor(value.as_double());
  const at::Tensor& tensor = value.as_tensor();
  return like.dim() == 0 && tensor.numel() == 1 ? tensor.reshape({}) : tensor;
}

}  // namespace

State Optimizer::state() const {
  State groups = State::list();
  int64_t id = 0;
  for (std::size_t g = 0; g < param_groups_.size(); ++g) {
    State group = options_state(param_groups_[g].options());
    Group& rows = synced(g);
    for (const auto& [key, value] : rows.extras.entries()) {
      group.set(key, value);
    }
    State ids = State::list();
    for (std::size_t i = 0; i < rows.parameters.size(); ++i) {
      ids.push_back(id++);
    }
    group.set("params", std::move(ids));
    groups.push_back(std::move(group));
  }
  return State::map(
      {{"state", parameter_state()}, {"param_groups", std::move(groups)}});
}

State Optimizer::parameter_state() const {
  State all = State::map();
  int64_t id = 0;
  for (std::size_t g = 0; g < param_groups_.size(); ++g) {
    const Group& rows = synced(g);
    for (std::size_t i = 0; i < rows.parameters.size(); ++i, ++id) {
      if (rows.made[i] != 0) all.set(State::Key(id), row_state(rows, i));
    }
  }
  return all;
}

State Optimizer::row_state(const Group& rows, std::size_t i) const {
  State row = State::map();
  for (std::size_t c = 0; c < columns().size(); ++c) {
    const at::Tensor& value = rows.columns[c][i];
    if (value.defined()) row[columns()[c]] = value;
  }
  return row;
}

void Optimizer::load_state(const State& state) {
  const at::NoGradGuard no_grad;
  const std::string where = std::string(name()) + "::load_state";
  const std::vector<State>& saved = state.at("param_groups").items();
  if (saved.size() != param_groups_.size()) {
    throw misfit(where, "another number of parameter groups",
                 std::to_string(saved.size()),
                 std::to_string(param_groups_.size()));
  }
  std::vector<int64_t> ids;
  std::vector<std::unique_ptr<GroupOptions>> options;
  std::vector<State> extras;
  for (std::size_t g = 0; g < saved.size(); ++g) {
    State rest = saved[g];
    const State& params = rest.at("params");
    const std::size_t expected = param_groups_[g].params().size();
    if (params.size() != expected) {
      throw misfit(
          where,
          "group " + std::to_string(g) + " has another number of parameters",
          std::to_string(params.size()), std::to_string(expected));
    }
    for (const State& id : params.items()) ids.push_back(id.as_int());
    rest.erase("params");
    options.push_back(options_from(rest, param_groups_[g].options()));
    extras.push_back(std::move(rest));
  }
  const auto take = prepare_state(state.at("state"), ids, options);
  // From here on nothing fails.
  for (std::size_t g = 0; g < saved.size(); ++g) {
    Group& rows = synced(g);
    for (const auto& [key, value] : extras[g].entries()) {
      rows.extras.set(key, value);
    }
    param_groups_[g].set_options(std::move(options[g]));
  }
  take();
}

std::function<void()> Optimizer::prepare_state(
    const State& state, const std::vector<int64_t>& ids,
    const std::vector<std::unique_ptr<GroupOptions>>& options) {
  const std::string where = std::string(name()) + "::load_state";
  for (const auto& [key, row] : state.entries()) {
    const auto* id = std::get_if<int64_t>(&key);
    if (id == nullptr || std::ranges::find(ids, *id) == ids.end()) {
      throw misfit(where, "there is state of a parameter that no group has",
                   State::map({{key, State()}}).to_string(),
                   std::to_string(ids.size()) + " parameters");
    }
  }
  auto next = std::make_shared<std::vector<Group>>();
  std::size_t at = 0;
  for (std::size_t g = 0; g < param_groups_.size(); ++g) {
    Group& rows = next->emplace_back();
    for (const at::Tensor& p : param_groups_[g].params()) {
      rows.add(p);
      const State* row = state.find(State::Key(ids[at]));
      if (row != nullptr && row->size() > 0) {
        load_row(rows, *row, ids[at], *options[g]);
      }
      ++at;
    }
  }
  return [this, next] {
    for (std::size_t g = 0; g < next->size(); ++g) {
      (*next)[g].extras = std::move(store_->groups[g].extras);
      store_->groups[g] = std::move((*next)[g]);
    }
  };
}

// Fills the last of the rows.
void Optimizer::load_row(Group& rows, const State& row, int64_t id,
                         const GroupOptions& options) const {
  const std::string where = std::string(name()) + "::load_state";
  const std::size_t i = rows.parameters.size() - 1;
  const at::Tensor& p = rows.parameters[i];
  const std::string which = "parameter " + std::to_string(id);
  std::string names;
  for (const std::string_view column : columns()) {
    names += (names.empty() ? "" : ", ") + std::string(column);
  }
  for (const auto& [key, value] : row.entries()) {
    const auto* text = std::get_if<std::string>(&key);
    const auto c = static_cast<std::size_t>(
        text == nullptr
            ? columns().end() - columns().begin()
            : std::ranges::find(columns(), *text) - columns().begin());
    if (c == columns().size()) {
      throw misfit(where, "the state of " + which + " is of another kind",
                   row.to_string(), names);
    }
    if (value.is_none()) continue;
    at::Tensor own = make_column(c, options, p);
    const at::Tensor given = as_tensor(value, own);
    if (given.sizes() != own.sizes()) {
      throw misfit(where, *text + " of " + which + " has another shape",
                   text_of(given.sizes()), text_of(own.sizes()));
    }
    own.copy_(given);
    rows.columns[c][i] = own;
    rows.made[i] |= 1U << c;
  }
  const unsigned missing = columns_used(options, p) & ~rows.made[i];
  if (rows.made[i] != 0 && missing != 0) {
    throw misfit(where, "the state of " + which + " lacks a part",
                 row.to_string(), names);
  }
}

void Optimizer::save(torch::serialize::OutputArchive&) const {
  throw ConfigError({.where = std::string(name()),
                     .what = "it isn't saved to torch's archives",
                     .tip = "use state()"});
}

void Optimizer::load(torch::serialize::InputArchive&) {
  throw ConfigError({.where = std::string(name()),
                     .what = "it isn't loaded from torch's archives",
                     .tip = "use load_state()"});
}

}  // namespace bolt::optim
