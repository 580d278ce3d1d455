#include <gtest/gtest.h>
#include <torch/torch.h>
#include <torchbolt/checkpoint/checkpoint.h>
#include <torchbolt/torchbolt.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "support/small_run.h"
#include "support/temp_dir.h"

// Files of earlier versions of the format stay here, and a run goes on from
// each. A new version writes its own:
//
//   TORCHBOLT_NEW_FILE=torchbolt_v2.ckpt trainer_test
//   --gtest_filter='OldFiles.*'

namespace bolt::testing {
namespace {

TEST(OldFiles, OfVersion1GoOnToTheSameEnd) {
  const TempDir dir;
  const auto memory = std::make_shared<Memory>();
  if (const char* const file = std::getenv("TORCHBOLT_NEW_FILE")) {
    seed_everything(5);
    Small first;
    fit_small(first, dir.path(), memory);
    write_checkpoint(file, memory->saved);
    std::printf("%.9g %.9g\n", first.layer->weight.item<double>(),
                first.layer->bias.item<double>());
  }
  memory->saved = read_checkpoint(fs::path(TORCHBOLT_CHECKPOINT_FILES) /
                                  "torchbolt_v1.ckpt");
  ASSERT_EQ(memory->saved.at("torchbolt").at("version").as_int(), 1);
  ASSERT_FALSE(memory->saved.at("torchbolt").at("fit").at("loader").is_none());
  Small model;
  fit_small(model, dir.path(), memory);
  EXPECT_NEAR(model.layer->weight.item<double>(), 0.703767657, 1e-6);
  EXPECT_NEAR(model.layer->bias.item<double>(), -0.701330066, 1e-6);
}

}  // namespace
}  // namespace bolt::testing
