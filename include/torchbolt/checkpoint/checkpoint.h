#pragma once

// Checkpoint files.

#include <torchbolt/checkpoint/async_checkpoint_io.h>
#include <torchbolt/checkpoint/checkpoint_file.h>
#include <torchbolt/checkpoint/checkpoint_io.h>
#include <torchbolt/checkpoint/safetensors.h>
#include <torchbolt/checkpoint/state_dict.h>
#include <torchbolt/checkpoint/torch_checkpoint_io.h>
