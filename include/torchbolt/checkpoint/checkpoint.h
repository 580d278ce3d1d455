#pragma once

// Checkpoint files.

#include <torchbolt/checkpoint/checkpoint_file.h>
