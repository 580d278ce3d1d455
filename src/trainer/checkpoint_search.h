#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace bolt::detail {

class TrainerCore;

/// The files that `ckpt_path` ("best", "last", "hpc", or a path) means for the
/// run that begins; where it isn't given, what the callbacks, or a module that
/// isn't given either, ask for. The first of them that is whole is the one;
/// none: nothing is loaded. Throws ConfigError where it means no file.
std::vector<std::filesystem::path> find_checkpoints(
    const TrainerCore& core, std::optional<std::string> ckpt_path,
    bool module_given);

/// Whether a file's name is hpc_ckpt_<n>.ckpt.
bool is_hpc_checkpoint(const std::string& name);

/// Where a run that the system ends is saved: hpc_ckpt_<n>.ckpt in `folder`,
/// with the next number. The file is there then, and empty, so that nobody else
/// takes the name. Throws Error when it can't be made.
std::filesystem::path claim_hpc_checkpoint(const std::filesystem::path& folder);

}  // namespace bolt::detail
