#include "loggers/wandb/uploader.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <torchbolt/core/log.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <sstream>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/blocked_signals.h"
#include "core/environment.h"
#include "core/longest_wait.h"

extern char** environ;

namespace bolt::detail::wandb {
namespace {

constexpr int kCantStart = 127;
constexpr int kUsage = 2;  // a tool that doesn't know the command

// Variables that are meant for the run, and would make the tool do other things
// than send it.
constexpr std::array<std::string_view, 7> kNotForTheTool{
    "WANDB_MODE=",  "WANDB_RUN_ID=",  "WANDB_RESUME=", "WANDB_NAME=",
    "WANDB_NOTES=", "WANDB_SERVICE=", "WANDB_DIR="};

std::vector<std::string> environment_for(const RunDir& run) {
  std::vector<std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const bool out_of_place = std::ranges::any_of(
        kNotForTheTool,
        [&](std::string_view name) { return text.starts_with(name); });
    if (!out_of_place) out.emplace_back(text);
  }
  // Its own logs go where the runs are.
  out.push_back("WANDB_DIR=" + run.path.parent_path().parent_path().string());
  return out;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

// The text for a shell.
std::string quoted(const std::string& text) {
  if (text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVW"
                             "XYZ0123456789_-./+,:@%") == std::string::npos) {
    return text;
  }
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? "'\\''" : std::string(1, c);
  return out + "'";
}

// What goes on in the new process; none of it allocates.
[[noreturn]] void become(const char* program, char* const* args,
                         char* const* env, int null, int log, pid_t parent) {
  ::setsid();  // a Ctrl-C is the training's
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(kCantStart);
  ::dup2(null, STDIN_FILENO);
  ::dup2(log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int number : {SIGINT, SIGTERM, SIGPIPE, SIGHUP}) {
    ::signal(number, SIG_DFL);
  }
  ::execve(program, args, env);
  ::_exit(kCantStart);
}

}  // namespace

std::filesystem::path find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) {
    return ::access(name.c_str(), X_OK) == 0 ? std::filesystem::absolute(name)
                                             : std::filesystem::path();
  }
  std::istringstream folders(environment("PATH"));
  for (std::string folder; std::getline(folders, folder, ':');) {
    const auto file = std::filesystem::path(folder) / name;
    std::error_code error;
    if (std::filesystem::is_regular_file(file, error) &&
        ::access(file.c_str(), X_OK) == 0) {
      return std::filesystem::absolute(file, error);
    }
  }
  return {};
}

std::string sync_command(const RunDir& run) {
  const bool offline = run.path.filename().string().starts_with("offline-");
  return std::string("wandb sync ") + (offline ? "" : "--include-online ") +
         quoted(run.path.string());
}

Uploader::Uploader(std::filesystem::path program, RunDir run, Options options)
    : program_(std::move(program)), run_(std::move(run)), options_(options) {
  const BlockedSignals blocked;
  thread_ =
      std::jthread([this](const std::stop_token& stop) { this->run(stop); });
}

Uploader::~Uploader() { finish(std::chrono::nanoseconds(0)); }

void Uploader::run(const std::stop_token& stop) {
  auto pause = options_.pause;
  int code = 0;
  for (int k = 0; k <= options_.restarts; ++k, pause *= 2) {
    code = run_once();
    std::unique_lock lock(mutex_);
    sent_ = run_.was_sent_whole();
    if (sent_ || ending_ || k == options_.restarts) break;
    if (code == kCantStart || code == kUsage) break;
    changed_.wait_for(lock, stop, pause, [this] { return ending_; });
    if (ending_) break;
  }
  const std::scoped_lock lock(mutex_);
  done_ = true;
  if (!sent_ && !ending_) {
    log_warning("[WandbLogger] the upload ended (exit code " +
                std::to_string(code) + ", see " +
                (run_.logs() / "upload.log").string() +
                "); the run goes on and is recorded");
  }
  changed_.notify_all();
}

// Runs the tool to its end; its exit code, or 128 and the signal.
int Uploader::run_once() {
  std::vector<std::string> args{
      program_.string(), "beta", "sync", "--live", "--no-skip-online",
      run_.path.string()};
  auto env = environment_for(run_);
  const auto arg_pointers = pointers(args);
  const auto env_pointers = pointers(env);
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  const int log = ::open((run_.logs() / "upload.log").c_str(),
                         O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0666);
  pid_t pid = -1;
  {
    const std::scoped_lock lock(mutex_);
    if (!ending_) {
      const pid_t parent = ::getpid();
      pid = ::fork();
      if (pid == 0) {
        become(args[0].c_str(), arg_pointers.data(), env_pointers.data(), null,
               log, parent);
      }
      pid_ = pid;
    }
  }
  ::close(null);
  if (log >= 0) ::close(log);
  if (pid < 0) return kCantStart;
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT) !=
             0 &&
         errno == EINTR) {
  }
  // Only now is the number free for another process.
  const std::scoped_lock lock(mutex_);
  pid_ = -1;
  int status = 0;
  if (::waitpid(pid, &status, 0) != pid) return kCantStart;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// The tool and what it started in its session.
void Uploader::send(int signal) const {
  if (pid_ <= 0) return;
  // It may not have one yet.
  if (::kill(-pid_, signal) != 0) ::kill(pid_, signal);
}

bool Uploader::finish(std::chrono::nanoseconds timeout) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, waitable(timeout), [this] { return done_; });
  ending_ = true;
  changed_.notify_all();
  if (!done_) {
    send(SIGTERM);
    changed_.wait_for(lock, options_.grace, [this] { return done_; });
    send(SIGKILL);
  }
  changed_.wait(lock, [this] { return done_; });
  return sent_;
}

}  // namespace bolt::detail::wandb
