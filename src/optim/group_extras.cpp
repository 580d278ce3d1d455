#include <torch/optim/optimizer.h>
#include <torchbolt/optim/group_extras.h>
#if __has_include(<torchbolt/optim/optimizer.h>)
#include <torchbolt/optim/optimizer.h>
#define TORCHBOLT_OPTIMIZERS 1
#endif

#include <map>
#include <mutex>
#include <vector>

namespace bolt::optim {

struct GroupExtras::Table {
  std::vector<State> groups{};
#ifdef TORCHBOLT_OPTIMIZERS
  // One of ours, which has the values itself.
  Optimizer* owner = nullptr;
#endif

  static std::shared_ptr<Table> of(const torch::optim::Optimizer& optimizer);
};

namespace {

// The one place where objects that know an optimizer find each other. It owns
// nothing: an entry goes with the last of them.
struct Registry {
  std::mutex mutex{};
  std::map<const void*, std::weak_ptr<void>> tables{};

  // Never destroyed: schedules may be static objects.
  static Registry& get() {
    static Registry& registry = *new Registry;
    return registry;
  }
  void forget(const void* optimizer) {
    const std::lock_guard lock(mutex);
    const auto found = tables.find(optimizer);
    // Another thread may have made the next one meanwhile.
    if (found != tables.end() && found->second.expired()) tables.erase(found);
  }
};

}  // namespace

std::shared_ptr<GroupExtras::Table> GroupExtras::Table::of(
    const torch::optim::Optimizer& optimizer) {
  Registry& registry = Registry::get();
  const void* key = &optimizer;
  std::shared_ptr<Table> made(new Table, [key](Table* gone) {
    delete gone;
    Registry::get().forget(key);
  });
  const std::lock_guard lock(registry.mutex);
  std::weak_ptr<void>& known = registry.tables[key];
  if (const std::shared_ptr<void> table = known.lock()) {
    return std::static_pointer_cast<Table>(table);
  }
  known = made;
  return made;
}

GroupExtras::GroupExtras(torch::optim::Optimizer& optimizer)
    : table_(Table::of(optimizer)) {
#ifdef TORCHBOLT_OPTIMIZERS
  table_->owner = dynamic_cast<Optimizer*>(&optimizer);
#endif
}

State& GroupExtras::operator[](std::size_t group) {
#ifdef TORCHBOLT_OPTIMIZERS
  if (table_->owner != nullptr) return table_->owner->extras(group);
#endif
  if (table_->groups.size() <= group) table_->groups.resize(group + 1);
  State& extras = table_->groups[group];
  if (!extras.is_map()) extras = State::map();
  return extras;
}

std::optional<double> GroupExtras::find(std::size_t group,
                                        std::string_view name) {
  const State& extras = (*this)[group];
  const State* value = extras.is_map() ? extras.find(name) : nullptr;
  if (value == nullptr || value->is_none()) return std::nullopt;
  return value->as_double();
}

void GroupExtras::set(std::size_t group, std::string_view name, double value) {
  (*this)[group][name] = value;
}

}  // namespace bolt::optim
