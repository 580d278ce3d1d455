#pragma once

#include <c10/core/ScalarType.h>
#include <torchbolt/export.h>

namespace bolt {

/// While it lives, tensors made without a type get `dtype`. Scopes may end in
/// any order. libtorch has one such type per process, so that other threads see
/// it too: what they make meanwhile should name its type. Trainers that run in
/// two threads at a time and need different types warn of it.
///
///     const bolt::DefaultDtypeScope doubles(at::kDouble);
///     auto x = torch::rand({2});  // of doubles
class TORCHBOLT_API DefaultDtypeScope {
 public:
  [[nodiscard]] explicit DefaultDtypeScope(c10::ScalarType dtype);
  ~DefaultDtypeScope();
  DefaultDtypeScope(const DefaultDtypeScope&) = delete;
  DefaultDtypeScope& operator=(const DefaultDtypeScope&) = delete;

 private:
  // What its end brings back.
  c10::ScalarType before_;
};

}  // namespace bolt
