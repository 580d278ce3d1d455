#pragma once

#include <stdlib.h>

#include <string>

namespace bolt::testing {

/// An environment variable that has this value for as long as it lives; null:
/// none.
class WithEnvironment {
 public:
  WithEnvironment(const char* name, const char* value) : name_(name) {
    if (const char* before = ::getenv(name)) before_ = before, had_ = true;
    set(value);
  }
  ~WithEnvironment() { set(had_ ? before_.c_str() : nullptr); }
  WithEnvironment(const WithEnvironment&) = delete;
  WithEnvironment& operator=(const WithEnvironment&) = delete;

 private:
  void set(const char* value) {
    if (value != nullptr) {
      ::setenv(name_, value, 1);
    } else {
      ::unsetenv(name_);
    }
  }

  const char* name_;
  std::string before_{};
  bool had_ = false;
};

}  // namespace bolt::testing
