#pragma once

#include <torchbolt/state/state.h>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace bolt::optim {

/// Throws CheckpointError when it isn't a map.
void check_is_map(const State& state, std::string_view where);
State list_of(const std::vector<double>& values);
/// The numbers of a list. Throws CheckpointError, naming the class, when there
/// aren't `count` of them.
std::vector<double> doubles(const State& state, std::string_view key,
                            std::size_t count, std::string_view where);
/// The rates of an optimizer's `groups`. A group that it got after the state
/// was saved keeps what `now` has for it, as far as that goes. Throws
/// CheckpointError when the state has more of them.
std::vector<double> group_rates(const State& state, std::string_view key,
                                std::size_t groups,
                                const std::vector<double>& now,
                                std::string_view where);

/// The enumerator of a text in a state; `names` in the order of the
/// enumerators.
std::size_t index_of(const State& state, std::string_view key,
                     const std::vector<std::string_view>& names,
                     std::string_view where);

/// An integer that is at least 1. Throws CheckpointError for another.
int64_t positive(const State& state, std::string_view key,
                 std::string_view where);
int64_t integer_key(const State::Key& key, std::string_view field,
                    std::string_view where);

/// Throws ConfigError for milestones that are negative or out of order.
void check_milestones(const std::vector<int64_t>& milestones,
                      std::string_view where);

}  // namespace bolt::optim
