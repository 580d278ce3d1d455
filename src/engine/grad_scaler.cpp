#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/optim/optimizer.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/number.h>
#include <torchbolt/engine/grad_scaler.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <string>
#include <utility>

namespace bolt {
namespace {

void check(const GradScalerOptions& options) {
  const auto refuse = [](std::string_view field, std::string got,
                         std::string expected) {
    throw ConfigError({.where = "GradScaler",
                       .what = std::string(field) + " is out of range",
                       .got = std::move(got),
                       .expected = std::move(expected)});
  };
  if (!(options.init_scale > 0) || !std::isfinite(options.init_scale)) {
    refuse("init_scale", shortest(options.init_scale), "more than 0");
  }
  if (!(options.growth_factor > 1) || !std::isfinite(options.growth_factor)) {
    refuse("growth_factor", shortest(options.growth_factor), "more than 1");
  }
  if (!(options.backoff_factor > 0 && options.backoff_factor < 1)) {
    refuse("backoff_factor", shortest(options.backoff_factor),
           "between 0 and 1");
  }
  if (options.growth_interval < 1) {
    refuse("growth_interval", std::to_string(options.growth_interval),
           "at least 1");
  }
}

// The numbers of a gradient, which the kernel may change in place.
at::Tensor numbers(const at::Tensor& gradient) {
  at::Tensor dense = gradient;
  if (gradient.is_sparse()) dense = gradient._values();
  return dense.is_complex() ? at::view_as_real(dense) : dense;
}

using Kinds =
    std::map<std::pair<c10::Device, at::ScalarType>, std::vector<at::Tensor>,
             decltype([](const auto& a, const auto& b) {
               return std::tuple(a.first.type(), a.first.index(), a.second) <
                      std::tuple(b.first.type(), b.first.index(), b.second);
             })>;

Kinds gradients_by_kind(torch::optim::Optimizer& optimizer) {
  Kinds kinds;
  for (const auto& group : optimizer.param_groups()) {
    for (const at::Tensor& parameter : group.params()) {
      const at::Tensor& gradient = parameter.grad();
      if (!gradient.defined()) continue;
      if (gradient.scalar_type() == at::kHalf) {
        throw ConfigError({.where = "GradScaler",
                           .what = "a gradient is in float16, where unscaling "
                                   "would lose what scaling saved",
                           .expected = "float32 parameters; the operations "
                                       "run in float16 under autocast",
                           .tip = "leave the module in float32 for "
                                  "\"16-mixed\", or use \"16-true\""});
      }
      const at::Tensor part = numbers(gradient);
      kinds[{part.device(), part.scalar_type()}].push_back(part);
    }
  }
  return kinds;
}

[[noreturn]] void nothing_scaled(std::string_view call) {
  throw ConfigError({.where = "GradScaler",
                     .what = std::string(call) + " before any scale()",
                     .tip = "call scaler.scale(loss).backward() before"});
}

}  // namespace

GradScaler::GradScaler(GradScalerOptions options)
    : options_(options), scale_value_(options.init_scale) {
  if (options_.enabled) check(options_);
}

at::Tensor GradScaler::scale(const at::Tensor& loss) {
  if (!options_.enabled) return loss;
  if (!scale_.defined()) make_tensors(loss.device());
  used_ = scale_;
  return loss * scale_.to(loss.device(), /*non_blocking=*/true);
}

void GradScaler::make_tensors(const c10::Device& device) {
  const at::NoGradGuard no_grad;
  const auto on = at::TensorOptions().device(device);
  scale_ = at::full({}, scale_value_, on.dtype(at::kFloat));
  growth_tracker_ = at::full({}, tracker_value_, on.dtype(at::kInt));
}

void GradScaler::unscale_(torch::optim::Optimizer& optimizer) {
  if (!options_.enabled) return;
  if (!used_.defined()) nothing_scaled("unscale_()");
  Round& round = round_of(optimizer);
  if (round.stage != Stage::kReady) {
    throw ConfigError(
        {.where = "GradScaler",
         .what = round.stage == Stage::kUnscaled
                     ? "unscale_() has been called for this optimizer"
                     : "unscale_() after step()",
         .expected = "one unscale_(), one step(), then update()"});
  }
  const at::NoGradGuard no_grad;
  const Kinds kinds = gradients_by_kind(optimizer);
  // In double, so that the inverse of a tiny scale isn't flushed to zero.
  const at::Tensor inverse = used_.to(at::kDouble).reciprocal().to(at::kFloat);
  std::map<c10::DeviceIndex, at::Tensor> found;
  for (const auto& [kind, gradients] : kinds) {
    at::Tensor& here = found[kind.first.index()];
    if (!here.defined()) {
      here = at::zeros(
          {}, at::TensorOptions().device(kind.first).dtype(at::kFloat));
    }
    at::_amp_foreach_non_finite_check_and_unscale_(
        gradients, here, inverse.to(kind.first, /*non_blocking=*/true));
  }
  round.found_inf.clear();
  for (auto& [device, tensor] : found) {
    round.found_inf.push_back(std::move(tensor));
  }
  round.known.reset();
  round.stage = Stage::kUnscaled;
}

bool GradScaler::unscaled(const torch::optim::Optimizer& optimizer) const {
  const Round* round = find(optimizer);
  return round != nullptr && round->stage == Stage::kUnscaled;
}

bool GradScaler::found_inf(const torch::optim::Optimizer& optimizer) {
  if (find(optimizer) == nullptr) return false;
  Round& round = round_of(optimizer);
  if (!round.known) {
    round.known = std::ranges::any_of(round.found_inf, [](const auto& f) {
      return f.template item<float>() != 0;
    });
  }
  return *round.known;
}

bool GradScaler::step(torch::optim::Optimizer& optimizer) {
  if (!options_.enabled) {
    optimizer.step();
    return true;
  }
  if (!used_.defined()) nothing_scaled("step()");
  if (const Round* round = find(optimizer);
      round != nullptr && round->stage == Stage::kStepped) {
    throw ConfigError({.where = "GradScaler",
                       .what = "step() has been called for this optimizer",
                       .expected = "update() between two steps"});
  }
  if (!unscaled(optimizer)) unscale_(optimizer);
  const bool finite = !found_inf(optimizer);
  if (finite) optimizer.step();
  round_of(optimizer).stage = Stage::kStepped;
  return finite;
}

void GradScaler::stepped(torch::optim::Optimizer& optimizer) {
  Round& round = round_of(optimizer);
  earlier_.insert(earlier_.end(),
                  std::make_move_iterator(round.found_inf.begin()),
                  std::make_move_iterator(round.found_inf.end()));
  std::erase_if(rounds_,
                [&](const Round& r) { return r.optimizer == &optimizer; });
}

void GradScaler::renew(const torch::optim::Optimizer& optimizer) {
  std::erase_if(rounds_, [&](const Round& round) {
    return round.optimizer == &optimizer && round.stage == Stage::kUnscaled;
  });
}

void GradScaler::update() {
  if (!options_.enabled) return;
  std::vector<at::Tensor> all = std::move(earlier_);
  for (Round& round : rounds_) {
    if (round.stage == Stage::kReady) continue;
    std::ranges::move(round.found_inf, std::back_inserter(all));
  }
  if (!all.empty()) {
    const at::NoGradGuard no_grad;
    // No loss came since they were taken back.
    if (!scale_.defined()) make_tensors(all[0].device());
    at::Tensor sum = all[0].to(scale_.device());
    for (std::size_t k = 1; k < all.size(); ++k) {
      sum = sum + all[k].to(scale_.device());
    }
    // A new tensor: optimizers that haven't stepped yet still need the old one.
    scale_ = scale_.clone();
    at::_amp_update_scale_(scale_, growth_tracker_, sum, options_.growth_factor,
                           options_.backoff_factor, options_.growth_interval);
  }
  end_round();
}

void GradScaler::update(double new_scale) {
  if (!options_.enabled) return;
  GradScalerOptions changed = options_;
  changed.init_scale = new_scale;
  check(changed);
  scale_value_ = new_scale;
  if (scale_.defined()) scale_ = at::full({}, new_scale, scale_.options());
  end_round();
}

void GradScaler::end_round() {
  rounds_.clear();
  earlier_.clear();
}

double GradScaler::get_scale() const {
  if (!options_.enabled) return 1;
  return scale_.defined() ? scale_.item<double>() : scale_value_;
}

State GradScaler::state() const {
  if (!options_.enabled) return State::map();
  State state =
      State::map({{"scale", get_scale()},
                  {"growth_factor", options_.growth_factor},
                  {"backoff_factor", options_.backoff_factor},
                  {"growth_interval", options_.growth_interval},
                  {"_growth_tracker", growth_tracker_.defined()
                                          ? growth_tracker_.item<int64_t>()
                                          : tracker_value_}});
  // Python's has no such key, and passes over it.
  if (!earlier_.empty()) {
    double found = 0;
    for (const at::Tensor& one : earlier_) found += one.item<double>();
    state["_found_inf"] = found;
  }
  return state;
}

void GradScaler::load_state(const State& state) {
  if (!options_.enabled) return;
  if (state.size() == 0) {
    throw CheckpointError({.where = "GradScaler",
                           .what = "the state is empty; was it saved by a "
                                   "scaler that was not enabled?"});
  }
  GradScalerOptions read = options_;
  read.init_scale = state.at("scale").as_double();
  read.growth_factor = state.at("growth_factor").as_double();
  read.backoff_factor = state.at("backoff_factor").as_double();
  read.growth_interval = state.at("growth_interval").as_int();
  const int64_t tracker = state.at("_growth_tracker").as_int();
  const State* found = state.find("_found_inf");
  const std::optional<double> found_inf =
      found != nullptr ? std::optional(found->as_double()) : std::nullopt;
  try {
    check(read);
  } catch (const ConfigError& error) {
    throw CheckpointError({.where = "GradScaler", .what = error.what()});
  }
  scale_value_ = read.init_scale;
  tracker_value_ = tracker;
  read.init_scale = options_.init_scale;
  options_ = read;
  // They are made anew on the device of the next loss.
  scale_.reset();
  growth_tracker_.reset();
  used_.reset();
  end_round();
  if (found_inf) earlier_.push_back(at::full({}, *found_inf, at::kFloat));
}

GradScaler::Round& GradScaler::round_of(
    const torch::optim::Optimizer& optimizer) {
  for (Round& round : rounds_) {
    if (round.optimizer == &optimizer) return round;
  }
  return rounds_.emplace_back(Round{.optimizer = &optimizer});
}

const GradScaler::Round* GradScaler::find(
    const torch::optim::Optimizer& optimizer) const {
  const auto round = std::ranges::find(rounds_, &optimizer, &Round::optimizer);
  return round == rounds_.end() ? nullptr : &*round;
}

}  // namespace bolt
