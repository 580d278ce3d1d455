// Runs parity scenarios and writes what happened.
//
//   parity_runner SCENARIO.json -o TRACE.json
//   parity_runner FOLDER -o FOLDER

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "job.h"

namespace {

namespace fs = std::filesystem;

struct Quiet final : bolt::LogSink {
  void write(bolt::LogLevel, std::string_view) override {}
};

void run_file(const fs::path& from, const fs::path& to) {
  std::ifstream file(from);
  if (!file) throw std::runtime_error("can't read " + from.string());
  const auto trace = parity::run(parity::Json::parse(file));
  if (to.has_parent_path()) fs::create_directories(to.parent_path());
  std::ofstream out(to);
  out << trace.dump() << '\n';
  if (!out.flush()) throw std::runtime_error("can't write " + to.string());
}

int run_all(const fs::path& from, const fs::path& to) {
  int traces = 0;
  if (!fs::is_directory(from)) {
    run_file(from, to);
    traces = 1;
  } else {
    for (const auto& entry : fs::directory_iterator(from)) {
      if (entry.path().extension() != ".json") continue;
      run_file(entry.path(), to / entry.path().filename());
      ++traces;
    }
  }
  return traces;
}

}  // namespace

int main(int argc, char** argv) try {
  const bool usable = argc == 4 && std::string(argv[2]) == "-o";
  if (!usable) {
    std::fprintf(stderr,
                 "usage: parity_runner SCENARIO.json|FOLDER -o "
                 "TRACE.json|FOLDER\n");
    return 2;
  }
  torch::set_num_threads(1);
  bolt::set_log_sink(std::make_shared<Quiet>());
  std::printf("%d traces written\n", run_all(argv[1], argv[3]));
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "error: %s\n", error.what());
  return 1;
}
