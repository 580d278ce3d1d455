#pragma once

#include <torchbolt/export.h>
#include <torchbolt/metrics/metric.h>

namespace bolt::metrics {

/// Mean of values, each with a weight. Sums are kept in double, so that a
/// shard's order doesn't show.
///
///     Mean loss;                       // register_metric("loss", loss)
///     loss.update(batch_loss, batch_size);
///     log("val/loss", loss);
class TORCHBOLT_API Mean final : public Metric {
 public:
  std::string_view name() const override { return "Mean"; }
  /// A tensor of any shape: the mean over its elements, each with `weight`.
  void update(const at::Tensor& value, double weight = 1);
  void update(double value, double weight = 1);
  void reset() override;
  at::Tensor compute() const override;
  at::Tensor last() const override;
  State state() const override;
  void load_state(const State& state) override;
  void merge(const State& other) override;
  void to(const at::Device& device) override;

 private:
  at::Tensor sum_{};  // double, 0-d; undefined = nothing seen
  double weight_ = 0;
  at::Tensor last_sum_{};
  double last_weight_ = 0;
};

namespace detail {

/// Sum, minimum and maximum: one running value.
class TORCHBOLT_API Running : public Metric {
 public:
  /// A tensor of any shape: all its elements count.
  void update(const at::Tensor& value);
  void update(double value);
  void reset() override;
  at::Tensor compute() const override;
  at::Tensor last() const override;
  State state() const override;
  void load_state(const State& state) override;
  void merge(const State& other) override;
  void to(const at::Device& device) override;

 private:
  virtual at::Tensor reduce(const at::Tensor& value) const = 0;
  virtual at::Tensor combine(const at::Tensor& a,
                             const at::Tensor& b) const = 0;
  virtual double start() const = 0;

  at::Tensor value_{};  // double, 0-d; undefined = nothing seen
  at::Tensor last_{};
};

}  // namespace detail

/// Sum of values; 0 before the first.
class TORCHBOLT_API Sum final : public detail::Running {
 public:
  std::string_view name() const override { return "Sum"; }

 private:
  at::Tensor reduce(const at::Tensor& value) const override;
  at::Tensor combine(const at::Tensor& a, const at::Tensor& b) const override;
  double start() const override { return 0; }
};

/// Smallest value; infinity before the first.
class TORCHBOLT_API Min final : public detail::Running {
 public:
  std::string_view name() const override { return "Min"; }

 private:
  at::Tensor reduce(const at::Tensor& value) const override;
  at::Tensor combine(const at::Tensor& a, const at::Tensor& b) const override;
  double start() const override;
};

/// Largest value; minus infinity before the first.
class TORCHBOLT_API Max final : public detail::Running {
 public:
  std::string_view name() const override { return "Max"; }

 private:
  at::Tensor reduce(const at::Tensor& value) const override;
  at::Tensor combine(const at::Tensor& a, const at::Tensor& b) const override;
  double start() const override;
};

}  // namespace bolt::metrics
