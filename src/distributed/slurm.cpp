#include "distributed/slurm.h"

#include <spawn.h>
#include <sys/wait.h>
#include <torchbolt/core/error.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstring>
#include <string_view>
#include <thread>

#include "core/environment.h"

extern char** environ;

namespace bolt::detail {
namespace {

using namespace std::chrono_literals;

Error failed(const std::string& job, std::string got) {
  return Error({.where = "preemption",
                .what = "scontrol requeue " + job + " failed",
                .got = std::move(got),
                .tip = "put the job into the queue by hand"});
}

}  // namespace

std::optional<std::string> slurm_job() {
  const std::string name = environment("SLURM_JOB_NAME");
  if (environment("SLURM_NTASKS").empty() || name == "bash" ||
      name == "interactive") {
    return std::nullopt;
  }
  const std::string array = environment("SLURM_ARRAY_JOB_ID");
  const std::string task = environment("SLURM_ARRAY_TASK_ID");
  if (!array.empty() && !task.empty()) return array + "_" + task;
  std::string job = environment("SLURM_JOB_ID");
  if (job.empty()) return std::nullopt;
  return job;
}

void requeue_slurm_job(const std::string& job) {
  std::array<std::string, 3> words{"scontrol", "requeue", job};
  std::array<char*, 4> arguments{words[0].data(), words[1].data(),
                                 words[2].data(), nullptr};
  pid_t child = 0;
  const int error = ::posix_spawnp(&child, arguments[0], nullptr, nullptr,
                                   arguments.data(), environ);
  if (error != 0) throw failed(job, std::strerror(error));
  const auto end = std::chrono::steady_clock::now() + 30s;
  int status = 0;
  pid_t ended = 0;
  while ((ended = ::waitpid(child, &status, WNOHANG)) == 0) {
    if (std::chrono::steady_clock::now() >= end) {
      ::kill(child, SIGKILL);
      ::waitpid(child, &status, 0);
      throw failed(job, "no answer in 30 s");
    }
    std::this_thread::sleep_for(10ms);
  }
  // A program may have told the system that nobody waits for its children.
  if (ended < 0) throw failed(job, "no exit code");
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  throw failed(job, WIFEXITED(status)
                        ? "exit code " + std::to_string(WEXITSTATUS(status))
                        : "signal " + std::to_string(WTERMSIG(status)));
}

}  // namespace bolt::detail
