#include <torchbolt/optim/group_extras.h>
#include <torchbolt/optim/optimizer.h>

namespace bolt::optim {

GroupExtras::GroupExtras(torch::optim::Optimizer& optimizer)
    : optimizer_(dynamic_cast<Optimizer*>(&optimizer)) {}

std::optional<double> GroupExtras::find(std::size_t group,
                                        std::string_view name) const {
  if (!shared() && group >= own_.size()) return std::nullopt;
  const State& extras = shared() ? optimizer_->extras(group) : own_[group];
  const State* value = extras.find(name);
  if (value == nullptr || value->is_none()) return std::nullopt;
  return value->as_double();
}

void GroupExtras::set(std::size_t group, std::string_view name, double value) {
  if (shared()) {
    optimizer_->extras(group)[name] = value;
    return;
  }
  while (own_.size() <= group) own_.push_back(State::map());
  own_[group][name] = value;
}

}  // namespace bolt::optim
