#include "loggers/mlflow/retries.h"

#include <unistd.h>

#include <algorithm>

namespace bolt::detail {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstWait{1000};
constexpr milliseconds kLongestWait{60'000};

}  // namespace

MlflowRetries::MlflowRetries() {
  // Many runs that lost the same server don't all come back at once.
  random_.seed(static_cast<unsigned>(
      std::chrono::steady_clock::now().time_since_epoch().count() ^
      ::getpid()));
}

void MlflowRetries::succeeded() {
  at_ = {};
  failures_ = 0;
  told_when_ = false;
}

void MlflowRetries::failed(Clock::TimePoint now,
                           std::optional<std::chrono::seconds> told) {
  milliseconds wait = kFirstWait * (1 << std::min(failures_, 6));
  wait = std::min(wait, hurries_ ? kFirstWait : kLongestWait);
  // 25 % more or less.
  std::uniform_real_distribution<double> share(0.75, 1.25);
  wait = milliseconds(
      static_cast<int64_t>(static_cast<double>(wait.count()) * share(random_)));
  told_when_ = told.has_value();
  if (told) wait = *told;
  ++failures_;
  at_ = now + wait;
}

void MlflowRetries::hurry(bool on) {
  if (on && !hurries_ && !told_when_) at_ = {};
  hurries_ = on;
}

}  // namespace bolt::detail
