#include "optim/golden.h"

#include <fstream>

namespace bolt::testing {

const nlohmann::json& golden() {
  static const nlohmann::json all = [] {
    std::ifstream file(TORCHBOLT_OPTIM_GOLDEN);
    return nlohmann::json::parse(file).at("cases");
  }();
  return all;
}

torch::Tensor numbers(const nlohmann::json& values, torch::ScalarType type) {
  return torch::tensor(values.get<std::vector<double>>(), torch::kDouble)
      .to(type);
}

State state_from(const nlohmann::json& value) {
  if (value.is_object() && value.contains("dtype")) {
    const bool single = value.at("dtype") == "float32";
    return numbers(value.at("values"), single ? torch::kFloat : torch::kDouble)
        .reshape(value.at("shape").get<std::vector<int64_t>>());
  }
  if (value.is_object()) {
    State map = State::map();
    for (const auto& [key, item] : value.items()) {
      const bool number = std::isdigit(static_cast<unsigned char>(key[0])) != 0;
      map.set(number ? State::Key(int64_t{std::stoi(key)}) : State::Key(key),
              state_from(item));
    }
    return map;
  }
  if (value.is_array()) {
    State list = State::list();
    for (const auto& item : value) list.push_back(state_from(item));
    return list;
  }
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number_integer()) return value.get<int64_t>();
  if (value.is_number()) return value.get<double>();
  if (value.is_string()) return value.get<std::string>();
  return {};
}

torch::Tensor flat(const Parameters& parameters) {
  std::vector<torch::Tensor> parts;
  for (const torch::Tensor& p : parameters) parts.push_back(p.reshape(-1));
  return torch::cat(parts);
}

void golden_step(optim::Optimizer& optimizer, const Parameters& parameters,
                 int64_t step) {
  if (step == 20) {
    for (auto& group : optimizer.param_groups()) {
      group.options().set_lr(group.options().get_lr() * 0.5);
    }
  }
  if (optimizer.name() != "LBFGS") {
    set_gradients(parameters, step);
    optimizer.step();
    return;
  }
  optimizer.step([&] {
    optimizer.zero_grad();
    torch::Tensor loss = rosenbrock(parameters);
    loss.backward();
    return loss;
  });
}

double distance(const torch::Tensor& a, const torch::Tensor& b) {
  const torch::Tensor x = a.detach().to(torch::kDouble);
  const torch::Tensor y = b.detach().to(torch::kDouble);
  return ((x - y).abs() / y.abs().clamp_min(1.0)).max().item<double>();
}

}  // namespace bolt::testing
