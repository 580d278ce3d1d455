#include <torchbolt/core/error.h>
#include <torchbolt/data/combined_loader.h>

#include <algorithm>
#include <numeric>
#include <set>

namespace bolt {
namespace {

struct Spelling {
  std::string_view text;
  CombineMode mode;
};
constexpr Spelling kModes[] = {{"min_size", CombineMode::kMinSize},
                               {"max_size_cycle", CombineMode::kMaxSizeCycle},
                               {"max_size", CombineMode::kMaxSize},
                               {"sequential", CombineMode::kSequential}};

}  // namespace

std::string_view to_string(CombineMode mode) {
  for (const Spelling& known : kModes) {
    if (known.mode == mode) return known.text;
  }
  return "?";
}

CombineMode parse_combine_mode(std::string_view text) {
  std::string names;
  for (const Spelling& known : kModes) {
    if (known.text == text) return known.mode;
    names += (names.empty() ? "" : ", ") + std::string(known.text);
  }
  throw ConfigError({.where = "CombinedLoader",
                     .what = "the mode is not known",
                     .got = "\"" + std::string(text) + "\"",
                     .expected = "one of " + names});
}

namespace detail {
namespace {

ConfigError misfit(std::string what, std::string got, std::string expected,
                   std::string tip = "") {
  return ConfigError({.where = "CombinedLoader",
                      .what = std::move(what),
                      .got = std::move(got),
                      .expected = std::move(expected),
                      .tip = std::move(tip)});
}

CheckpointError not_the_saved(std::string what, std::string got,
                              std::string expected) {
  return CheckpointError({.where = "CombinedLoader",
                          .what = std::move(what),
                          .got = std::move(got),
                          .expected = std::move(expected)});
}

State list_of(const std::vector<int64_t>& numbers) {
  return State::list({numbers.begin(), numbers.end()});
}

std::vector<int64_t> counts(const State& state, const char* key,
                            std::size_t parts) {
  std::vector<int64_t> numbers;
  for (const State& item : state.at(key).items()) {
    numbers.push_back(item.as_int());
  }
  const bool usable =
      numbers.size() == parts &&
      std::ranges::all_of(numbers, [](int64_t n) { return n >= 0; });
  if (usable) return numbers;
  throw not_the_saved(std::string("the saved \"") + key + "\" can't be",
                      state.at(key).to_string(),
                      std::to_string(parts) + " numbers from 0");
}

}  // namespace

std::optional<int64_t> combined_size(
    CombineMode mode, std::span<const std::optional<int64_t>> sizes) {
  std::optional<int64_t> all;
  for (const std::optional<int64_t>& size : sizes) {
    if (mode == CombineMode::kMinSize) {
      if (size) all = std::min(all.value_or(*size), *size);
    } else if (!size) {
      return std::nullopt;
    } else if (mode == CombineMode::kSequential) {
      all = all.value_or(0) + *size;
    } else {
      all = std::max(all.value_or(0), *size);
    }
  }
  return all;
}

CombinedSource::CombinedSource(const BatchOps& ops, const PartOps* how,
                               Loaders parts, std::vector<std::string> names,
                               CombineMode mode)
    : ops_(ops),
      how_(how),
      parts_(std::move(parts)),
      names_(std::move(names)),
      mode_(mode),
      slots_(parts_.count()),
      given_(parts_.count()),
      ends_(parts_.count()),
      stateless_(parts_.count()) {
  check(names_);
}

void CombinedSource::check(const std::vector<std::string>& names) const {
  const std::size_t n = parts_.count();
  const std::string count = std::to_string(n) + " loaders";
  if (n == 0) throw misfit("there is no loader", "none", "at least one");
  const bool sequential = mode_ == CombineMode::kSequential;
  if (!sequential) {
    if (how_ == nullptr) {
      throw misfit("the module's batch can't be put together of several",
                   type_name(ops_.type),
                   "a std::vector, std::tuple or std::map<std::string, …> of "
                   "the loaders' batches");
    }
    if (n < how_->min_parts || n > how_->max_parts.value_or(n)) {
      throw misfit("the number of loaders is not that of the batch's parts",
                   count, std::to_string(*how_->max_parts));
    }
    if (how_->named != (names.size() == n)) {
      throw misfit(how_->named ? "the loaders have no names, and the batch is "
                                 "a map"
                               : "the loaders have names, and the batch is no "
                                 "map",
                   count, type_name(ops_.type));
    }
    if (std::set<std::string>(names.begin(), names.end()).size() <
        names.size()) {
      throw misfit("two loaders have the same name", count,
                   "names that differ");
    }
  }
  for (std::size_t k = 0; k < n; ++k) {
    const std::type_info& wanted = sequential ? ops_.type : how_->type(k);
    if (parts_[k].ops().type != wanted) {
      throw misfit(
          "the batches of loader " + std::to_string(k) + " don't fit " +
              std::string(to_string(mode_)),
          type_name(parts_[k].ops().type), type_name(wanted),
          sequential ? "one loader after another gives what each gives" : "");
    }
    if (mode_ == CombineMode::kMaxSize && !how_->optional(k)) {
      throw misfit("max_size leaves out the part of a loader that has ended",
                   type_name(wanted),
                   "std::optional<" + type_name(wanted) + ">");
    }
  }
}

std::optional<int64_t> CombinedSource::size() const {
  std::vector<std::optional<int64_t>> sizes;
  for (std::size_t k = 0; k < parts_.count(); ++k) {
    sizes.push_back(parts_[k].size());
  }
  return combined_size(mode_, sizes);
}

int64_t CombinedSource::batch_idx() const {
  return (mode_ == CombineMode::kSequential ? given_[current_] : position_) - 1;
}

int64_t CombinedSource::dataloader_idx() const {
  return static_cast<int64_t>(current_);
}

void CombinedSource::set_epoch(int64_t epoch) {
  for (std::size_t k = 0; k < parts_.count(); ++k) parts_[k].set_epoch(epoch);
}

bool CombinedSource::shuffled() const {
  for (std::size_t k = 0; k < parts_.count(); ++k) {
    if (parts_[k].shuffled()) return true;
  }
  return false;
}

void CombinedSource::keep_order(bool keep) {
  for (std::size_t k = 0; k < parts_.count(); ++k) parts_[k].keep_order(keep);
}

void CombinedSource::set_limit(int64_t batches) {
  // Where parts take turns, or begin anew, it isn't theirs.
  if (mode_ == CombineMode::kSequential ||
      mode_ == CombineMode::kMaxSizeCycle) {
    return;
  }
  for (std::size_t k = 0; k < parts_.count(); ++k) parts_[k].set_limit(batches);
}

void CombinedSource::close() {
  for (std::size_t k = 0; k < parts_.count(); ++k) parts_[k].close();
}

// -- a pass ------------------------------------------------------------------

void CombinedSource::start() {
  over_ = false;
  if (std::exchange(resuming_, false)) {
    if (!pass_is_over()) return resume();
    // The first start() after load_state() would go on in the old pass.
    for (std::size_t k = 0; k < parts_.count(); ++k) {
      if (!stateless_[k]) parts_[k].start();
    }
  }
  position_ = 0;
  current_ = 0;
  std::ranges::fill(given_, 0);
  std::ranges::fill(ends_, 0);
  if (mode_ == CombineMode::kSequential) {
    parts_[0].start();
  } else {
    for (std::size_t k = 0; k < parts_.count(); ++k) parts_[k].start();
  }
}

bool CombinedSource::next(AnyBatch& batch) {
  if (over_) return false;
  if (mode_ == CombineMode::kSequential) return next_in_sequence(batch);
  if (!gather()) return finish();
  how_->assemble(batch, slots_, names_);
  ++position_;
  return true;
}

bool CombinedSource::next_in_sequence(AnyBatch& batch) {
  while (!pull(current_, batch)) {
    ++ends_[current_];
    if (current_ + 1 == parts_.count()) return finish();
    parts_[++current_].start();
  }
  ++position_;
  return true;
}

// Fills the slots; false when the pass is over.
bool CombinedSource::gather() {
  bool any = false;
  for (std::size_t k = 0; k < parts_.count(); ++k) {
    if (mode_ == CombineMode::kMaxSizeCycle) {
      if (!pull_cycling(k)) return false;
      any = true;
    } else if (ends_[k] == 0 && pull(k, slots_[k])) {
      any = true;
    } else {
      ends_[k] = 1;
      if (mode_ == CombineMode::kMinSize) return false;
    }
  }
  return any;
}

bool CombinedSource::pull(std::size_t k, AnyBatch& into) {
  if (!parts_[k].next(into)) {
    into.reset();
    return false;
  }
  ++given_[k];
  return true;
}

bool CombinedSource::pull_cycling(std::size_t k) {
  if (pull(k, slots_[k])) return true;
  ++ends_[k];
  if (std::ranges::all_of(ends_, [](int64_t n) { return n > 0; })) return false;
  given_[k] = 0;
  parts_[k].restart();
  return pull(k, slots_[k]);  // a loader without a batch ends the pass
}

bool CombinedSource::finish() {
  for (AnyBatch& slot : slots_) slot.reset();
  over_ = true;
  return false;
}

// -- state -------------------------------------------------------------------

State CombinedSource::state() const {
  State parts = State::list();
  for (std::size_t k = 0; k < parts_.count(); ++k) {
    parts.push_back(parts_[k].state());
  }
  return State::map({{"mode", to_string(mode_)},
                     {"position", position_},
                     {"given", list_of(given_)},
                     {"ends", list_of(ends_)},
                     {"parts", std::move(parts)}});
}

void CombinedSource::load_state(const State& state) {
  const std::size_t n = parts_.count();
  if (state.at("mode").as_string() != to_string(mode_)) {
    throw not_the_saved("the mode differs from the saved one",
                        std::string(to_string(mode_)),
                        state.at("mode").as_string());
  }
  const std::vector<State>& parts = state.at("parts").items();
  if (parts.size() != n) {
    throw not_the_saved("the number of loaders differs from the saved one",
                        std::to_string(n), std::to_string(parts.size()));
  }
  given_ = counts(state, "given", n);
  ends_ = counts(state, "ends", n);
  position_ = state.at("position").as_int();
  current_ = 0;
  if (mode_ == CombineMode::kSequential) {
    while (current_ + 1 < n && ends_[current_] > 0) ++current_;
  }
  for (std::size_t k = 0; k < n; ++k) {
    stateless_[k] = parts[k].is_none();
    if (!stateless_[k]) parts_[k].load_state(parts[k]);
  }
  resuming_ = true;
}

// Whether a loader had given its last batch; its end may not have been seen.
bool CombinedSource::at_end(std::size_t k) const {
  return given_[k] >= parts_[k].size().value_or(given_[k] + 1);
}

bool CombinedSource::pass_is_over() const {
  std::size_t ended = 0;
  for (std::size_t k = 0; k < parts_.count(); ++k) {
    if (at_end(k) || ends_[k] > 0) ++ended;
  }
  return mode_ == CombineMode::kMinSize ? ended > 0 : ended == parts_.count();
}

void CombinedSource::resume() {
  if (mode_ == CombineMode::kSequential) {
    while (current_ + 1 < parts_.count() && at_end(current_)) {
      ends_[current_++] = 1;
    }
    resume_part(current_);  // those behind it start when they are reached
    return;
  }
  for (std::size_t k = 0; k < parts_.count(); ++k) {
    if (!at_end(k)) {
      if (mode_ == CombineMode::kMaxSizeCycle || ends_[k] == 0) resume_part(k);
      continue;
    }
    ++ends_[k];
    if (mode_ == CombineMode::kMaxSizeCycle) {
      given_[k] = 0;
      parts_[k].restart();
    }
  }
}

// Goes on in a loader; one without a state is read up to where it was.
void CombinedSource::resume_part(std::size_t k) {
  parts_[k].start();
  if (!stateless_[k]) return;
  AnyBatch skipped;
  for (int64_t i = 0; i < given_[k] && parts_[k].next(skipped); ++i) {
  }
}

}  // namespace detail
}  // namespace bolt
