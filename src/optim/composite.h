#pragma once

#include <torchbolt/optim/shared_schedule.h>

#include <string_view>
#include <vector>

namespace bolt::optim {

/// Throws ConfigError for no schedules, and for those of another optimizer.
void check_parts(const std::vector<SharedSchedule>& schedulers,
                 const torch::optim::Optimizer* optimizer,
                 std::string_view where);
State states_of(const std::vector<SharedSchedule>& schedulers);
/// Throws CheckpointError when there are more or fewer states.
void load_parts(const std::vector<SharedSchedule>& schedulers,
                const State& state, std::string_view where);

}  // namespace bolt::optim
