#include "callbacks/progress_display.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <utility>

namespace bolt {

void CountedBar::begin(std::string label, std::optional<int64_t> total) {
  begun_ = true;
  const std::scoped_lock lock(mutex_);
  std::vector<std::string> metrics = std::move(state_.metrics);
  state_ = {
      .label = std::move(label), .total = total, .metrics = std::move(metrics)};
  rate_.reset();
  first_ = 0;
  started_ = clock_.now();
  paused_.reset();
  done_.store(0, std::memory_order_relaxed);
  shown_ = true;
}

void CountedBar::begin_at(int64_t done) {
  const std::scoped_lock lock(mutex_);
  first_ = done;
}

void CountedBar::pause() {
  const std::scoped_lock lock(mutex_);
  if (shown_ && !paused_) paused_ = clock_.now();
}

void CountedBar::resume() {
  const std::scoped_lock lock(mutex_);
  if (paused_) started_ += clock_.now() - *paused_;
  paused_.reset();
}

void CountedBar::set_metrics(std::vector<std::string> metrics) {
  const std::scoped_lock lock(mutex_);
  state_.metrics = std::move(metrics);
}

void CountedBar::hide() {
  const std::scoped_lock lock(mutex_);
  shown_ = false;
}

std::chrono::nanoseconds CountedBar::elapsed() const {
  return paused_.value_or(clock_.now()) - started_;
}

std::optional<ui::BarState> CountedBar::look() {
  const std::scoped_lock lock(mutex_);
  if (!shown_) return std::nullopt;
  ui::BarState state = state_;
  state.elapsed = elapsed();
  const int64_t done = done_.load(std::memory_order_relaxed);
  rate_.note(done - first_, state.elapsed);
  state.rate = rate_.per_second();
  state.done = done == state.total ? done : done - done % refresh_rate_;
  return state;
}

std::optional<ui::BarState> CountedBar::look_back() {
  const std::scoped_lock lock(mutex_);
  if (!shown_) return std::nullopt;
  ui::BarState state = state_;
  state.elapsed = elapsed();
  state.done = done_.load(std::memory_order_relaxed);
  const double seconds = std::chrono::duration<double>(state.elapsed).count();
  if (seconds > 0) {
    state.rate = static_cast<double>(state.done - first_) / seconds;
  }
  // Now the end is known.
  if (!state.total) state.total = state.done;
  return state;
}

ProgressBar::Display::Display(const ProgressBarOptions& options,
                              const Clock& clock)
    : epoch(clock, options.refresh_rate),
      evaluation(clock, options.refresh_rate),
      options_(options),
      style_(ui::style_for(STDERR_FILENO, options.theme)),
      screen_(std::make_shared<ui::Screen>(
          STDERR_FILENO,
          ui::Screen::Source{
              .lines = [this](int width) { return lines(width); },
              .plain = [this] { return plain(); }},
          ui::Screen::Options{.plain = options.plain_interval,
                              .clock = &clock})) {
  if (!screen_->terminal()) return;
  log_.emplace(screen_);
  if (options.redirect_output) streams_.emplace(screen_);
}

ProgressBar::Display::~Display() {
  streams_.reset();
  log_.reset();
  // Somebody who prints may hold the screen for a moment longer; what it draws
  // is gone then.
  screen_->close();
}

void ProgressBar::Display::print(std::string_view line) {
  // What the user wrote to the standard output before comes first.
  std::cout.flush();
  std::fflush(stdout);
  screen_->print(STDOUT_FILENO, line);
}

void ProgressBar::Display::leave(CountedBar& bar) {
  const auto state = bar.look_back();
  bar.hide();
  if (!state) return;
  if (!screen_->terminal()) {
    screen_->print(STDERR_FILENO, ui::describe(*state));
    return;
  }
  const int width = screen_->width();
  for (const std::string& line : ui::draw_bar(*state, width, style_)) {
    screen_->print(STDERR_FILENO, line);
  }
}

std::vector<std::string> ProgressBar::Display::lines(int width) {
  std::vector<std::string> all(
      static_cast<std::size_t>(options_.process_position));
  for (CountedBar* bar : {&epoch, &evaluation}) {
    if (const auto state = bar->look()) {
      std::ranges::move(ui::draw_bar(*state, width, style_),
                        std::back_inserter(all));
    }
  }
  wants_metrics.store(true, std::memory_order_relaxed);
  return all;
}

std::string ProgressBar::Display::plain() {
  wants_metrics.store(true, std::memory_order_relaxed);
  std::string line;
  for (CountedBar* bar : {&epoch, &evaluation}) {
    if (const auto state = bar->look()) {
      line += (line.empty() ? "" : ", ") + ui::describe(*state);
    }
  }
  return line;
}

}  // namespace bolt
