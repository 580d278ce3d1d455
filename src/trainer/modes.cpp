#include "trainer/modes.h"

#include <torchbolt/trainer/module.h>

#include <utility>

#include "trainer/access.h"

namespace bolt::detail {
namespace {

// Not modules(): that needs a module which lives in a shared_ptr.
template <class F>
void walk(torch::nn::Module& module, F&& visit) {
  visit(module);
  for (const auto& child : module.named_children()) {
    walk(*child.value(), visit);
  }
}

}  // namespace

void note_modes(Module& module) {
  auto& modes = TrainerAccess::modes(module);
  modes.clear();
  walk(module,
       [&](torch::nn::Module& m) { modes.emplace_back(&m, m.is_training()); });
}

int64_t count_eval(Module& module) {
  int64_t count = 0;
  walk(module, [&](torch::nn::Module& m) { count += m.is_training() ? 0 : 1; });
  return count;
}

void restore_modes(Module& module) {
  // Set one by one: train() sets the children too, so outer ones go first, and
  // the list is in that order.
  for (const auto& [m, training] : TrainerAccess::modes(module)) {
    m->train(training);
  }
  TrainerAccess::modes(module).clear();
}

}  // namespace bolt::detail
