#include "callbacks/checkpoint_records.h"

#include <ATen/ATen.h>
#include <torchbolt/core/log.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <system_error>
#include <utility>
#include <variant>

namespace bolt::detail {
namespace {

namespace fs = std::filesystem;

// So many of one name may be on their way at a time.
constexpr std::ptrdiff_t kRemembered = 8;

State score_state(const std::optional<double>& score) {
  return score ? State(at::scalar_tensor(*score, at::kDouble)) : State();
}

std::optional<double> score_of(const State& state) {
  if (state.is_none()) return std::nullopt;
  return state.as_double();
}

}  // namespace

double CheckpointRecords::unset() const {
  constexpr double kInfinite = std::numeric_limits<double>::infinity();
  return mode_ == Mode::kMin ? kInfinite : -kInfinite;
}

fs::path CheckpointRecords::make_room() {
  if (has_room()) return {};
  const fs::path dropped = kth_path_;
  drop(dropped, *kth_value_);
  know(dropped, *kth_value_);
  std::erase_if(best_k_, [&](const auto& one) { return one.first == dropped; });
  return dropped;
}

void CheckpointRecords::add(const fs::path& path, double score, int64_t step) {
  // No NaN stays: anything is better.
  if (std::isnan(score)) score = unset();
  current_score_ = score;
  const auto same =
      std::ranges::find(best_k_, path, &Scores::value_type::first);
  if (same != best_k_.end()) {
    know(path, same->second);
    best_k_.erase(same);
  }
  best_k_.emplace_back(path, score);
  std::erase_if(dropped_, [&](const auto& one) { return one.first == path; });
  remember(path, score, step);
  find_worst();
  find_best();
}

// Of a file that comes from a run before.
void CheckpointRecords::know(const fs::path& path, double score) {
  if (std::ranges::find(written_, path, &Written::path) == written_.end()) {
    written_.push_back({.path = path, .score = score});
  }
}

void CheckpointRecords::remember(const fs::path& path, double score,
                                 int64_t step) {
  std::erase_if(written_, [&](const Written& one) {
    return std::ranges::find(best_k_, one.path, &Scores::value_type::first) ==
           best_k_.end();
  });
  if (std::ranges::count(written_, path, &Written::path) == kRemembered) {
    written_.erase(std::ranges::find(written_, path, &Written::path));
  }
  written_.push_back({path, score, step});
}

// Under a name that came again.
void CheckpointRecords::correct_scores(
    const std::function<std::optional<int64_t>(const fs::path&)>& step_of) {
  Scores there;
  for (const auto& [path, score] : best_k_) {
    const std::optional<int64_t> step =
        std::ranges::count(written_, path, &Written::path) > 1 ? step_of(path)
                                                               : std::nullopt;
    if (!step) {
      there.emplace_back(path, score);
      continue;
    }
    const auto is_of = [&](std::optional<int64_t> wanted) {
      return std::ranges::find_if(written_, [&](const Written& one) {
        return one.path == path && one.step == wanted;
      });
    };
    auto found = is_of(step);
    if (found == written_.end()) found = is_of(std::nullopt);
    // One that nobody knows isn't kept.
    if (found != written_.end()) there.emplace_back(path, found->score);
  }
  best_k_ = std::move(there);
  written_.clear();
}

fs::path CheckpointRecords::add_newest(const fs::path& path) {
  fs::path before = std::exchange(best_path_, path);
  if (most_ != 1) return {};
  drop(before, 0);
  return before;
}

fs::path CheckpointRecords::set_last(const fs::path& path) {
  return std::exchange(last_path_, path);
}

void CheckpointRecords::saved(const fs::path& path, int64_t step) {
  last_step_saved_ = step;
  last_saved_ = path;
}

// They are known for as long as they are there.
void CheckpointRecords::drop(const fs::path& file, double score) {
  std::erase_if(dropped_, [](const auto& one) {
    std::error_code error;
    return !fs::exists(one.first, error);
  });
  if (!file.empty()) dropped_.emplace_back(file, score);
}

void CheckpointRecords::find_best() {
  const auto best =
      std::ranges::min_element(best_k_, [&](const auto& a, const auto& b) {
        return is_better(a.second, b.second);
      });
  best_path_ = best->first;
  best_score_ = best->second;
}

CheckpointRecords::Scores::const_iterator CheckpointRecords::worst() const {
  return std::ranges::min_element(best_k_, [&](const auto& a, const auto& b) {
    return is_better(b.second, a.second);
  });
}

// Known once there are as many as are kept.
void CheckpointRecords::find_worst() {
  kth_path_.clear();
  kth_value_.reset();
  if (best_k_.empty() ||
      (most_ > 0 && static_cast<int64_t>(best_k_.size()) < most_)) {
    return;
  }
  kth_path_ = worst()->first;
  kth_value_ = worst()->second;
}

void CheckpointRecords::forget_missing(
    const std::function<bool(const fs::path&)>& exists,
    const std::function<std::optional<int64_t>(const fs::path&)>& step_of) {
  const auto is_gone = [&](const fs::path& path) {
    return !path.empty() && !exists(path);
  };
  if (is_gone(last_path_)) last_path_.clear();
  if (is_gone(last_saved_)) {
    last_saved_.clear();
    last_step_saved_ = 0;  // that step is not saved
  } else if (!last_saved_.empty() &&
             step_of(last_saved_).value_or(last_step_saved_) !=
                 last_step_saved_) {
    last_step_saved_ = 0;
  }
  Scores back = std::exchange(dropped_, {});
  std::erase_if(back, [&](const auto& one) { return is_gone(one.first); });
  if (!scored_) {
    if (is_gone(best_path_)) {
      best_path_ = back.empty() ? fs::path() : back.back().first;
    }
    return;
  }
  std::erase_if(best_k_, [&](const auto& one) { return is_gone(one.first); });
  correct_scores(step_of);
  best_k_.insert(best_k_.end(), back.begin(), back.end());
  while (most_ > 0 && static_cast<int64_t>(best_k_.size()) > most_) {
    const auto least = worst();
    dropped_.push_back(*least);
    best_k_.erase(least);
  }
  find_worst();
  if (!best_k_.empty()) {
    find_best();
  } else if (is_gone(best_path_)) {
    best_path_.clear();
    best_score_.reset();
  }
}

std::vector<KeptCheckpoint> CheckpointRecords::kept() const {
  std::vector<KeptCheckpoint> kept;
  const auto add = [&](const fs::path& path, std::optional<double> score) {
    if (path.empty()) return;
    const auto known = std::ranges::find(kept, path, &KeptCheckpoint::path);
    if (known == kept.end()) {
      kept.push_back({.path = path,
                      .score = score,
                      .best = path == best_path_,
                      .last = path == last_saved_ || path == last_path_});
    }
  };
  for (const auto& [path, score] : best_k_) add(path, score);
  add(best_path_, best_score_);
  add(last_path_, current_score_);
  return kept;
}

State CheckpointRecords::state(const fs::path& dirpath) const {
  State best_k = State::map();
  for (const auto& [path, score] : best_k_) {
    best_k[path.string()] = score_state(score);
  }
  return State::map({{"best_model_score", score_state(best_score_)},
                     {"best_model_path", best_path_.string()},
                     {"current_score", score_state(current_score_)},
                     {"dirpath", dirpath.string()},
                     {"best_k_models", std::move(best_k)},
                     {"kth_best_model_path", kth_path_.string()},
                     {"kth_value", score_state(kth_value_.value_or(unset()))},
                     {"last_model_path", last_path_.string()},
                     {"last_step_saved", last_step_saved_},
                     {"last_saved", last_saved_.string()}});
}

bool CheckpointRecords::load_state(const State& state,
                                   const fs::path& dirpath) {
  best_path_ = state.at("best_model_path").as_string();
  const State& saved = state.at("dirpath");
  if (saved.is_none() || saved.as_string() != dirpath.string()) {
    log_warning("[ModelCheckpoint] the folder is " + dirpath.string() +
                ", and was " + saved.to_string() +
                "; of the files there only the best is remembered");
    return false;
  }
  best_score_ = score_of(state.at("best_model_score"));
  current_score_ = score_of(state.at("current_score"));
  best_k_.clear();
  dropped_.clear();
  written_.clear();
  for (const auto& [key, score] : state.at("best_k_models").entries()) {
    best_k_.emplace_back(std::get<std::string>(key), score.as_double());
  }
  // The settings may keep fewer than they did.
  while (most_ > 0 && static_cast<int64_t>(best_k_.size()) > most_) {
    best_k_.erase(worst());
  }
  find_worst();
  last_path_ = state.at("last_model_path").as_string();
  // Lightning's files don't have these.
  if (const State* step = state.find("last_step_saved")) {
    last_step_saved_ = step->as_int();
    last_saved_ = state.at("last_saved").as_string();
  }
  return true;
}

}  // namespace bolt::detail
