#pragma once

#include <torchbolt/export.h>
#include <torchbolt/state/state.h>

#include <filesystem>

namespace bolt {

/// How `write_checkpoint` writes.
///
///     bolt::write_checkpoint("a.ckpt", state, {.durable = false});
struct WriteCheckpointOptions {
  /// Waits until the file, and its name, are on the disk: then not even a loss
  /// of power loses it.
  bool durable = true;
};

/// How `read_checkpoint` reads.
///
///     bolt::State shapes = bolt::read_checkpoint("a.ckpt", {.outline = true});
struct ReadCheckpointOptions {
  /// Compares the checksum of all that is read.
  bool verify = true;
  /// Tensors are on the `meta` device: type, shape, strides and which of them
  /// share storage, but no values. None of their data is read, so that this
  /// takes milliseconds whatever the size of the file.
  bool outline = false;
};

/// Writes a state as a checkpoint file, the one that Python's `torch.save`
/// writes: `torch.load` reads it, also with `weights_only=True` or `mmap=True`.
/// The path holds the old file or the new one at any moment; folders on the way
/// are made; when it fails nothing of the new one is left.
///
/// Tensors keep their type, shape and strides, and those that share storage
/// share it again; of a storage, what lies before the first and behind the last
/// number that a tensor uses is left out. Tensors of other devices than the CPU
/// are copied; all load onto the CPU. What can't be in such a file is a
/// CheckpointError that names its place in the tree: an undefined, sparse or
/// quantized tensor, one on the `meta` device. Bytes of a text that aren't
/// UTF-8 are what Python makes of them in a path ("surrogateescape"). Throws
/// Error, naming the path and the cause, when it can't be written.
///
///     auto state = bolt::State::map();
///     state["step"] = 7;
///     state["weight"] = torch::ones({2, 3});
///     bolt::write_checkpoint("checkpoints/a.ckpt", state);
TORCHBOLT_API void write_checkpoint(const std::filesystem::path& path,
                                    const State& state,
                                    const WriteCheckpointOptions& options = {});

/// Reads a checkpoint file: of `write_checkpoint`, or of Python's `torch.save`
/// (since torch 1.6) as far as `torch.load(weights_only=True)` would take it.
/// Nothing in the file is ever executed, and nothing that it only announces is
/// allocated. Tensors come onto the CPU, not requiring gradients.
///
/// What Python has and a State has not: `OrderedDict`, `Counter` and
/// `defaultdict` become maps; `torch.Size` a tuple; sets a list; `torch.device`
/// and types texts ("cuda:0", "torch.float32"); bytes a tensor of uint8; a
/// complex number a tensor without dimensions; parameters tensors. Attributes
/// of objects, such as the `_metadata` of a `state_dict`, are left out.
///
/// Throws CheckpointError for a file that is damaged or holds anything else; it
/// names the place in the file, and in the tree.
///
///     bolt::State state = bolt::read_checkpoint("epoch=3.ckpt");
///     at::Tensor weight = state.at("state_dict").at("net.weight").as_tensor();
TORCHBOLT_API State read_checkpoint(const std::filesystem::path& path,
                                    const ReadCheckpointOptions& options = {});

/// Reads a checkpoint file to its end and compares every checksum, holding a
/// small part of it in memory at a time. Throws CheckpointError for the first
/// thing that isn't as it should be.
///
///     bolt::verify_checkpoint("epoch=3.ckpt");
TORCHBOLT_API void verify_checkpoint(const std::filesystem::path& path);

}  // namespace bolt
