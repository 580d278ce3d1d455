#pragma once

#include <ostream>
#include <string>
#include <utility>

namespace bolt::detail {

/// Text that nobody may see: what is printed of it is "***". Only who sends it
/// to a server calls `expose`.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}
  Secret(const Secret&) = default;
  Secret& operator=(const Secret&) = default;
  // Overwritten, so that no core file holds it longer than needed.
  ~Secret() {
    for (volatile char& c : text_) c = '\0';
  }

  bool empty() const { return text_.empty(); }
  const std::string& expose() const { return text_; }

  friend std::ostream& operator<<(std::ostream& out, const Secret& secret) {
    return out << (secret.empty() ? "" : "***");
  }

 private:
  std::string text_{};
};

}  // namespace bolt::detail
