#include <torchbolt/core/error.h>
#include <torchbolt/trainer/callback.h>
#include <torchbolt/trainer/module.h>

#include <string>
#include <typeinfo>

namespace bolt {

std::string Callback::state_key() const {
  const std::string name = type_name(typeid(*this));
  const std::size_t colon = name.rfind("::");
  return colon == std::string::npos ? name : name.substr(colon + 2);
}

void Callback::log(std::string_view name, LogValue value,
                   const LogOptions& options) {
  if (module_ == nullptr) {
    throw ConfigError({.where = state_key(),
                       .what = "log() needs a run; the callback is not part of "
                               "one"});
  }
  module_->log(name, value, options);
}

}  // namespace bolt
