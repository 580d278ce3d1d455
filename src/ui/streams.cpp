#include <torchbolt/ui/screen.h>
#include <torchbolt/ui/streams.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdio>
#include <iostream>
#include <mutex>
#include <streambuf>
#include <string>
#include <utility>

namespace bolt::ui {
namespace {

// The streams are the process's, so one object at a time may change them.
std::atomic<bool> redirected{false};

}  // namespace

// Hands on whole lines, and the rest when it is flushed. It has no put area, so
// every character comes here, under the lock.
class StreamsAbove::Buffer final : public std::streambuf {
 public:
  Buffer(std::shared_ptr<Screen> screen, int fd)
      : screen_(std::move(screen)), fd_(fd) {}

 protected:
  std::streamsize xsputn(const char* text, std::streamsize count) override {
    const std::scoped_lock lock(mutex_);
    text_.append(text, static_cast<std::size_t>(count));
    const std::size_t end = text_.rfind('\n');
    if (end != std::string::npos) send(end + 1);
    return count;
  }
  int_type overflow(int_type c) override {
    if (traits_type::eq_int_type(c, traits_type::eof())) {
      return traits_type::not_eof(c);
    }
    const char one = traits_type::to_char_type(c);
    xsputn(&one, 1);
    return c;
  }
  int sync() override {
    const std::scoped_lock lock(mutex_);
    if (!text_.empty()) send(text_.size());
    return 0;
  }

 private:
  void send(std::size_t count) {
    // What printf holds back came first.
    if (fd_ == STDOUT_FILENO) std::fflush(stdout);
    screen_->write(fd_, std::string_view(text_).substr(0, count));
    text_.erase(0, count);
  }

  std::shared_ptr<Screen> screen_;
  int fd_;
  std::mutex mutex_{};
  std::string text_{};
};

struct StreamsAbove::Redirected {
  std::ostream* stream = nullptr;
  std::streambuf* before = nullptr;
  std::unique_ptr<Buffer> buffer{};
};

StreamsAbove::StreamsAbove(std::shared_ptr<Screen> screen)
    : mine_(!redirected.exchange(true)),
      streams_(std::make_unique<Redirected[]>(3)) {
  if (!mine_) return;
  const std::pair<std::ostream*, int> streams[] = {{&std::cout, STDOUT_FILENO},
                                                   {&std::cerr, STDERR_FILENO},
                                                   {&std::clog, STDERR_FILENO}};
  for (std::size_t k = 0; k < 3; ++k) {
    const auto [stream, fd] = streams[k];
    if (!screen->terminal() || ::isatty(fd) == 0) continue;
    stream->flush();
    Redirected& at = streams_[k];
    at.stream = stream;
    at.buffer = std::make_unique<Buffer>(screen, fd);
    at.before = stream->rdbuf(at.buffer.get());
  }
}

StreamsAbove::~StreamsAbove() {
  if (!mine_) return;
  for (std::size_t k = 0; k < 3; ++k) {
    const Redirected& at = streams_[k];
    if (at.stream == nullptr) continue;
    at.stream->flush();
    // Somebody else's by now: stays as it is.
    std::streambuf* now = at.stream->rdbuf(at.before);
    if (now != at.buffer.get()) at.stream->rdbuf(now);
  }
  redirected.store(false);
}

}  // namespace bolt::ui
