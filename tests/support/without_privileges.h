#pragma once

#include <unistd.h>

namespace bolt::testing {

inline constexpr uid_t kNobody = 65534;

/// While it lives, the process has no privileges: root is the user nobody, its
/// groups staying as they are, and whoever else it was stays.
class WithoutPrivileges {
 public:
  WithoutPrivileges() : before_(::geteuid()) {
    holds_ = before_ != 0 || ::seteuid(kNobody) == 0;
  }
  ~WithoutPrivileges() {
    if (before_ == 0 && ::seteuid(before_) != 0) ::_exit(1);
  }
  WithoutPrivileges(const WithoutPrivileges&) = delete;
  WithoutPrivileges& operator=(const WithoutPrivileges&) = delete;

  /// Whether the system allowed it.
  bool holds() const { return holds_; }

 private:
  uid_t before_;
  bool holds_ = false;
};

}  // namespace bolt::testing
