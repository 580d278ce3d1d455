// What docs/guide/errors.md quotes is what is thrown.

#include <gtest/gtest.h>
#include <torch/torch.h>
#include <torchbolt/core/files.h>
#include <torchbolt/torchbolt.h>

#include <cmath>
#include <functional>
#include <regex>
#include <string>
#include <vector>

namespace nn = torch::nn;
namespace F = torch::nn::functional;

// Not in a nameless namespace: the page shows its name.
struct Net : bolt::LightningModule<> {
  Net() { register_module("net", net); }
  bolt::StepOutput training_step(const Batch& batch,
                                 bolt::StepContext&) override {
    auto loss = F::cross_entropy(net->forward(batch.data), batch.target);
    log("train/loss", loss);
    return loss;
  }
  bolt::OptimizerConfig configure_optimizers() override {
    return torch::optim::SGD(parameters(), 0.1);
  }
  nn::Sequential net{nn::Linear(4, 2)};
};

namespace {

struct NoStep : bolt::LightningModule<> {};

struct LogsVector : Net {
  bolt::StepOutput training_step(const Batch& batch,
                                 bolt::StepContext&) override {
    log("loss", net->forward(batch.data));
    return {};
  }
};

struct LogsStranger : Net {
  bolt::StepOutput training_step(const Batch& batch,
                                 bolt::StepContext&) override {
    accuracy.update(net->forward(batch.data), batch.target);
    log("acc", accuracy);
    return {};
  }
  bolt::metrics::Accuracy accuracy{{.num_classes = 2}};
};

struct NotFinite : Net {
  bolt::StepOutput training_step(const Batch& batch,
                                 bolt::StepContext&) override {
    return net->forward(batch.data).sum() * std::nan("");
  }
};

bolt::TrainerOptions quiet() {
  return {.max_epochs = 1,
          .logger = false,
          .enable_checkpointing = false,
          .enable_progress_bar = false};
}

template <class M>
void fit(M& module, int64_t features = 4,
         bolt::TrainerOptions options = quiet()) {
  bolt::TensorDataset data(torch::ones({8, features}),
                           torch::zeros({8}, torch::kLong));
  bolt::Trainer trainer(std::move(options));
  trainer.fit(module, bolt::DataLoader(data, {.batch_size = 4}));
}

// The blocks of the page, each on one line again.
std::vector<std::string> quoted_messages() {
  const std::string page = bolt::read_file(TORCHBOLT_ERRORS_PAGE);
  const std::regex block("```text\n([^`]*)\n```"), wrap("\n *");
  std::vector<std::string> messages;
  for (std::sregex_iterator it(page.begin(), page.end(), block), end; it != end;
       ++it) {
    messages.push_back(std::regex_replace((*it)[1].str(), wrap, " "));
  }
  return messages;
}

std::string first_line_thrown(const std::function<void()>& wrong) {
  try {
    wrong();
  } catch (const std::exception& error) {
    const std::string text = error.what();
    return text.substr(0, text.find('\n'));
  }
  return "nothing was thrown";
}

template <class M>
std::function<void()> fitting() {
  return [] {
    M module;
    fit(module);
  };
}

TEST(ErrorsPage, QuotesWhatIsThrown) {
  const std::vector<std::function<void()>> in_order{
      [] {
        Net net;
        auto options = quiet();
        options.callbacks = {bolt::EarlyStopping({.monitor = "val/los"})};
        fit(net, 4, options);
      },
      [] { bolt::Trainer trainer({.limit_val_batches = 1.5}); },
      fitting<NoStep>(),
      [] {
        Net net;
        bolt::LightningModule<>& base = net;
        fit(base);
      },
      fitting<LogsVector>(),
      fitting<LogsStranger>(),
      [] {
        std::vector<torch::Tensor> samples{torch::zeros({3}),
                                           torch::zeros({4})};
        bolt::DataLoader loader(samples, {.batch_size = 2});
        loader.begin();
      },
      [] {
        Net net;
        fit(net, 5);
      },
      [] {
        NotFinite net;
        auto options = quiet();
        options.detect_anomaly = true;
        fit(net, 4, options);
      },
  };
  const auto quoted = quoted_messages();
  ASSERT_EQ(quoted.size(), in_order.size());
  for (std::size_t k = 0; k < quoted.size(); ++k) {
    EXPECT_EQ(quoted[k], first_line_thrown(in_order[k]));
  }
}

}  // namespace
