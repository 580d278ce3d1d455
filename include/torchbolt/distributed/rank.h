#pragma once

#include <torchbolt/export.h>

#include <cstdint>

namespace bolt {

/// This process's number, from 0 on, among those that a launcher (torchrun,
/// srun, jsrun) started as one job: the first that is set of RANK, LOCAL_RANK,
/// SLURM_PROCID and JSM_NAMESPACE_RANK; 0 without any. Loggers that are made
/// where it isn't 0 write nothing. It is not the rank of `Fabric`, whose world
/// is one process. Throws ConfigError when the variable holds no such number.
/// Source: Lightning's `rank_zero_only.rank`.
TORCHBOLT_API int64_t process_rank();

}  // namespace bolt
