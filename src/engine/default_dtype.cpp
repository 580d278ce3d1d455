#include "engine/default_dtype.h"

#include <c10/core/DefaultDtype.h>
#include <c10/core/ScalarTypeToTypeMeta.h>
#include <torchbolt/core/log.h>
#include <torchbolt/engine/default_dtype_scope.h>

#include <algorithm>
#include <mutex>
#include <string>
#include <vector>

namespace bolt {
namespace {

// What is alive in this process, oldest first. The type that they are about is
// the process's, and so are these.
std::mutex mutex;
std::vector<DefaultDtypeScope*> scopes;
std::vector<detail::DefaultDtypeUse*> uses;

std::string name_of(std::optional<c10::ScalarType> dtype) {
  return dtype ? std::string(c10::toString(*dtype)) : "the usual type";
}

}  // namespace

DefaultDtypeScope::DefaultDtypeScope(c10::ScalarType dtype) {
  const std::scoped_lock lock(mutex);
  before_ = c10::get_default_dtype_as_scalartype();
  scopes.push_back(this);
  c10::set_default_dtype(c10::scalarTypeToTypeMeta(dtype));
}

// The scope that began after this one stands, and ends with what was before
// both.
DefaultDtypeScope::~DefaultDtypeScope() {
  const std::scoped_lock lock(mutex);
  const auto next = scopes.erase(std::ranges::find(scopes, this));
  if (next != scopes.end()) {
    (*next)->before_ = before_;
  } else {
    c10::set_default_dtype(c10::scalarTypeToTypeMeta(before_));
  }
}

namespace detail {

DefaultDtypeUse::DefaultDtypeUse(std::optional<c10::ScalarType> dtype)
    : dtype_(dtype), thread_(std::this_thread::get_id()) {
  std::optional<std::string> other;
  {
    const std::scoped_lock lock(mutex);
    for (const DefaultDtypeUse* use : uses) {
      if (use->thread_ == thread_ || use->dtype_ == dtype_) continue;
      other = name_of(use->dtype_);
    }
    uses.push_back(this);
  }
  if (!other) return;
  log_warning(
      "[Trainer] another Trainer of this process runs at the same time, and "
      "its steps make tensors of " +
      *other + " by default, those of this one " + name_of(dtype_) +
      ". libtorch has one default for all threads: name the type of tensors "
      "that a step makes (x.options(), torch::zeros_like), or run the two one "
      "after the other");
}

DefaultDtypeUse::~DefaultDtypeUse() {
  const std::scoped_lock lock(mutex);
  uses.erase(std::ranges::find(uses, this));
}

}  // namespace detail
}  // namespace bolt
