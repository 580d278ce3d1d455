#include <fcntl.h>
#include <sys/ioctl.h>
#include <torchbolt/core/terminal.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <string>

#include "core/environment.h"

namespace bolt {

using detail::environment;

bool is_terminal(int fd) {
  return ::isatty(fd) != 0 && environment("TERM") != "dumb";
}

void open_standard_streams() {
  for (const int fd : {0, 1, 2}) {
    if (::fcntl(fd, F_GETFD) != -1 || errno != EBADF) continue;
    // The lowest free number, which is this one.
    (void)::open("/dev/null", O_RDWR);
  }
}

TerminalSize terminal_size(int fd) {
  TerminalSize size{};
  winsize asked{};
  if (::ioctl(fd, TIOCGWINSZ, &asked) != 0) return size;
  if (asked.ws_col > 0) size.columns = asked.ws_col;
  if (asked.ws_row > 0) size.rows = asked.ws_row;
  return size;
}

int terminal_width(int fd) { return terminal_size(fd).columns; }

bool allows_colour(int fd) {
  return is_terminal(fd) && environment("NO_COLOR").empty();
}

bool allows_true_colour() {
  const std::string says = environment("COLORTERM");
  return says == "truecolor" || says == "24bit";
}

bool allows_unicode() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    std::string value = environment(name);
    if (value.empty()) continue;
    std::ranges::transform(value, value.begin(), [](unsigned char c) {
      return static_cast<char>(std::tolower(c));
    });
    return value.find("utf-8") != std::string::npos ||
           value.find("utf8") != std::string::npos;
  }
  return false;
}

}  // namespace bolt
