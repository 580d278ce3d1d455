// W6: 100 M parameters with AdamW's state, 1.2 GB, to a file and back; beside
// it, by turns, a plain copy of that state and libtorch's own archives.
//
//   checkpoint [ROUNDS] [FOLDER]        default: 3, the temporary folder

#include <fcntl.h>
#include <torch/torch.h>
#include <torchbolt/checkpoint/checkpoint.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "big_state.h"

namespace {

namespace fs = std::filesystem;
using bolt::State;

double now() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void tensors_of(const State& state, std::vector<at::Tensor>& tensors) {
  if (state.is_tensor()) tensors.push_back(state.as_tensor());
  if (state.is_map()) {
    for (const auto& entry : state.entries()) tensors_of(entry.second, tensors);
  }
  if (state.is_list()) {
    for (const State& item : state.items()) tensors_of(item, tensors);
  }
}

void flush(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY);
  if (fd < 0 || ::fsync(fd) != 0) throw std::runtime_error("can't flush");
  ::close(fd);
}

class Bench {
 public:
  explicit Bench(const fs::path& folder) : folder_(folder) {
    fs::create_directories(folder);
    tensors_of(state_, tensors_);
    for (const at::Tensor& tensor : tensors_) {
      copies_.push_back(torch::zeros_like(tensor));
    }
    bolt::write_checkpoint(file("small"), State(1));
    // From the second save of a run on, the copy has its memory.
    time("blocked, first save",
         [&] { async_.save_checkpoint(state_, file("async")); });
    wait();
  }
  ~Bench() {
    for (const char* name : {"small", "async", "ours", "archive"}) {
      fs::remove(file(name));
    }
  }

  void round() {
    time("plain copy", [&] {
      for (std::size_t k = 0; k < tensors_.size(); ++k) {
        copies_[k].copy_(tensors_[k]);
      }
    });
    const double start = now();
    time("blocked", [&] { async_.save_checkpoint(state_, file("async")); });
    wait();
    add("async, durable", now() - start);
    // Whoever comes first may find other memory.
    const bool ours_first = rounds_++ % 2 == 0;
    if (ours_first) ours();
    archive();
    if (!ours_first) ours();
    fs::remove(file("ours"));
    fs::remove(file("archive"));
  }

  void report() {
    for (auto& [name, seconds] : times_) {
      std::sort(seconds.begin(), seconds.end());
      std::printf("%-32s %8.4f s   %.4f to %.4f\n", name.c_str(),
                  seconds[seconds.size() / 2], seconds.front(), seconds.back());
    }
  }

 private:
  void ours() {
    time("write_checkpoint, durable",
         [&] { bolt::write_checkpoint(file("ours"), state_); });
    time("read_checkpoint, verified",
         [&] { bolt::read_checkpoint(file("ours")); });
    time("verify_checkpoint", [&] { bolt::verify_checkpoint(file("ours")); });
    time("outline",
         [&] { bolt::read_checkpoint(file("ours"), {.outline = true}); });
  }
  void archive() {
    time("torch::save, durable", [&] {
      torch::save(tensors_, file("archive").string());
      flush(file("archive"));
    });
    time("torch::load", [&] {
      std::vector<at::Tensor> back;
      torch::load(back, file("archive").string());
    });
  }
  template <class Work>
  void time(const std::string& name, Work&& work) {
    const double start = now();
    work();
    add(name, now() - start);
  }
  void add(const std::string& name, double seconds) {
    times_[name].push_back(seconds);
  }
  // A load waits for what isn't stored yet.
  void wait() { async_.load_checkpoint(file("small")); }
  fs::path file(const std::string& name) { return folder_ / (name + ".ckpt"); }

  fs::path folder_;
  int rounds_ = 0;
  State state_ = big_state();
  std::vector<at::Tensor> tensors_{};
  std::vector<at::Tensor> copies_{};
  bolt::AsyncCheckpointIO async_{};
  std::map<std::string, std::vector<double>> times_{};
};

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 3;
  Bench bench(argc > 2 ? fs::path(argv[2])
                       : fs::temp_directory_path() / "torchbolt-checkpoint");
  for (int k = 0; k < rounds; ++k) bench.round();
  bench.report();
}
