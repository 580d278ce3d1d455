#pragma once

// Everything about data.

#include <torchbolt/data/augmented_dataset.h>
#include <torchbolt/data/batch.h>
#include <torchbolt/data/batch_feed.h>
#include <torchbolt/data/batch_parts.h>
#include <torchbolt/data/batch_plan.h>
#include <torchbolt/data/collate.h>
#include <torchbolt/data/combined_loader.h>
#include <torchbolt/data/concat_view.h>
#include <torchbolt/data/csv.h>
#include <torchbolt/data/data_loader.h>
#include <torchbolt/data/data_module.h>
#include <torchbolt/data/dataset.h>
#include <torchbolt/data/datasets_module.h>
#include <torchbolt/data/epoch_guess.h>
#include <torchbolt/data/idx.h>
#include <torchbolt/data/index_view.h>
#include <torchbolt/data/loader.h>
#include <torchbolt/data/loader_parts.h>
#include <torchbolt/data/make_grid.h>
#include <torchbolt/data/map_tensor.h>
#include <torchbolt/data/map_view.h>
#include <torchbolt/data/npy.h>
#include <torchbolt/data/png.h>
#include <torchbolt/data/sampler.h>
#include <torchbolt/data/source_iterator.h>
#include <torchbolt/data/stream_feed.h>
#include <torchbolt/data/stream_loader.h>
#include <torchbolt/data/table.h>
#include <torchbolt/data/transforms/transforms.h>
