#include <gtest/gtest.h>
#include <torchbolt/ui/text.h>

#include <memory>
#include <sstream>

#include "support/errors.h"
#include "support/log_capture.h"
#include "support/models.h"

namespace bolt {
namespace {

namespace nn = torch::nn;
using testing::has;
using testing::Line;
using testing::line_batches;
using testing::message_of;
using testing::quiet;
using Sizes = std::vector<int64_t>;

// Only one with a forward of its own can stand in another.
struct BlockImpl : nn::SequentialImpl {
  using SequentialImpl::SequentialImpl;
  torch::Tensor forward(torch::Tensor x) { return SequentialImpl::forward(x); }
};

struct Network : nn::Module {
  Network() {
    register_module("net", net);
    register_module("norm", norm);
    register_module("lstm", lstm);
    scale = register_parameter("scale", torch::ones({3}));
    for (auto& p : norm->parameters()) p.requires_grad_(false);
  }
  torch::Tensor forward(const torch::Tensor& x) {
    auto [y, state] =
        lstm->forward(norm->forward(net->forward(x)).unsqueeze(1));
    return y * scale.sum();
  }
  nn::Sequential net{
      nn::Flatten(), nn::Linear(12, 8), nn::ReLU(),
      std::make_shared<BlockImpl>(nn::Dropout(0.5), nn::Linear(8, 4))};
  nn::BatchNorm1d norm{4};
  nn::LSTM lstm{nn::LSTMOptions(4, 5).batch_first(true)};
  torch::Tensor scale;
};

const LayerSummary& layer(const Summary& summary, const std::string& name) {
  for (const LayerSummary& one : summary.layers) {
    if (one.name == name) return one;
  }
  throw std::out_of_range(name);
}

TEST(Summarize, CountsParametersByLayerAndInAll) {
  Network network;  // on the stack
  const Summary summary = summarize(network);
  ASSERT_EQ(summary.layers.size(), 4u);
  EXPECT_EQ(summary.layers[0].name, "net");
  EXPECT_EQ(summary.layers[0].type, "Sequential");
  EXPECT_EQ(summary.layers[0].parameters, 12 * 8 + 8 + 8 * 4 + 4);
  EXPECT_EQ(summary.layers[1].type, "BatchNorm1d");
  EXPECT_EQ(summary.layers[3].name, "other params");
  EXPECT_EQ(summary.layers[3].parameters, 3);
  EXPECT_EQ(summary.non_trainable_parameters, 8);
  EXPECT_EQ(summary.trainable_parameters, 140 + 3 + 220);
  EXPECT_DOUBLE_EQ(summary.model_size, 371 * 4 / 1e6);
  EXPECT_FALSE(summary.layers[0].in_size);
}

TEST(Summarize, GoesAsDeepAsAsked) {
  Network network;
  network.norm->eval();
  EXPECT_TRUE(summarize(network, {.max_depth = 0}).layers.empty());
  EXPECT_EQ(summarize(network, {.max_depth = 2}).layers.size(), 8u);
  const Summary all = summarize(network, {.max_depth = -1});
  const std::size_t children = network.named_children().size();
  EXPECT_EQ(summarize(network, {.max_depth = 1}).layers.size(), children + 1)
      << "and what it holds itself";
  EXPECT_EQ(summarize(network, {.max_depth = 9}).layers.size(),
            all.layers.size())
      << "deeper than it is";
  EXPECT_EQ(all.layers.size(), 10u);
  EXPECT_EQ(layer(all, "net.3.1").type, "Linear");
  EXPECT_EQ(layer(all, "net.3.1").depth, 3);
  EXPECT_FALSE(layer(all, "norm").training);
  EXPECT_EQ(all.modules_in_train_mode, 8);
  EXPECT_EQ(all.modules_in_eval_mode, 1);
  EXPECT_THROW(summarize(network, {.max_depth = -2}), ConfigError);
}

TEST(Summarize, SeesSizesAndOperations) {
  Network network;
  network.norm->eval();
  const auto mean = network.norm->running_mean.clone();
  torch::manual_seed(1);
  const double drawn = torch::rand({1}).item<double>();
  torch::manual_seed(1);
  const Summary s =
      summarize(network, {.max_depth = -1, .forward = [&] {
                            EXPECT_FALSE(network.is_training());
                            EXPECT_FALSE(torch::GradMode::is_enabled());
                            network.forward(torch::rand({6, 3, 4}));
                          }});
  EXPECT_EQ(layer(s, "net.1").in_size, (Sizes{6, 12}));
  EXPECT_EQ(layer(s, "net.1").out_size, (Sizes{6, 8}));
  EXPECT_EQ(layer(s, "norm").in_size, (Sizes{6, 4}));
  EXPECT_EQ(layer(s, "lstm").in_size, (Sizes{6, 1, 4}));
  EXPECT_EQ(layer(s, "lstm").out_size, (Sizes{6, 1, 5}));
  // Those without weights are known by their neighbours, where they have some.
  EXPECT_EQ(layer(s, "net.2").in_size, (Sizes{6, 8}));
  EXPECT_EQ(layer(s, "net.2").out_size, (Sizes{6, 8}));
  EXPECT_EQ(layer(s, "net.0").out_size, (Sizes{6, 12}));
  EXPECT_FALSE(layer(s, "net.0").in_size);
  EXPECT_FALSE(layer(s, "net").in_size);
  EXPECT_EQ(layer(s, "net").out_size, (Sizes{6, 4}));
  EXPECT_EQ(layer(s, "net.3").in_size, (Sizes{6, 8}));
  EXPECT_EQ(layer(s, "net.1").flops, 2 * 6 * 12 * 8);
  EXPECT_EQ(layer(s, "net").flops, 2 * 6 * (12 * 8 + 8 * 4));
  EXPECT_GE(s.total_flops, layer(s, "net").flops);
  // All is as it was.
  EXPECT_TRUE(network.is_training());
  EXPECT_TRUE(network.lstm->is_training());
  EXPECT_FALSE(network.norm->is_training());
  EXPECT_TRUE(torch::equal(mean, network.norm->running_mean));
  EXPECT_EQ(torch::rand({1}).item<double>(), drawn);
}

TEST(Summarize, SeesConvolutions) {
  nn::Sequential net(
      nn::Conv2d(nn::Conv2dOptions(4, 8, 3).stride(2).groups(2)),
      nn::ConvTranspose2d(nn::ConvTranspose2dOptions(8, 2, 2).stride(2)),
      nn::Conv2d(nn::Conv2dOptions(2, 2, 3).padding(1).padding_mode(
          torch::kCircular)));
  const auto s = summarize(
      *net, {.forward = [&] { net->forward(torch::rand({5, 4, 9, 9})); }});
  EXPECT_EQ(s.layers[0].in_size, (Sizes{5, 4, 9, 9}));
  EXPECT_EQ(s.layers[0].out_size, (Sizes{5, 8, 4, 4}));
  EXPECT_EQ(s.layers[0].flops, 2 * 5 * 16 * (8 * 2 * 9));
  EXPECT_EQ(s.layers[1].out_size, (Sizes{5, 2, 8, 8}));
  EXPECT_EQ(s.layers[1].flops, 2 * 5 * 16 * (8 * 2 * 4));
  // Padded by an operation of its own; known by its neighbour all the same.
  EXPECT_EQ(s.layers[2].in_size, (Sizes{5, 2, 8, 8}));
  EXPECT_FALSE(s.layers[2].out_size);
}

TEST(Summarize, CountsWhatIsSharedOnce) {
  struct Tied : nn::Module {
    Tied() {
      register_module("a", a);
      register_module("b", b);
      register_module("again", a);
      b->weight = b->register_parameter("tied", a->weight);
      empty = register_parameter("empty", torch::Tensor(), false);
    }
    nn::Linear a{nn::LinearOptions(4, 4).bias(false)};
    nn::Linear b{nn::LinearOptions(2, 2).bias(false)};
    torch::Tensor empty;
  } tied;
  const Summary summary = summarize(tied);
  EXPECT_EQ(summary.layers.size(), 2u);  // "again" is "a"
  EXPECT_EQ(summary.total_parameters(), 16 + 4);
  EXPECT_EQ(layer(summary, "b").parameters, 16 + 4);
  struct Nothing : nn::Module {
  } nothing;
  EXPECT_EQ(summarize(nothing).total_parameters(), 0);
  EXPECT_TRUE(has(to_text(summarize(nothing)), {"0         Total params"}));
}

TEST(Summarize, AsText) {
  Network network;
  EXPECT_EQ(to_text(summarize(network)),
            "┌───┬──────────────┬─────────────┬────────┬───────┐\n"
            "│   │ Name         │ Type        │ Params │  Mode │\n"
            "├───┼──────────────┼─────────────┼────────┼───────┤\n"
            "│ 0 │ net          │ Sequential  │    140 │ train │\n"
            "│ 1 │ norm         │ BatchNorm1d │      8 │ train │\n"
            "│ 2 │ lstm         │ LSTM        │    220 │ train │\n"
            "│   │ other params │ n/a         │      3 │   n/a │\n"
            "└───┴──────────────┴─────────────┴────────┴───────┘\n"
            "363       Trainable params\n"
            "8         Non-trainable params\n"
            "371       Total params\n"
            "0.001     Total estimated model params size (MB)\n"
            "9         Modules in train mode\n"
            "0         Modules in eval mode");
  std::istringstream narrow(to_text(summarize(network), 30));
  for (std::string line; std::getline(narrow, line);) {
    EXPECT_LE(ui::columns_of(line), 30) << line;
  }
}

TEST(Summarize, AsTextWithSizes) {
  nn::Sequential net(nn::Flatten(), nn::Linear(784, 256), nn::ReLU(),
                     nn::Linear(256, 10));
  const auto forward = [&] { net->forward(torch::rand({32, 28, 28})); };
  EXPECT_EQ(to_text(summarize(*net, {.forward = forward})),
            "┌───┬──────┬─────────┬────────┬───────┬────────┬───────────┬──────"
            "─────┐\n"
            "│   │ Name │ Type    │ Params │  Mode │  FLOPs │  In sizes │ Out "
            "sizes │\n"
            "├───┼──────┼─────────┼────────┼───────┼────────┼───────────┼──────"
            "─────┤\n"
            "│ 0 │ 0    │ Flatten │      0 │ train │      0 │         ? │ [32, "
            "784] │\n"
            "│ 1 │ 1    │ Linear  │  200 K │ train │ 12.8 M │ [32, 784] │ [32, "
            "256] │\n"
            "│ 2 │ 2    │ ReLU    │      0 │ train │      0 │ [32, 256] │ [32, "
            "256] │\n"
            "│ 3 │ 3    │ Linear  │  2.5 K │ train │  163 K │ [32, 256] │  "
            "[32, 10] │\n"
            "└───┴──────┴─────────┴────────┴───────┴────────┴───────────┴──────"
            "─────┘\n"
            "203 K     Trainable params\n"
            "0         Non-trainable params\n"
            "203 K     Total params\n"
            "0.814     Total estimated model params size (MB)\n"
            "4         Modules in train mode\n"
            "0         Modules in eval mode\n"
            "13.0 M    Total FLOPs");
}

// A fit of which only what is printed matters.
std::string printed(Module& model, TrainerOptions options,
                    const std::function<void(Trainer&)>& fit) {
  std::string text;
  options.enable_checkpointing = false;
  Trainer trainer(std::move(options));
  trainer.set_print_target(
      [&](std::string_view line) { text += std::string(line) + "\n"; });
  fit(trainer);
  (void)model;
  return text;
}

struct WithExample : Line {
  torch::Tensor forward(const torch::Tensor& x) {
    if (fails) throw std::runtime_error("no example");
    return layer->forward(x);
  }
  bool fails = false;
};

TEST(ModelSummary, IsPrintedWhenAFitStartsByDefault) {
  WithExample model;
  const auto fit = [&](Trainer& t) { t.fit(model, line_batches(1)); };
  const auto how = [](TrainerOptions options) {
    options.max_epochs = 1;
    return quiet(std::move(options));
  };
  EXPECT_TRUE(has(printed(model, how({.enable_model_summary = true}), fit),
                  {"│ 0 │ layer │ Linear │      2 │ train │",
                   "2         Trainable params"}));
  EXPECT_EQ(printed(model, how({.enable_model_summary = false}), fit), "");
  // One of the user's takes the place of the default one, and stays.
  TrainerOptions own = how({.enable_model_summary = false});
  own.callbacks = {ModelSummary({.max_depth = -1})};
  EXPECT_TRUE(has(printed(model, own, fit), {"Trainable"}));
  own.enable_model_summary = true;
  own.callbacks = {ModelSummary({.max_depth = 0})};
  EXPECT_EQ(printed(model, own, fit), "");
  EXPECT_THROW(ModelSummary({.max_depth = -2}), ConfigError);
  Trainer bare({.barebones = true});
  EXPECT_EQ(bare.find_callback<ModelSummary>(), nullptr);
  Trainer standard({.logger = false});
  EXPECT_NE(standard.find_callback<ModelSummary>(), nullptr);
}

TEST(ModelSummary, RunsTheExample) {
  WithExample model;
  model.example_input_array = torch::rand({7, 1});
  const auto fit = [&](Trainer& t) { t.fit(model, line_batches(1)); };
  const TrainerOptions options =
      quiet({.max_epochs = 1, .enable_model_summary = true});
  EXPECT_TRUE(has(printed(model, options, fit),
                  {"FLOPs", "[7, 1]", "14        Total FLOPs"}));
  model.fails = true;
  const testing::LogCapture log;
  EXPECT_TRUE(has(printed(model, options, fit), {"Trainable params"}));
  EXPECT_EQ(log.count("no example"), 1);
  EXPECT_TRUE(model.is_training());

  Line other;  // without a forward
  other.example_input_array = torch::rand({7, 1});
  printed(other, options, [&](Trainer& t) { t.fit(other, line_batches(1)); });
  EXPECT_EQ(log.count("no forward(at::Tensor)"), 1);
}

TEST(Results, StandInATableOfMetricsAndLoaders) {
  Line model;
  const auto test = [&](Trainer& t) {
    t.test(model, {line_batches(1), line_batches(2)});
  };
  EXPECT_TRUE(has(printed(model, quiet(), test),
                  {"test metric", "DataLoader 0", "DataLoader 1",
                   "test_loss/dataloader_idx_0"}));
}

}  // namespace
}  // namespace bolt
