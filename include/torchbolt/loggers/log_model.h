#pragma once

#include <torchbolt/export.h>

#include <concepts>

namespace bolt {

/// Whether a logger keeps checkpoints, as Lightning's `log_model`: `false`;
/// `true`: those that there are when the run ends (all, where the callback
/// keeps all); `all()`: each as soon as it is written.
///
///     .log_model = true
///     .log_model = bolt::LogModel::all()
class TORCHBOLT_API LogModel {
 public:
  LogModel() = default;
  template <std::same_as<bool> B>
  LogModel(B on) : on_(on) {}
  static LogModel all() {
    LogModel model(true);
    model.all_ = true;
    return model;
  }

  bool on() const { return on_; }
  bool is_all() const { return all_; }

 private:
  bool on_ = false;
  bool all_ = false;
};

}  // namespace bolt
