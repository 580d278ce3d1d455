#pragma once

#include <torchbolt/export.h>

#include <memory>

namespace bolt::ui {

class Screen;

/// For as long as it lives, std::cout, std::cerr and std::clog go through a
/// screen where they go to a terminal, so that what they write stands above its
/// lines. Made and destroyed while no other thread writes to them. While one
/// lives, another does nothing.
class TORCHBOLT_API StreamsAbove {
 public:
  explicit StreamsAbove(std::shared_ptr<Screen> screen);
  ~StreamsAbove();
  StreamsAbove(const StreamsAbove&) = delete;
  StreamsAbove& operator=(const StreamsAbove&) = delete;

 private:
  class Buffer;
  struct Redirected;
  bool mine_ = false;
  std::unique_ptr<Redirected[]> streams_;
};

}  // namespace bolt::ui
