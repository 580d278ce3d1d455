#pragma once

#include <torchbolt/export.h>
#include <torchbolt/metrics/metric.h>

#include <cstdint>
#include <optional>

namespace bolt::metrics {

/// How accuracies of classes become one.
enum class Average {
  kMicro,  ///< Share of samples that are right.
  kMacro,  ///< Mean over the classes that occur, each with the same weight.
};

/// Settings of Accuracy.
struct AccuracyOptions {
  /// Number of classes, at least 2.
  int64_t num_classes = 2;
  /// A sample is right when its class is among the `top_k` best scores.
  int64_t top_k = 1;
  Average average = Average::kMicro;
  /// A target that doesn't count.
  std::optional<int64_t> ignore_index{};
  /// With scores of shape [N] for two classes: from which probability on it is
  /// class 1.
  double threshold = 0.5;
};

/// Share of predictions that are right, counted in whole numbers, so that any
/// split of the data gives the same value.
///
///     bolt::metrics::Accuracy accuracy{{.num_classes = 10}};
///     accuracy.update(logits, batch.target);
///     log("val/acc", accuracy);
class TORCHBOLT_API Accuracy final : public Metric {
 public:
  /// Throws ConfigError.
  explicit Accuracy(AccuracyOptions options = {});

  std::string_view name() const override { return "Accuracy"; }
  /// `predictions`: scores [N, C, …] (logits or probabilities), class indices
  /// [N, …], or for two classes probabilities or logits [N, …] in floating
  /// point (logits when one lies outside of 0 … 1). `target`: class indices
  /// [N, …]. Throws DataError naming the shapes, and for a target that is
  /// neither a class nor `ignore_index`; on a GPU compute() throws that, so
  /// that no step waits for the device.
  void update(const at::Tensor& predictions, const at::Tensor& target);
  void reset() override;
  at::Tensor compute() const override;
  at::Tensor last() const override;
  State state() const override;
  void load_state(const State& state) override;
  void merge(const State& other) override;
  void to(const at::Device& device) override;

 private:
  at::Tensor value(const at::Tensor& correct, const at::Tensor& total) const;
  void refuse_strays(const at::Tensor& count,
                     const at::Tensor* classes = nullptr) const;

  AccuracyOptions options_;
  // int64 [C], by the target's class.
  at::Tensor correct_{};
  at::Tensor total_{};
  at::Tensor strays_{};  // int64 [], targets of no class
  at::Tensor last_correct_{};
  at::Tensor last_total_{};
};

}  // namespace bolt::metrics
