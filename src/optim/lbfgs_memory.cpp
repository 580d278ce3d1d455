#include "optim/lbfgs_memory.h"

#include <torchbolt/core/error.h>

namespace bolt::optim {
namespace {

State list_of(const std::vector<at::Tensor>& tensors) {
  State list = State::list();
  for (const at::Tensor& tensor : tensors) list.push_back(tensor);
  return list;
}

// Python has numbers and tensors of one number, as they come.
double number(const State& state) {
  return state.is_tensor() ? state.as_tensor().item<double>()
                           : state.as_double();
}

at::Tensor copy(const State& state, const at::Tensor& parameter) {
  const at::TensorOptions options =
      at::TensorOptions(c10::toRealValueType(parameter.scalar_type()))
          .device(parameter.device());
  if (!state.is_tensor()) return at::full({}, state.as_double(), options);
  return state.as_tensor().to(options, /*non_blocking=*/false, /*copy=*/true);
}

std::vector<at::Tensor> copies(const State& list, const at::Tensor& parameter) {
  std::vector<at::Tensor> tensors;
  for (const State& item : list.items()) {
    tensors.push_back(copy(item, parameter));
  }
  return tensors;
}

}  // namespace

void LBFGS::Memory::remember(const at::Tensor& gradient_now,
                             int64_t history_size) {
  const at::Tensor y = gradient_now.sub(gradient);
  const at::Tensor s = direction.mul(t);
  const at::Tensor ys = y.dot(s);
  if (!(ys.item<double>() > 1e-10)) return;
  if (static_cast<int64_t>(ro.size()) >= history_size) {
    gradient_changes.erase(gradient_changes.begin());
    weight_changes.erase(weight_changes.begin());
    ro.erase(ro.begin());
  }
  gradient_changes.push_back(y);
  weight_changes.push_back(s);
  ro.push_back(ys.reciprocal());
  scale = ys.div(y.dot(y));
}

// Nocedal and Wright, algorithm 7.4. The factors stay on their device.
void LBFGS::Memory::find_direction(const at::Tensor& gradient_now,
                                   int64_t history_size) {
  ++n_iter;
  if (n_iter == 1) {
    gradient_changes.clear();
    weight_changes.clear();
    ro.clear();
    scale.reset();
    direction = gradient_now.neg();
  } else {
    remember(gradient_now, history_size);
    const std::size_t n = ro.size();
    std::vector<at::Tensor> al(n);
    at::Tensor q = gradient_now.neg();
    for (std::size_t i = n; i-- > 0;) {
      al[i] = weight_changes[i].dot(q).mul_(ro[i]);
      q.addcmul_(gradient_changes[i], al[i], -1);
    }
    if (scale.defined()) q.mul_(scale);
    for (std::size_t i = 0; i < n; ++i) {
      const at::Tensor be = gradient_changes[i].dot(q).mul_(ro[i]);
      q.addcmul_(weight_changes[i], al[i] - be);
    }
    direction = q;
  }
  gradient = gradient_now.clone();
}

State LBFGS::Memory::state(int64_t history_size) const {
  State s = State::map({{"func_evals", func_evals}, {"n_iter", n_iter}});
  if (!direction.defined()) return s;
  // Python's scratch; it only has to have this length.
  if (n_iter > 1) {
    s["al"] =
        State::list(std::vector<State>(static_cast<std::size_t>(history_size)));
  }
  s["d"] = direction;
  s["t"] = t;
  s["old_dirs"] = list_of(gradient_changes);
  s["old_stps"] = list_of(weight_changes);
  s["ro"] = list_of(ro);
  s["H_diag"] = scale.defined() ? State(scale) : State(1);
  s["prev_flat_grad"] = gradient;
  s["prev_loss"] = loss;
  return s;
}

LBFGS::Memory LBFGS::Memory::from(const State& s, const at::Tensor& parameter) {
  Memory m;
  m.used = true;
  m.func_evals = s.at("func_evals").as_int();
  m.n_iter = s.at("n_iter").as_int();
  if (!s.contains("d")) return m;
  m.direction = copy(s.at("d"), parameter);
  m.t = number(s.at("t"));
  m.gradient_changes = copies(s.at("old_dirs"), parameter);
  m.weight_changes = copies(s.at("old_stps"), parameter);
  m.ro = copies(s.at("ro"), parameter);
  if (s.at("H_diag").is_tensor()) m.scale = copy(s.at("H_diag"), parameter);
  m.gradient = copy(s.at("prev_flat_grad"), parameter);
  m.loss = number(s.at("prev_loss"));
  if (m.weight_changes.size() != m.ro.size() ||
      m.gradient_changes.size() != m.ro.size()) {
    throw CheckpointError({.where = "LBFGS::load_state",
                           .what = "the histories have different lengths",
                           .got = std::to_string(m.weight_changes.size()) +
                                  " and " + std::to_string(m.ro.size())});
  }
  return m;
}

}  // namespace bolt::optim
