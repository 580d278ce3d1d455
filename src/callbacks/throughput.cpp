#include <torchbolt/callbacks/throughput.h>
#include <torchbolt/core/error.h>
#include <torchbolt/core/number.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace bolt {
namespace {

[[noreturn]] void refuse_sample(std::string what, std::string got,
                                std::string expected) {
  throw ConfigError({.where = "Throughput",
                     .what = std::move(what),
                     .got = std::move(got),
                     .expected = std::move(expected)});
}

void need_growth(const char* name, double before, double now) {
  if (now > before) return;
  refuse_sample(std::string(name) + " doesn't grow", shortest(now),
                "more than " + shortest(before));
}

void need_growth(const ThroughputCounts& before, const ThroughputCounts& now) {
  const auto number = [](int64_t n) { return static_cast<double>(n); };
  need_growth("time", before.time, now.time);
  need_growth("batches", number(before.batches), number(now.batches));
  need_growth("samples", number(before.samples), number(now.samples));
  if (before.lengths && now.lengths) {
    need_growth("lengths", number(*before.lengths), number(*now.lengths));
  }
}

}  // namespace

Throughput::Throughput(ThroughputOptions options)
    : options_(std::move(options)) {
  if (options_.window_size < 2) {
    refuse_sample("window_size is too small",
                  std::to_string(options_.window_size), "at least 2");
  }
  if (options_.world_size < 1) {
    refuse_sample("world_size is too small",
                  std::to_string(options_.world_size), "at least 1");
  }
  if (options_.available_flops && !(*options_.available_flops > 0)) {
    refuse_sample("available_flops is out of range",
                  shortest(*options_.available_flops), "more than 0");
  }
}

void Throughput::update(const ThroughputCounts& counts) {
  if (!window_.empty()) need_growth(window_.back(), counts);
  if (counts.samples < counts.batches) {
    refuse_sample("there are fewer samples than batches",
                  std::to_string(counts.samples),
                  "at least " + std::to_string(counts.batches));
  }
  if (counts.lengths && *counts.lengths < counts.samples) {
    refuse_sample("there are fewer items than samples",
                  std::to_string(*counts.lengths),
                  "at least " + std::to_string(counts.samples));
  }
  window_.push_back(counts);
  if (std::ssize(window_) > options_.window_size) window_.pop_front();
}

std::optional<ThroughputCounts> Throughput::last() const {
  return window_.empty() ? std::nullopt : std::optional(window_.back());
}

MetricMap Throughput::compute() const {
  MetricMap metrics;
  if (window_.empty()) return metrics;
  const ThroughputCounts& now = window_.back();
  metrics["time"] = now.time;
  metrics["batches"] = static_cast<double>(now.batches);
  metrics["samples"] = static_cast<double>(now.samples);
  if (now.lengths) metrics["lengths"] = static_cast<double>(*now.lengths);
  if (std::ssize(window_) == options_.window_size) {
    add_rates(metrics);
    add_flops(metrics);
  }
  return metrics;
}

void Throughput::add_rates(MetricMap& metrics) const {
  const ThroughputCounts& first = window_.front();
  const ThroughputCounts& now = window_.back();
  const double time = now.time - first.time;
  const auto add = [&](const char* name, int64_t done) {
    const double rate = static_cast<double>(done) / time;
    metrics["device" + options_.separator + name] = rate;
    if (options_.world_size == 1) return;
    metrics[name] = rate * static_cast<double>(options_.world_size);
  };
  add("batches_per_sec", now.batches - first.batches);
  add("samples_per_sec", now.samples - first.samples);
  if (first.lengths && now.lengths) {
    add("items_per_sec", *now.lengths - *first.lengths);
  }
}

// The first update's operations were done before the window's time began.
void Throughput::add_flops(MetricMap& metrics) const {
  double flops = 0;
  for (const ThroughputCounts& counts : window_) {
    if (!counts.flops) return;
    flops += *counts.flops;
  }
  flops -= *window_.front().flops;
  const double rate = flops / (window_.back().time - window_.front().time);
  const std::string device = "device" + options_.separator;
  metrics[device + "flops_per_sec"] = rate;
  if (options_.world_size > 1) {
    metrics["flops_per_sec"] = rate * static_cast<double>(options_.world_size);
  }
  if (options_.available_flops) {
    metrics[device + "mfu"] = rate / *options_.available_flops;
  }
}

State Throughput::state() const {
  State window = State::list();
  for (const ThroughputCounts& c : window_) {
    window.push_back(State::tuple({c.time, c.batches, c.samples,
                                   c.lengths ? State(*c.lengths) : State(),
                                   c.flops ? State(*c.flops) : State()}));
  }
  return window;
}

void Throughput::load_state(const State& state) {
  std::deque<ThroughputCounts> window;
  for (const State& entry : state.items()) {
    const auto& of = entry.items();
    if (of.size() != 5) {
      throw CheckpointError({.where = "Throughput",
                             .what = "an entry isn't whole",
                             .got = entry.to_string(),
                             .expected = "(time, batches, samples, lengths, "
                                         "flops)"});
    }
    ThroughputCounts& counts = window.emplace_back();
    counts.time = of[0].as_double();
    counts.batches = of[1].as_int();
    counts.samples = of[2].as_int();
    if (!of[3].is_none()) counts.lengths = of[3].as_int();
    if (!of[4].is_none()) counts.flops = of[4].as_double();
  }
  while (std::ssize(window) > options_.window_size) window.pop_front();
  window_ = std::move(window);
}

}  // namespace bolt
