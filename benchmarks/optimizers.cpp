// One step of torchbolt's optimizers, next to torch's C++ ones: the two take
// turns, on one thread. Prints the medians, in microseconds, and how many times
// as fast ours is. peers/optimizers.py measures Python's on the same tensors.
// "its traffic" has our AdamW in the first column and in the second a loop that
// reads and writes what AdamW must (weights, gradients, two moments; all but
// the gradients are written) and does next to nothing with it: what the memory
// leaves to gain. "alone" is each of the two in a process that does nothing
// else, "in training" in one that trains a network, whose steps alone are
// timed: there torch's AdamW gets the memory of its temporaries from the
// system, again in each step, where the heap of the process in which they take
// turns keeps it.
//
//   optimizers

#include <sys/wait.h>
#include <torch/torch.h>
#include <torchbolt/optim/optim.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "paired.h"

namespace {

using Shapes = std::vector<std::vector<int64_t>>;

std::vector<torch::Tensor> make_parameters(const Shapes& shapes) {
  torch::manual_seed(0);
  std::vector<torch::Tensor> made;
  for (const auto& shape : shapes) {
    made.push_back(torch::randn(shape).set_requires_grad(true));
    made.back().mutable_grad() = torch::randn(shape);
  }
  return made;
}

template <class Step>
double time_us(Step&& step, int steps) {
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < steps; ++i) step();
  const std::chrono::duration<double, std::micro> time =
      std::chrono::steady_clock::now() - begin;
  return time.count() / steps;
}

void print(const char* name, const char* size, double theirs, double own,
           double ratio) {
  std::printf("%-14s %-16s %10.1f %10.1f %8.1f\n", name, size, theirs, own,
              ratio);
  std::fflush(stdout);
}

template <class Step>
void compare(const char* name, const char* size, int steps,
             torch::optim::Optimizer& torchs, Step&& ours) {
  std::vector<double> theirs, own, ratio;
  const auto step = [&] { torchs.step(); };
  time_us(step, steps);
  time_us(ours, steps);
  for (int round = 0; round < 11; ++round) {
    theirs.push_back(time_us(step, steps));
    own.push_back(time_us(ours, steps));
    ratio.push_back(theirs.back() / own.back());
  }
  print(name, size, paired::median(theirs), paired::median(own),
        paired::median(ratio));
}

// The median of the times of 20 steps in a process of its own. `make_step` is
// called there, and gives what makes a step and returns its time.
template <class Make>
double in_process_us(Make make_step) {
  int ends[2];
  if (::pipe(ends) != 0) std::abort();
  const pid_t child = ::fork();
  if (child == 0) {
    auto step = make_step();
    std::vector<double> times;
    for (int k = 0; k < 25; ++k) times.push_back(step());
    times.erase(times.begin(), times.begin() + 5);
    const double median = paired::median(times);
    ::_exit(::write(ends[1], &median, sizeof median) == sizeof median ? 0 : 1);
  }
  ::close(ends[1]);
  double median = 0;
  if (::read(ends[0], &median, sizeof median) != sizeof median) std::abort();
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  return median;
}

template <class Optimizer>
double alone_us(const Shapes& shapes) {
  return in_process_us([&] {
    return [optimizer = Optimizer(make_parameters(shapes))]() mutable {
      return time_us([&] { optimizer.step(); }, 1);
    };
  });
}

// In the training of 50 layers of 200,000 parameters, batches of 32.
template <class Optimizer>
double in_training_us() {
  return in_process_us([] {
    torch::manual_seed(0);
    torch::nn::Sequential net;
    for (int k = 0; k < 50; ++k) {
      net->push_back(torch::nn::Linear(447, 447));
      net->push_back(torch::nn::ReLU());
    }
    return [net, optimizer = Optimizer(net->parameters()),
            batch = torch::randn({32, 447})]() mutable {
      optimizer.zero_grad();
      net->forward(batch).square().mean().backward();
      return time_us([&] { optimizer.step(); }, 1);
    };
  });
}

// The arrays of AdamW, and nothing else.
class Traffic {
 public:
  explicit Traffic(const std::vector<torch::Tensor>& parameters) {
    for (const auto& p : parameters) {
      arrays_.push_back({p.detach().clone(), p.grad().clone(),
                         torch::zeros_like(p.detach()),
                         torch::zeros_like(p.detach())});
    }
  }
  void operator()() {
    for (auto& [p, g, m, v] : arrays_) {
      run(p.data_ptr<float>(), g.data_ptr<float>(), m.data_ptr<float>(),
          v.data_ptr<float>(), p.numel());
    }
  }

 private:
  static void run(float* __restrict p, const float* __restrict g,
                  float* __restrict m, float* __restrict v, int64_t n) {
    for (int64_t i = 0; i < n; ++i) {
      m[i] += g[i];
      v[i] -= g[i];
      p[i] += m[i];
    }
  }
  std::vector<std::array<torch::Tensor, 4>> arrays_{};
};

}  // namespace

int main() {
  torch::set_num_threads(1);
  const struct {
    const char* name;
    Shapes shapes;
    int steps;
  } sizes[] = {{"4 small", {{64, 32}, {64}, {10, 64}, {10}}, 2000},
               {"100 x 10,000", Shapes(100, {10'000}), 20},
               {"50 x 200,000", Shapes(50, {200'000}), 2}};
  std::printf("%-14s %-16s %10s %10s %8s\n", "", "", "torch, us", "ours, us",
              "times");
  namespace o = bolt::optim;
  // First, while this process has touched nothing that a child would inherit.
  for (const auto& [size, shapes, steps] : sizes) {
    const double theirs = alone_us<torch::optim::AdamW>(shapes);
    const double own = alone_us<o::AdamW>(shapes);
    print("AdamW, alone", size, theirs, own, theirs / own);
  }
  {
    const double theirs = in_training_us<torch::optim::AdamW>();
    const double own = in_training_us<o::AdamW>();
    print("  in training", "50 layers", theirs, own, theirs / own);
  }
  for (const auto& [size, shapes, steps] : sizes) {
    const auto a = make_parameters(shapes), b = make_parameters(shapes);
    {
      torch::optim::AdamW torchs(a);
      o::AdamW ours(b);
      compare("AdamW", size, steps, torchs, [&] { ours.step(); });
      compare("  its traffic", size, steps, ours, Traffic(b));
    }
    {
      torch::optim::SGD torchs(a, torch::optim::SGDOptions(1e-3).momentum(.9));
      o::SGD ours(b, {.lr = 1e-3, .momentum = 0.9});
      compare("SGD, momentum", size, steps, torchs, [&] { ours.step(); });
    }
    {
      torch::optim::Adagrad torchs(a);
      o::Adagrad ours(b);
      compare("Adagrad", size, steps, torchs, [&] { ours.step(); });
    }
    {
      torch::optim::RMSprop torchs(a);
      o::RMSprop ours(b);
      compare("RMSprop", size, steps, torchs, [&] { ours.step(); });
    }
  }
}
