#include <ATen/ATen.h>
#include <torchbolt/core/error.h>
#include <torchbolt/metrics/accuracy.h>

#include <limits>
#include <sstream>
#include <string>
#include <utility>

namespace bolt::metrics {
namespace {

std::string shape(const at::Tensor& tensor) {
  std::ostringstream text;
  text << tensor.sizes();
  return text.str();
}

[[noreturn]] void refuse(const std::string& what, const at::Tensor& predictions,
                         const at::Tensor& target) {
  throw DataError(
      {.where = "Accuracy.update",
       .what = what,
       .got = "predictions " + shape(predictions) + ", target " + shape(target),
       .expected = "scores [N, C, …] or classes [N, …], and target "
                   "classes [N, …]"});
}

// Whether each sample is right: bool [N'].
at::Tensor right(const at::Tensor& predictions, const at::Tensor& target,
                 const AccuracyOptions& options) {
  if (predictions.dim() == target.dim() + 1) {
    if (predictions.size(1) != options.num_classes) {
      refuse("the scores are not for " + std::to_string(options.num_classes) +
                 " classes",
             predictions, target);
    }
    // [N, C, …] → [N', C]
    const at::Tensor scores =
        predictions.movedim(1, -1).reshape({-1, options.num_classes});
    const at::Tensor wanted = target.reshape({-1});
    if (scores.size(0) != wanted.size(0)) {
      refuse("predictions and target differ in shape", predictions, target);
    }
    if (options.top_k == 1) return scores.argmax(1).eq(wanted);
    const at::Tensor best = std::get<1>(scores.topk(options.top_k, 1));
    return best.eq(wanted.unsqueeze(1)).any(1);
  }
  if (predictions.sizes() != target.sizes()) {
    refuse("predictions and target differ in shape", predictions, target);
  }
  at::Tensor classes = predictions.reshape({-1});
  if (classes.is_floating_point()) {
    if (options.num_classes != 2) {
      refuse("scores without a class dimension are for two classes",
             predictions, target);
    }
    // Logits, when one lies outside of 0 … 1; decided on the device.
    const at::Tensor logits = classes.lt(0).logical_or(classes.gt(1)).any();
    classes = at::where(logits, classes.sigmoid(), classes)
                  .gt(options.threshold)
                  .to(at::kLong);
  }
  return classes.eq(target.reshape({-1}));
}

}  // namespace

Accuracy::Accuracy(AccuracyOptions options) : options_(options) {
  if (options_.num_classes < 2) {
    throw ConfigError({.where = "Accuracy",
                       .what = "num_classes is too small",
                       .got = std::to_string(options_.num_classes),
                       .expected = "at least 2"});
  }
  if (options_.top_k < 1 || options_.top_k > options_.num_classes) {
    throw ConfigError(
        {.where = "Accuracy",
         .what = "top_k doesn't fit the number of classes",
         .got = std::to_string(options_.top_k),
         .expected = "1 to " + std::to_string(options_.num_classes)});
  }
  reset();
}

void Accuracy::update(const at::Tensor& predictions, const at::Tensor& target) {
  const at::NoGradGuard no_grad;
  if (target.is_floating_point() || target.dim() == 0) {
    refuse("the target must hold class indices", predictions, target);
  }
  const at::Tensor hits = right(predictions.detach(), target, options_);
  const at::Tensor classes = target.reshape({-1}).to(at::kLong);
  // Behind the classes: samples that don't count, and those of no class.
  const int64_t ignored = options_.num_classes;
  const int64_t strays = options_.num_classes + 1;
  const auto bin = [&](int64_t index) {
    return at::scalar_tensor(index, classes.options());
  };
  at::Tensor bins =
      at::where(classes.lt(0).logical_or(classes.ge(options_.num_classes)),
                bin(strays), classes);
  if (options_.ignore_index) {
    bins = at::where(classes.eq(*options_.ignore_index), bin(ignored), bins);
  }
  const at::Tensor zeros =
      at::zeros({options_.num_classes + 2}, classes.options());
  const at::Tensor total = zeros.scatter_add(0, bins, at::ones_like(bins));
  if (classes.is_cpu()) {
    refuse_strays(total[strays], &classes);
  } else {  // it would have to be waited for: compute() looks
    strays_ = strays_.to(classes.device()) + total[strays];
  }
  last_total_ = total.narrow(0, 0, options_.num_classes);
  last_correct_ = zeros.scatter_add(0, bins, hits.to(at::kLong))
                      .narrow(0, 0, options_.num_classes);
  correct_ = correct_.to(classes.device()) + last_correct_;
  total_ = total_.to(classes.device()) + last_total_;
}

void Accuracy::refuse_strays(const at::Tensor& count,
                             const at::Tensor* classes) const {
  const auto strays = count.item<int64_t>();
  if (strays == 0) return;
  std::string got = std::to_string(strays) + " others";
  if (classes != nullptr) {
    got += " among " + std::to_string(classes->min().item<int64_t>()) + " to " +
           std::to_string(classes->max().item<int64_t>());
  }
  throw DataError({.where = "Accuracy.update",
                   .what = "the target holds what is no class",
                   .got = std::move(got),
                   .expected = "0 to " +
                               std::to_string(options_.num_classes - 1) +
                               ", or ignore_index",
                   .tip = "classes count from 0; set ignore_index to what "
                          "marks samples that don't count"});
}

void Accuracy::reset() {
  correct_ = at::zeros({options_.num_classes}, at::kLong);
  total_ = at::zeros({options_.num_classes}, at::kLong);
  strays_ = at::zeros({}, at::kLong);
  last_correct_.reset();
  last_total_.reset();
}

at::Tensor Accuracy::value(const at::Tensor& correct,
                           const at::Tensor& total) const {
  if (options_.average == Average::kMicro) {
    return correct.sum().to(at::kDouble) / total.sum().to(at::kDouble);
  }
  const at::Tensor each = correct.to(at::kDouble) / total.to(at::kDouble);
  return each.nanmean();
}

at::Tensor Accuracy::compute() const {
  refuse_strays(strays_);
  return value(correct_, total_);
}

at::Tensor Accuracy::last() const {
  if (!last_total_.defined()) return value(correct_ * 0, total_ * 0);
  return value(last_correct_, last_total_);
}

State Accuracy::state() const {
  return State::map({{"metric", name()},
                     {"correct", correct_.clone()},
                     {"total", total_.clone()},
                     {"strays", strays_.clone()}});
}

void Accuracy::load_state(const State& state) {
  reset();
  merge(state);
}

void Accuracy::merge(const State& other) {
  const std::string& kind = other.at("metric").as_string();
  const at::Tensor& correct = other.at("correct").as_tensor();
  if (kind != name() || correct.sizes() != correct_.sizes()) {
    throw CheckpointError({.where = "Accuracy",
                           .what = "the state is that of another metric",
                           .got = kind + " of " + shape(correct) + " classes",
                           .expected = "Accuracy of " + shape(correct_)});
  }
  correct_ = correct_ + correct.to(correct_.device());
  total_ = total_ + other.at("total").as_tensor().to(total_.device());
  // States of older versions have none.
  if (const State* strays = other.find("strays")) {
    strays_ = strays_ + strays->as_tensor().to(strays_.device());
  }
}

void Accuracy::to(const at::Device& device) {
  correct_ = correct_.to(device);
  total_ = total_.to(device);
  strays_ = strays_.to(device);
}

}  // namespace bolt::metrics
