#include "job.h"

namespace parity {

void Batches::start() {
  const int64_t at = std::exchange(resume_at_, std::nullopt).value_or(0);
  position_ = at >= count_ ? 0 : at;
}

bool Batches::next(bolt::AnyBatch& batch) {
  if (position_ >= count_) return false;
  const int64_t first = offset_ + position_++ * batch_size_;
  const auto i = torch::arange(first, first + batch_size_);
  auto x = torch::stack(
      {(i % 7).to(torch::kFloat) / 7, (i % 5).to(torch::kFloat) / 5}, 1);
  auto y = (i % 3).to(torch::kFloat) / 3;
  batch.emplace<Batch>({x, y});
  return true;
}

void Batches::load_state(const bolt::State& state) {
  position_ = state.at("position").as_int();
  resume_at_ = position_;
}

void Data::setup(bolt::Stage stage) {
  recorder_.event("dm:setup", to_string(stage));
}

void Data::teardown(bolt::Stage stage) {
  recorder_.event("dm:teardown", to_string(stage));
}

bool Data::has(const char* stage) const {
  return spec_.contains(stage) && !spec_[stage].empty();
}

std::optional<bolt::DataHooks> Data::hooks() const {
  return bolt::DataHooks{.train_dataloader = true,
                         .val_dataloader = has("val"),
                         .test_dataloader = has("test"),
                         .predict_dataloader = has("predict")};
}

bolt::Loaders Data::loaders(const char* stage) {
  recorder_.event(std::string("dm:") + stage + "_dataloader");
  std::vector<bolt::Loaders> all;
  int64_t offset = 0;
  for (const Json& count : spec_.value(stage, Json::array())) {
    all.emplace_back(Batches(count.get<int64_t>(), spec_.value("batch_size", 2),
                             offset, spec_.value("sized", true)));
    offset += 100;
  }
  if (std::string(stage) == "train") {
    if (!spec_.contains("combine")) return all.at(0);
    bolt::Loaders parts;
    for (const bolt::Loaders& one : all) parts.append(one);
    const auto mode = spec_["combine"].get<std::string>();
    return bolt::CombinedLoader<Parts>(
        parts, {.mode = bolt::parse_combine_mode(mode)});
  }
  bolt::Loaders several;
  for (const bolt::Loaders& one : all) {
    if (combined_) {
      several.append(bolt::CombinedLoader<Parts>(one));
    } else {
      several.append(one);
    }
  }
  return several;
}

}  // namespace parity
