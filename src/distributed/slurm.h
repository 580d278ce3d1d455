#pragma once

#include <optional>
#include <string>

namespace bolt::detail {

/// The SLURM job that this process belongs to, as `scontrol` names it: "1234",
/// or "1200_7" for a task of an array; none outside of SLURM, and in an
/// interactive job. Source: sbatch's manual, "output environment variables".
std::optional<std::string> slurm_job();

/// Puts the job back into SLURM's queue, and waits at most half a minute for
/// the answer. Throws Error.
void requeue_slurm_job(const std::string& job);

}  // namespace bolt::detail
