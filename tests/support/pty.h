#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <thread>

#include "support/tiny_terminal.h"

namespace bolt::testing {

/// A terminal of this process, and all that was written to it.
class Pty {
 public:
  explicit Pty(int columns, int rows = 24) : columns_(columns), rows_(rows) {
    winsize size = size_of(columns);
    char name[64];
    EXPECT_EQ(::openpty(&master_, &slave_, name, nullptr, &size), 0);
    name_ = name;
    reader_ = std::thread([this] {
      char bytes[4096];
      for (;;) {
        const ssize_t n = ::read(master_, bytes, sizeof(bytes));
        if (n <= 0) return;
        text_.append(bytes, static_cast<std::size_t>(n));
      }
    });
  }
  ~Pty() { finish(); }
  Pty(const Pty&) = delete;
  Pty& operator=(const Pty&) = delete;

  int fd() const { return slave_; }
  /// "/dev/pts/3"
  const std::string& name() const { return name_; }
  void resize(int columns) {
    winsize size = size_of(columns);
    EXPECT_EQ(::ioctl(master_, TIOCSWINSZ, &size), 0);
  }
  /// All that was written; nothing can be after this.
  const std::string& finish() {
    if (slave_ < 0) return text_;
    ::close(slave_);
    slave_ = -1;
    reader_.join();
    ::close(master_);
    return text_;
  }
  /// What it shows in the end, or when this text comes.
  TinyTerminal screen(const std::string& until = "") {
    TinyTerminal screen(columns_, rows_);
    const std::string& text = finish();
    std::string before =
        until.empty() ? text : text.substr(0, text.find(until));
    // What makes room for the text belongs to it.
    if (before.ends_with("\r\x1b[K")) before.resize(before.rfind("\x1b[J"));
    screen.feed(before);
    return screen;
  }

 private:
  winsize size_of(int columns) const {
    winsize size{};
    size.ws_row = static_cast<unsigned short>(rows_);
    size.ws_col = static_cast<unsigned short>(columns);
    return size;
  }

  int columns_;
  int rows_;
  int master_ = -1;
  int slave_ = -1;
  std::string name_{};
  std::thread reader_{};
  std::string text_{};
};

/// For as long as it lives, the standard output and error go to `fd`.
class OutputTo {
 public:
  explicit OutputTo(int fd) {
    std::fflush(nullptr);
    out_ = ::dup(STDOUT_FILENO);
    error_ = ::dup(STDERR_FILENO);
    ::dup2(fd, STDOUT_FILENO);
    ::dup2(fd, STDERR_FILENO);
  }
  ~OutputTo() {
    std::fflush(nullptr);
    ::dup2(out_, STDOUT_FILENO);
    ::dup2(error_, STDERR_FILENO);
    ::close(out_);
    ::close(error_);
  }
  OutputTo(const OutputTo&) = delete;
  OutputTo& operator=(const OutputTo&) = delete;

 private:
  int out_ = -1;
  int error_ = -1;
};

}  // namespace bolt::testing
