#include "overhead/allocations.h"

#include <dlfcn.h>
#include <stdlib.h>

#include <cstddef>

// This program's malloc stands in front of the C library's, and counts.

namespace {

thread_local int64_t count = 0;

template <class F>
F next(const char* name) {
  return reinterpret_cast<F>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

namespace bolt::testing {
int64_t allocations() { return count; }
}  // namespace bolt::testing

// Programs hide their symbols; these must be seen by libtorch.
#pragma GCC visibility push(default)
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t n, std::size_t size);
void* __libc_realloc(void* at, std::size_t size);

void* malloc(std::size_t size) {
  ++count;
  return __libc_malloc(size);
}
void* calloc(std::size_t n, std::size_t size) {
  ++count;
  return __libc_calloc(n, size);
}
void* realloc(void* at, std::size_t size) {
  ++count;
  return __libc_realloc(at, size);
}
int posix_memalign(void** to, std::size_t alignment, std::size_t size) {
  static const auto real =
      next<int (*)(void**, std::size_t, std::size_t)>("posix_memalign");
  ++count;
  return real(to, alignment, size);
}
}
#pragma GCC visibility pop
