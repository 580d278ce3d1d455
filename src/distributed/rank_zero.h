#pragma once

namespace bolt::detail {

/// Whether this process is the one of its job that logs: rank 0. Where it
/// isn't, says so once. Throws ConfigError as `process_rank` does. Who asks
/// keeps the answer: the environment may change.
bool is_rank_zero();

}  // namespace bolt::detail
