#pragma once

#include <torchbolt/export.h>
#include <torchbolt/optim/schedule.h>

#include <concepts>
#include <memory>
#include <utility>

namespace bolt::optim {

/// A schedule that is part of another one: by value, or shared with the user.
class TORCHBOLT_API SharedSchedule {
 public:
  template <std::derived_from<Schedule> S>
  SharedSchedule(S schedule)
      : schedule_(std::make_shared<S>(std::move(schedule))) {}
  template <std::derived_from<Schedule> S>
  SharedSchedule(std::shared_ptr<S> schedule)
      : schedule_(std::move(schedule)) {}

  Schedule& operator*() const { return *schedule_; }
  Schedule* operator->() const { return schedule_.get(); }
  Schedule* get() const { return schedule_.get(); }

 private:
  std::shared_ptr<Schedule> schedule_;
};

}  // namespace bolt::optim
