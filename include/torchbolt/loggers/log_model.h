#pragma once

#include <torchbolt/export.h>

#include <concepts>

namespace bolt {

/// Whether a logger uploads checkpoints: `false`; `true`, those that are kept
/// when the training has ended well; or all, each soon after it was written.
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
