#include <torchbolt/callbacks/progress_bar.h>
#include <torchbolt/core/log.h>
#include <torchbolt/core/number.h>
#include <torchbolt/trainer/trainer.h>
#include <torchbolt/ui/bar.h>
#include <torchbolt/ui/screen.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <optional>
#include <utility>

namespace bolt {
namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

// One bar: counted by the training thread, drawn by the screen's.
class Bar {
 public:
  void begin(std::string label, std::optional<int64_t> total) {
    const std::scoped_lock lock(mutex_);
    state_ = {.label = std::move(label), .total = total};
    started_ = std::chrono::steady_clock::now();
    done_.store(0, std::memory_order_relaxed);
    shown_ = true;
  }
  void advance() { done_.fetch_add(1, std::memory_order_relaxed); }
  void set_metrics(std::string metrics) {
    const std::scoped_lock lock(mutex_);
    state_.metrics = std::move(metrics);
  }
  void hide() {
    const std::scoped_lock lock(mutex_);
    shown_ = false;
  }
  std::optional<ui::BarState> look() {
    const std::scoped_lock lock(mutex_);
    if (!shown_) return std::nullopt;
    ui::BarState state = state_;
    state.done = done_.load(std::memory_order_relaxed);
    state.elapsed = std::chrono::steady_clock::now() - started_;
    return state;
  }

 private:
  std::mutex mutex_{};
  ui::BarState state_{};
  SteadyTime started_{};
  bool shown_ = false;
  std::atomic<int64_t> done_{0};
};

std::optional<int64_t> known(int64_t batches) {
  return batches == kUnknownBatches ? std::nullopt : std::optional(batches);
}

std::string metrics_text(const Trainer& trainer) {
  std::string text;
  for (const auto& [name, value] : trainer.progress_bar_metrics()) {
    text += (text.empty() ? "" : " ") + name + " " + brief(value);
  }
  return text;
}

}  // namespace

namespace {

// Log lines go above the bar, and past it when it is gone: somebody who took
// the log over in between may still hold this one.
class AboveBar final : public LogSink {
 public:
  explicit AboveBar(std::weak_ptr<ui::Screen> screen)
      : screen_(std::move(screen)) {}

  void set_next(std::shared_ptr<LogSink> next) {
    const std::scoped_lock lock(mutex_);
    next_ = std::move(next);
  }
  void write(LogLevel level, std::string_view message) override {
    if (const auto screen = screen_.lock()) {
      const char* name = level == LogLevel::kWarning ? "warning: "
                         : level == LogLevel::kError ? "error: "
                                                     : "info: ";
      screen->print(STDERR_FILENO, name + std::string(message));
      return;
    }
    std::shared_ptr<LogSink> next;
    {
      const std::scoped_lock lock(mutex_);
      next = next_;
    }
    if (next) next->write(level, message);
  }

 private:
  std::weak_ptr<ui::Screen> screen_;
  std::mutex mutex_{};
  std::shared_ptr<LogSink> next_{};
};

// For as long as it lives, log lines go above the bar.
class LogAbove {
 public:
  explicit LogAbove(const std::shared_ptr<ui::Screen>& screen)
      : sink_(std::make_shared<AboveBar>(screen)),
        before_(set_log_sink(sink_)) {
    sink_->set_next(before_);
  }
  ~LogAbove() {
    auto now = set_log_sink(before_);
    // Not ours any more: it stays as it was.
    if (now != sink_) set_log_sink(std::move(now));
  }
  LogAbove(const LogAbove&) = delete;
  LogAbove& operator=(const LogAbove&) = delete;

 private:
  std::shared_ptr<AboveBar> sink_;
  std::shared_ptr<LogSink> before_;
};

}  // namespace

// What the screen's thread may touch, and nothing of the Trainer.
struct ProgressBar::Display {
  Bar epoch{};
  Bar evaluation{};
  // Set by the screen's thread: the metrics that it shows are old.
  std::atomic<bool> wants_metrics{true};
  std::shared_ptr<ui::Screen> screen = std::make_shared<ui::Screen>(
      STDERR_FILENO, ui::Screen::Source{.lines =
                                            [this](int width, bool colour) {
                                              return lines(width, colour);
                                            },
                                        .plain = [this] { return plain(); }});
  std::optional<LogAbove> log{};

