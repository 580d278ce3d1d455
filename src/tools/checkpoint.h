#pragma once

#include <torchbolt/state/state.h>

#include <filesystem>
#include <string>
#include <vector>

namespace bolt::tools {

// What `torchbolt ckpt` does. Files whose name ends in .safetensors are of that
// format, others are checkpoints. All throw what the readers and writers throw.

/// The tree: each value, and of tensors the type, shape and size, of which
/// nothing is read.
std::string show_checkpoint(const std::filesystem::path& path);
/// The same for programs.
std::string checkpoint_json(const std::filesystem::path& path);

/// Reads all, and says how much there was.
std::string verify_checkpoint_file(const std::filesystem::path& path);

/// What is in one of them, or not the same in both, a line each; empty when all
/// is the same, bit for bit.
std::string diff_checkpoints(const std::filesystem::path& before,
                             const std::filesystem::path& after);

/// From a checkpoint to safetensors: the tensors of "state_dict", or those of a
/// checkpoint that is a state_dict. From safetensors to a checkpoint: all under
/// "state_dict". Throws CheckpointError when there are none.
void convert_checkpoint(const std::filesystem::path& from,
                        const std::filesystem::path& to);

/// Writes the mean of the files' weights, with what else the last file holds,
/// but for the state of training.
void average_checkpoints(const std::vector<std::filesystem::path>& files,
                         const std::filesystem::path& to);

}  // namespace bolt::tools
