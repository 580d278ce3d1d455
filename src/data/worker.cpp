#include "data/worker.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <dlfcn.h>
#include <pthread.h>
#include <torchbolt/core/error.h>

#include <string>
#include <system_error>
#include <utility>

namespace bolt::detail {
namespace {

// A thread that loads is one of many: it must not start a team of its own for
// every operation. The number of OpenMP's threads is kept for each thread, and
// at::set_num_threads() would set that of all.
void compute_alone() {
  (void)at::get_num_threads();  // sets torch's own number here, the first time
  using SetThreads = void (*)(int);
  static const auto set_threads = reinterpret_cast<SetThreads>(
      ::dlsym(RTLD_DEFAULT, "omp_set_num_threads"));
  if (set_threads != nullptr) set_threads(1);
}

// Linux keeps 15 characters of a name.
void name_thread(int64_t index) {
  const std::string name = "bolt-load-" + std::to_string(index);
  ::pthread_setname_np(::pthread_self(), name.substr(0, 15).c_str());
}

}  // namespace

std::jthread start_worker(int64_t index,
                          std::function<void(const std::stop_token&)> work) {
  try {
    return std::jthread(
        [index, work = std::move(work)](const std::stop_token& stop) {
          name_thread(index);
          compute_alone();
          const at::NoGradGuard no_grad;
          work(stop);
        });
  } catch (const std::system_error& error) {
    throw ConfigError(
        {.where = "num_workers",
         .what = "the system gives no thread to loader number " +
                 std::to_string(index) + ": " + error.what(),
         .tip = "ask for fewer, or raise the limit of processes (ulimit -u, or "
                "the container's)"});
  }
}

}  // namespace bolt::detail