  std::vector<std::string> lines(int width, bool colour) {
    std::vector<std::string> drawn;
    for (Bar* bar : {&epoch, &evaluation}) {
      if (const auto state = bar->look()) {
        drawn.push_back(ui::draw_bar(*state, width, colour));
      }
    }
    wants_metrics.store(true, std::memory_order_relaxed);
    return drawn;
  }
  std::string plain() {
    wants_metrics.store(true, std::memory_order_relaxed);
    const auto state = epoch.look();
    return state ? ui::describe(*state) : std::string();
  }
};

ProgressBar::ProgressBar() = default;
ProgressBar::~ProgressBar() = default;

void ProgressBar::setup(Trainer& trainer, Module&, Stage) {
  if (!trainer.is_global_zero()) return;
  display_ = std::make_unique<Display>();
  if (display_->screen->terminal()) display_->log.emplace(display_->screen);
  trainer.set_print_target(
      [screen = std::weak_ptr(display_->screen)](std::string_view line) {
        if (const auto alive = screen.lock()) alive->print(STDOUT_FILENO, line);
      });
}

void ProgressBar::close(Trainer& trainer) {
  if (display_ == nullptr) return;
  trainer.set_print_target({});
  display_.reset();
}

void ProgressBar::teardown(Trainer& trainer, Module&, Stage) { close(trainer); }

void ProgressBar::on_exception(Trainer& trainer, Module&, std::exception_ptr) {
  close(trainer);
}

void ProgressBar::on_train_epoch_start(Trainer& trainer, Module&) {
  if (display_ == nullptr) return;
  std::string label = "Epoch " + std::to_string(trainer.current_epoch());
  if (trainer.max_epochs() > 0) {
    label += "/" + std::to_string(trainer.max_epochs() - 1);
  }
  display_->epoch.begin(std::move(label),
                        known(trainer.num_training_batches()));
}

void ProgressBar::on_train_batch_end(Trainer& trainer, Module&,
                                     const StepOutput&, const AnyBatch&,
                                     const StepContext&) {
  if (display_ == nullptr) return;
  display_->epoch.advance();
  if (display_->wants_metrics.load(std::memory_order_relaxed)) {
    display_->wants_metrics.store(false, std::memory_order_relaxed);
    display_->epoch.set_metrics(metrics_text(trainer));
  }
}

void ProgressBar::on_train_epoch_end(Trainer& trainer, Module&) {
  if (display_ == nullptr) return;
  display_->epoch.set_metrics(metrics_text(trainer));
  const auto state = display_->epoch.look();
  display_->epoch.hide();
  // The finished epoch stays on the screen, above what follows.
  if (state) display_->screen->print(STDERR_FILENO, ui::describe(*state));
}

void ProgressBar::begin_evaluation(const Trainer& trainer, const char* label,
                                   const std::vector<int64_t>& batches) {
  if (display_ == nullptr) return;
  std::optional<int64_t> total = 0;
  for (const int64_t n : batches) {
    total = total && known(n) ? std::optional(*total + n) : std::nullopt;
  }
  display_->evaluation.begin(
      trainer.sanity_checking() ? "Sanity Checking" : label, total);
}

void ProgressBar::end_evaluation() {
  if (display_ != nullptr) display_->evaluation.hide();
}

void ProgressBar::on_validation_start(Trainer& trainer, Module&) {
  begin_evaluation(trainer, "Validation",
                   trainer.sanity_checking() ? trainer.num_sanity_val_batches()
                                             : trainer.num_val_batches());
}
void ProgressBar::on_validation_batch_end(Trainer&, Module&, const AnyBatch&,
                                          const StepContext&) {
  if (display_ != nullptr) display_->evaluation.advance();
}
void ProgressBar::on_validation_end(Trainer&, Module&) { end_evaluation(); }

void ProgressBar::on_test_start(Trainer& trainer, Module&) {
  begin_evaluation(trainer, "Testing", trainer.num_test_batches());
}
void ProgressBar::on_test_batch_end(Trainer&, Module&, const AnyBatch&,
                                    const StepContext&) {
  if (display_ != nullptr) display_->evaluation.advance();
}
void ProgressBar::on_test_end(Trainer&, Module&) { end_evaluation(); }

void ProgressBar::on_predict_start(Trainer& trainer, Module&) {
  begin_evaluation(trainer, "Predicting", trainer.num_predict_batches());
}
void ProgressBar::on_predict_batch_end(Trainer&, Module&, const Prediction&,
                                       const AnyBatch&, const StepContext&) {
  if (display_ != nullptr) display_->evaluation.advance();
}
void ProgressBar::on_predict_end(Trainer&, Module&) { end_evaluation(); }

}  // namespace bolt
