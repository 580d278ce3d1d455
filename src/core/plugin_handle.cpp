#include <torchbolt/core/error.h>
#include <torchbolt/core/plugin_handle.h>

namespace bolt {

void detail::throw_null_plugin() {
  throw ConfigError({.where = "Trainer",
                     .what = "a callback, logger or plug-in is missing",
                     .got = "a null pointer"});
}

}  // namespace bolt
