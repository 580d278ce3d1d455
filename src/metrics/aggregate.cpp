#include <ATen/ATen.h>
#include <torchbolt/core/error.h>
#include <torchbolt/metrics/aggregate.h>

#include <limits>
#include <string>

namespace bolt::metrics {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

at::Tensor number(double value) {
  return at::scalar_tensor(value, at::TensorOptions().dtype(at::kDouble));
}

at::Tensor as_double(const at::Tensor& value) {
  return value.detach().to(at::kDouble);
}

State tensor_or_none(const at::Tensor& tensor) {
  return tensor.defined() ? State(tensor.clone()) : State();
}

at::Tensor tensor_of(const State& state) {
  return state.is_none() ? at::Tensor() : state.as_tensor().clone();
}

void check_kind(const State& state, std::string_view name) {
  const std::string& kind = state.at("metric").as_string();
  if (kind == name) return;
  throw CheckpointError({.where = std::string(name),
                         .what = "the state is that of another metric",
                         .got = kind,
                         .expected = std::string(name)});
}

void check_some(const at::Tensor& value, std::string_view name) {
  if (value.defined() && value.numel() > 0) return;
  throw DataError({.where = std::string(name) + ".update",
                   .what = "there is no value in the tensor",
                   .expected = "at least one element"});
}

}  // namespace

void Mean::update(const at::Tensor& value, double weight) {
  check_some(value, name());
  const at::NoGradGuard no_grad;
  last_sum_ = as_double(value).sum() * weight;
  last_weight_ = weight * static_cast<double>(value.numel());
  sum_ = sum_.defined() ? sum_ + last_sum_ : last_sum_;
  weight_ += last_weight_;
}

void Mean::update(double value, double weight) {
  update(number(value), weight);
}

void Mean::reset() { *this = Mean(); }

at::Tensor Mean::compute() const {
  return sum_.defined() ? sum_ / weight_ : number(kNaN);
}

at::Tensor Mean::last() const {
  return last_sum_.defined() ? last_sum_ / last_weight_ : number(kNaN);
}

State Mean::state() const {
  return State::map(
      {{"metric", name()}, {"sum", tensor_or_none(sum_)}, {"weight", weight_}});
}

void Mean::load_state(const State& state) {
  check_kind(state, name());
  reset();
  sum_ = tensor_of(state.at("sum"));
  weight_ = state.at("weight").as_double();
}

void Mean::merge(const State& other) {
  check_kind(other, name());
  const at::Tensor sum = tensor_of(other.at("sum"));
  if (sum.defined()) sum_ = sum_.defined() ? sum_ + sum.to(sum_.device()) : sum;
  weight_ += other.at("weight").as_double();
}

void Mean::to(const at::Device& device) {
  if (sum_.defined()) sum_ = sum_.to(device);
  if (last_sum_.defined()) last_sum_ = last_sum_.to(device);
}

namespace detail {

void Running::update(const at::Tensor& value) {
  check_some(value, name());
  const at::NoGradGuard no_grad;
  last_ = reduce(as_double(value));
  value_ = value_.defined() ? combine(value_, last_) : last_;
}

void Running::update(double value) { update(number(value)); }

void Running::reset() {
  value_.reset();
  last_.reset();
}

at::Tensor Running::compute() const {
  return value_.defined() ? value_ : number(start());
}

at::Tensor Running::last() const {
  return last_.defined() ? last_ : number(start());
}

State Running::state() const {
  return State::map({{"metric", name()}, {"value", tensor_or_none(value_)}});
}

void Running::load_state(const State& state) {
  check_kind(state, name());
  reset();
  value_ = tensor_of(state.at("value"));
}

void Running::merge(const State& other) {
  check_kind(other, name());
  const at::Tensor value = tensor_of(other.at("value"));
  if (!value.defined()) return;
  value_ =
      value_.defined() ? combine(value_, value.to(value_.device())) : value;
}

void Running::to(const at::Device& device) {
  if (value_.defined()) value_ = value_.to(device);
  if (last_.defined()) last_ = last_.to(device);
}

}  // namespace detail

at::Tensor Sum::reduce(const at::Tensor& value) const { return value.sum(); }
at::Tensor Sum::combine(const at::Tensor& a, const at::Tensor& b) const {
  return a + b;
}

at::Tensor Min::reduce(const at::Tensor& value) const { return value.min(); }
at::Tensor Min::combine(const at::Tensor& a, const at::Tensor& b) const {
  return at::minimum(a, b);
}
double Min::start() const { return kInf; }

at::Tensor Max::reduce(const at::Tensor& value) const { return value.max(); }
at::Tensor Max::combine(const at::Tensor& a, const at::Tensor& b) const {
  return at::maximum(a, b);
}
double Max::start() const { return -kInf; }

}  // namespace bolt::metrics
