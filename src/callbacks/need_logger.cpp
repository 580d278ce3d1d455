#include "callbacks/need_logger.h"

#include <torchbolt/core/error.h>
#include <torchbolt/trainer/trainer.h>

#include <string>

namespace bolt {

void need_logger(const Trainer& trainer, std::string_view who) {
  if (!trainer.loggers().empty()) return;
  throw ConfigError({.where = std::string(who),
                     .what = "the Trainer has no logger to send to",
                     .tip = "give the Trainer one, or leave the monitor out"});
}

}  // namespace bolt
