#include <fcntl.h>
#include <sys/ioctl.h>
#include <torchbolt/core/terminal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string_view>

namespace bolt {
namespace {

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

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

int terminal_width(int fd) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    return size.ws_col;
  }
  return 80;
}

bool allows_colour(int fd) {
  return is_terminal(fd) && environment("NO_COLOR").empty();
}

}  // namespace bolt
