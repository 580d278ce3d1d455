#include <algorithm>
#include <filesystem>

#include "job.h"

namespace parity {
namespace {

struct Folder {
  Folder() {
    std::string name =
        (std::filesystem::temp_directory_path() / "parity-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
      throw std::runtime_error("no temporary folder");
    }
    path = std::filesystem::canonical(name);
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::filesystem::path path;
};

// A run of one scenario: what its actions share.
struct Job {
  const Json& scenario;
  Recorder recorder{};
  std::shared_ptr<bolt::Module> model{};
  std::unique_ptr<Data> data{};
  std::unique_ptr<bolt::Trainer> trainer{};
  Folder folder{};
};

void construct(Job& s, const Json& action) {
  s.trainer.reset();
  s.recorder = {};
  const Json module = s.scenario.value("module", Json::object());
  s.model = make_model(module, s.scenario.at("data"), s.recorder);
  s.data = std::make_unique<Data>(s.scenario.at("data"),
                                  module.value("combined", false), s.recorder);
  Json arguments = s.scenario.value("trainer", Json::object());
  arguments.update(action.value("trainer", Json::object()));
  const bool logs = arguments.value("logger", true);
  arguments.erase("logger");
  const Json listed = action.contains("callbacks")
                          ? action["callbacks"]
                          : s.scenario.value("callbacks", Json::array());
  bolt::TrainerOptions options = make_options(arguments);
  options.accelerator = bolt::Accelerator::kCPU;
  if (!options.enable_progress_bar) options.enable_progress_bar = false;
  if (!options.enable_model_summary) options.enable_model_summary = false;
  options.default_root_dir = s.folder.path;
  options.callbacks = make_callbacks(listed, s.recorder, s.folder.path);
  if (!arguments.contains("enable_checkpointing")) {
    options.enable_checkpointing =
        std::ranges::any_of(listed, [](const Json& c) {
          return c["type"].get<std::string>().find("Checkpoint") !=
                 std::string::npos;
        });
  }
  if (logs) {
    options.logger = make_recording_logger(s.recorder);
  } else {
    options.logger = false;
  }
  s.trainer = std::make_unique<bolt::Trainer>(std::move(options));
  s.recorder.trainer = s.trainer.get();
}

// What is run, and its results where it has some.
Json perform(Job& s, const Json& action) {
  const auto what = action["do"].get<std::string>();
  bolt::EvaluateOptions options{.verbose = false};
  bolt::FitOptions fit;
  if (action.contains("ckpt")) {
    std::string path = action["ckpt"].get<std::string>();
    if (path != "best" && path != "last") path = s.folder.path / path;
    options.ckpt_path = fit.ckpt_path = path;
  }
  bolt::EvaluateResults results;
  if (what == "fit") {
    s.trainer->fit(*s.model, *s.data, fit);
    return nullptr;
  }
  if (what == "predict") {
    s.trainer->predict(*s.model, *s.data, options);
    return nullptr;
  }
  results = what == "validate" ? s.trainer->validate(*s.model, *s.data, options)
                               : s.trainer->test(*s.model, *s.data, options);
  Json list = Json::array();
  for (const auto& map : results) list.push_back(metrics(map));
  return list;
}

Json batches(int64_t n) {
  if (n == bolt::kUnknownBatches) return "inf";
  return n;
}

void summarise(const Job& s, Json& done) {
  const bolt::Trainer& t = *s.trainer;
  done["events"] = s.recorder.events;
  done["logger_calls"] = s.recorder.logger_calls;
  done["lrs"] = s.recorder.lrs;
  done["losses"] = s.recorder.losses;
  done["current_epoch"] = t.current_epoch();
  done["global_step"] = t.global_step();
  done["should_stop"] = t.should_stop();
  done["num_training_batches"] = batches(t.num_training_batches());
  done["num_val_batches"] = Json::array();
  for (const int64_t n : t.num_val_batches()) {
    done["num_val_batches"].push_back(batches(n));
  }
  done["callback_metrics"] = metrics(t.callback_metrics());
  done["logged_metrics"] = metrics(t.logged_metrics());
  done["progress_bar_metrics"] = metrics(t.progress_bar_metrics());
  done["callbacks"] = describe_callbacks(t, s.folder.path);
  const bolt::State precision = t.fabric().state();
  if (const bolt::State* scaler = precision.find("MixedPrecision")) {
    for (const auto& [key, value] : scaler->entries()) {
      done["scaler"][std::get<std::string>(key)] = number(value.as_double());
    }
  }
  for (const auto& parameter : s.model->named_parameters()) {
    Json& values = done[parameter.key()] = Json::array();
    const auto tensor = parameter->detach();
    for (int64_t k = 0; k < tensor.size(0); ++k) {
      values.push_back(number(tensor[k].item<double>()));
    }
  }
  done["checkpoints"] = describe_checkpoints(s.folder.path);
}

Json error_of(const std::string& phase) {
  const auto make = [&](const char* kind, const std::string& about) {
    return Json{{"phase", phase}, {"kind", kind}, {"about", about}};
  };
  try {
    throw;
  } catch (const UserError& error) {
    return make("user", error.what());
  } catch (const bolt::ConfigError& error) {
    return make("config", error.what());
  } catch (const std::exception& error) {
    return make("runtime", error.what());
  }
}

}  // namespace

Json run(const Json& scenario) {
  Job s{.scenario = scenario};
  Json trace{{"name", scenario.at("name")}, {"actions", Json::array()}};
  for (const Json& action : scenario.at("actions")) {
    Json done{{"do", action.at("do")}, {"error", nullptr}};
    std::string phase = "construct";
    Json results;
    try {
      if (!s.trainer || action.value("fresh", false)) construct(s, action);
      phase = "run";
      s.recorder.clear();
      results = perform(s, action);
    } catch (const Json::exception&) {
      throw;  // the scenario's fault
    } catch (...) {
      done["error"] = error_of(phase);
    }
    if (phase == "run") {
      summarise(s, done);
      done["results"] = results;
    }
    const bool stop = phase == "construct" && !done["error"].is_null();
    trace["actions"].push_back(std::move(done));
    if (stop) break;
  }
  return trace;
}

}  // namespace parity
