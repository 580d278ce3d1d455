#include <torchbolt/checkpoint/checkpoint_io.h>

namespace bolt {

// Here, so that its table is in one library.
CheckpointIO::~CheckpointIO() = default;

}  // namespace bolt
