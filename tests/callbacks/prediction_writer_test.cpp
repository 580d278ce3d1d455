#include <gtest/gtest.h>
#include <torchbolt/core/files.h>

#include "support/errors.h"
#include "support/models.h"
#include "support/temp_dir.h"

namespace bolt {
namespace {

using testing::has;
using testing::Line;
using testing::line_batches;
using testing::message_of;
using testing::quiet;
using testing::TempDir;
using Indices = BasePredictionWriter::Indices;

EvaluateOptions kept_by_nobody() { return {.return_predictions = false}; }

at::Tensor predicted(Line& model, int64_t batches) {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> all;
  for (const auto& batch : line_batches(batches)) {
    all.push_back(model.layer->forward(batch.data));
  }
  return torch::cat(all);
}

struct Names {
  std::vector<std::string> operator()(const PredictionWriter& writer) const {
    std::vector<std::string> names;
    for (const auto& file : writer.files()) {
      names.push_back(file.filename().string());
    }
    return names;
  }
};

TrainerOptions writing(PredictionWriterOptions options) {
  TrainerOptions all = quiet();
  all.callbacks = {PredictionWriter(std::move(options))};
  return all;
}

TEST(PredictionWriter, WritesAnArrayOfAllBatches) {
  const TempDir folder;
  Line model;
  Trainer trainer(writing({.dirpath = folder.path() / "a" / "b"}));
  trainer.predict(model, line_batches(3), kept_by_nobody());
  const auto& writer = trainer.callback<PredictionWriter>();
  EXPECT_EQ(Names()(writer), std::vector<std::string>{"predictions.npy"});
  EXPECT_TRUE(torch::equal(read_npy(writer.files()[0]), predicted(model, 3)));
}

TEST(PredictionWriter, WritesEachBatchWhenAsked) {
  const TempDir folder;
  Line model;
  Trainer trainer(writing({.dirpath = folder.path(),
                           .write_interval = WriteInterval::kBatchAndEpoch,
                           .filename = "y"}));
  trainer.predict(model, {line_batches(2), line_batches(1)});
  const auto& writer = trainer.callback<PredictionWriter>();
  EXPECT_EQ(Names()(writer),
            (std::vector<std::string>{
                "y_loader0_batch0.npy", "y_loader0_batch1.npy",
                "y_loader1_batch0.npy", "y_loader0.npy", "y_loader1.npy"}));
  EXPECT_TRUE(torch::equal(read_npy(folder.path() / "y_loader0_batch1.npy"),
                           predicted(model, 2).slice(0, 4)));
  EXPECT_TRUE(torch::equal(read_npy(folder.path() / "y_loader0.npy"),
                           predicted(model, 2)));
}

struct Several : Line {
  Prediction predict_step(const Batch& batch, StepContext&) override {
    const auto y = layer->forward(batch.data);
    return State::map({{"y", y},
                       {"both", State::tuple({y.to(torch::kBFloat16),
                                              torch::cat({y, 2 * y}, 1)})}});
  }
};

TEST(PredictionWriter, NamesTheTensorsOfATree) {
  const TempDir folder;
  Several model;
  Trainer trainer(writing({.dirpath = folder.path()}));
  trainer.predict(model, line_batches(2), kept_by_nobody());
  EXPECT_EQ(Names()(trainer.callback<PredictionWriter>()),
            (std::vector<std::string>{"predictions.both.0.npy",
                                      "predictions.both.1.npy",
                                      "predictions.y.npy"}));
  const auto half = read_npy(folder.path() / "predictions.both.0.npy");
  EXPECT_EQ(half.scalar_type(), torch::kFloat);
  EXPECT_EQ(half.sizes(), (std::vector<int64_t>{8, 1}));
}

TEST(PredictionWriter, WritesATable) {
  const TempDir folder;
  struct Numbers : Line {
    Prediction predict_step(const Batch& batch, StepContext&) override {
      const auto index = (7 * batch.data).round();
      return State::map(
          {{"y", 0.5 * index}, {"xs", torch::cat({index, index + 10}, 1)}});
    }
  } model;
  Trainer trainer(
      writing({.dirpath = folder.path(), .format = PredictionFormat::kCsv}));
  trainer.predict(model, line_batches(2, 2), kept_by_nobody());
  EXPECT_EQ(read_file(folder.path() / "predictions.csv"),
            "index,xs_0,xs_1,y\n"
            "0,0,10,0\n"
            "1,1,11,0.5\n"
            "2,2,12,1\n"
            "3,3,13,1.5\n");
}

// A class or an id is a whole number, and may be a large one.
TEST(PredictionWriter, KeepsWholeNumbersWholeInATable) {
  const TempDir folder;
  struct Ids : Line {
    Prediction predict_step(const Batch& batch, StepContext&) override {
      const auto id = torch::arange(batch.data.size(0), torch::kLong);
      return State::map({{"big", (int64_t{1} << 53) + 1 + id},
                         {"even", id.remainder(2).eq(0)},
                         {"nothing", torch::zeros({batch.data.size(0), 0})},
                         {"unsigned", (id - 1).to(torch::kUInt64)}});
    }
  } model;
  Trainer trainer(
      writing({.dirpath = folder.path(), .format = PredictionFormat::kCsv}));
  trainer.predict(model, line_batches(1, 2), kept_by_nobody());
  EXPECT_EQ(read_file(folder.path() / "predictions.csv"),
            "index,big,even,unsigned\n"
            "0,9007199254740993,1,18446744073709551615\n"
            "1,9007199254740994,0,0\n");
}

TEST(PredictionWriter, ATableHasNoComplexNumbers) {
  const TempDir folder;
  struct Waves : Line {
    Prediction predict_step(const Batch& batch, StepContext&) override {
      return State::map({{"wave", torch::fft::fft(batch.data)}});
    }
  } model;
  Trainer table(
      writing({.dirpath = folder.path(), .format = PredictionFormat::kCsv}));
  EXPECT_TRUE(has(message_of<DataError>([&] {
                    table.predict(model, line_batches(1), kept_by_nobody());
                  }),
                  {"\"wave\" is complex", "view_as_real", "kNpy"}));
  Trainer array(writing({.dirpath = folder.path()}));
  array.predict(model, line_batches(1), kept_by_nobody());
  EXPECT_TRUE(read_npy(folder.path() / "predictions.wave.npy").is_complex());
}

TEST(PredictionWriter, RefusesWhatItCantWrite) {
  const TempDir folder;
  EXPECT_THROW(PredictionWriter({.filename = "a/b"}), ConfigError);
  EXPECT_THROW(PredictionWriter({.filename = ""}), ConfigError);
  EXPECT_EQ(parse_write_interval("batch_and_epoch"),
            WriteInterval::kBatchAndEpoch);
  EXPECT_TRUE(has(message_of<ConfigError>([] { parse_write_interval("step"); }),
                  {"step", "batch, epoch or batch_and_epoch"}));
  struct Text : Line {
    Prediction predict_step(const Batch&, StepContext&) override {
      return "cat";
    }
  } text;
  Trainer trainer(writing({.dirpath = folder.path()}));
  EXPECT_TRUE(has(message_of<DataError>([&] {
                    trainer.predict(text, line_batches(1), kept_by_nobody());
                  }),
                  {"no tensor", "string", "BasePredictionWriter"}));
  struct Growing : Line {
    Prediction predict_step(const Batch&, StepContext& step) override {
      return torch::zeros({4, 1 + step.batch_idx});
    }
  } growing;
  EXPECT_TRUE(has(message_of<DataError>([&] {
                    trainer.predict(growing, line_batches(2), kept_by_nobody());
                  }),
                  {"different shapes", "[4, 2]", "kBatch"}));
}

struct Listing : BasePredictionWriter {
  using BasePredictionWriter::BasePredictionWriter;
  void write_on_batch_end(Trainer&, Module&, const Prediction& prediction,
                          const Indices& indices, const AnyBatch& batch,
                          const StepContext&) override {
    EXPECT_EQ(prediction.as_tensor().size(0),
              batch.as<testing::Example>().data.size(0));
    batches.push_back(indices);
  }
  void write_on_epoch_end(
      Trainer&, Module&, const std::vector<std::vector<Prediction>>& of,
      const std::vector<std::vector<Indices>>& indices) override {
    for (const auto& loader : of) counts.push_back(loader.size());
    epoch = indices;
  }
  std::vector<Indices> batches{};
  std::vector<std::size_t> counts{};
  std::vector<std::vector<Indices>> epoch{};
};

TEST(BasePredictionWriter, SaysWhichSamplesTheyAre) {
  const auto list = std::make_shared<Listing>(WriteInterval::kBatchAndEpoch);
  TrainerOptions options = quiet();
  options.callbacks = {list};
  Line model;
  Trainer(options).predict(model, {line_batches(2, 2), line_batches(1, 3)},
                           kept_by_nobody());
  EXPECT_EQ(list->batches, (std::vector<Indices>{{0, 1}, {2, 3}, {0, 1, 2}}));
  EXPECT_EQ(list->counts, (std::vector<std::size_t>{2, 1}));
  EXPECT_EQ(list->epoch,
            (std::vector<std::vector<Indices>>{{{0, 1}, {2, 3}}, {{0, 1, 2}}}));
}

TEST(BasePredictionWriter, SaysWhatIsntOverridden) {
  struct Nothing : BasePredictionWriter {
    using BasePredictionWriter::BasePredictionWriter;
  };
  Line model;
  for (const auto& [interval, function] :
       {std::pair(WriteInterval::kBatch, "write_on_batch_end"),
        std::pair(WriteInterval::kEpoch, "write_on_epoch_end")}) {
    TrainerOptions options = quiet();
    options.callbacks = {Nothing(interval)};
    EXPECT_TRUE(has(message_of<ConfigError>([&] {
                      Trainer(options).predict(model, line_batches(1));
                    }),
                    {function, "isn't overridden"}));
  }
}

}  // namespace
}  // namespace bolt
