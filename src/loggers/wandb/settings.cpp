#include "loggers/wandb/settings.h"

#include <torchbolt/core/error.h>
#include <torchbolt/core/files.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>
#include <random>
#include <sstream>

#include "core/environment.h"
#include "loggers/http/url.h"

namespace bolt::detail::wandb {
namespace {

constexpr std::size_t kKeyLength = 40;

std::string either(const std::string& option, const char* variable) {
  return option.empty() ? environment(variable) : option;
}

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  return text;
}

[[noreturn]] void refuse(const char* variable, const std::string& value,
                         const std::string& expected) {
  throw ConfigError({.where = variable,
                     .what = "the environment variable can't be read",
                     .got = "\"" + value + "\"",
                     .expected = expected});
}

Mode mode_of(const WandbLoggerOptions& options) {
  const std::string text = lower(environment("WANDB_MODE"));
  if (text == "disabled") return Mode::kDisabled;
  if (options.offline) return Mode::kOffline;
  if (text.empty() || text == "online" || text == "run") return Mode::kOnline;
  if (text == "offline" || text == "dryrun") return Mode::kOffline;
  refuse("WANDB_MODE", text, "online, offline or disabled");
}

Resume resume_of() {
  const std::string text = lower(environment("WANDB_RESUME"));
  if (text.empty() || text == "allow") return Resume::kAllow;
  if (text == "never" || text == "false") return Resume::kNever;
  if (text == "must") return Resume::kMust;
  if (text == "auto" || text == "true") return Resume::kAuto;
  refuse("WANDB_RESUME", text, "allow, never, must or auto");
}

GitSource git_of() {
  const std::string off = lower(environment("WANDB_DISABLE_GIT"));
  if (off == "true" || off == "1") return {};
  GitSource git = git_source(".");
  if (const auto url = environment("WANDB_GIT_REMOTE_URL"); !url.empty()) {
    git.remote_url = without_userinfo(url);
  }
  if (const auto commit = environment("WANDB_GIT_COMMIT"); !commit.empty()) {
    git.commit = commit;
  }
  return git;
}

// W&B's rule, and no folder but the run's own.
void check_id(const std::string& id) {
  const bool spaced =
      !id.empty() && (std::isspace(static_cast<unsigned char>(id.front())) ||
                      std::isspace(static_cast<unsigned char>(id.back())));
  if (!id.empty() && !spaced && id.size() <= 128 &&
      id.find_first_of(":;,#?/'\\\n") == std::string::npos) {
    return;
  }
  throw ConfigError({.where = "WandbLogger",
                     .what = "this can't be the id of a run",
                     .got = "\"" + id + "\"",
                     .expected = "1 to 128 characters, none of :;,#?/'\\, no "
                                 "space at its ends"});
}

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, at);) {
    const auto first = part.find_first_not_of(' ');
    if (first == std::string::npos) continue;
    parts.push_back(part.substr(first, part.find_last_not_of(' ') - first + 1));
  }
  return parts;
}

// The host part of a URL.
std::string host_of(std::string url) {
  if (const auto at = url.find("://"); at != std::string::npos) {
    url.erase(0, at + 3);
  }
  url.erase(std::min(url.size(), url.find('/')));
  if (const auto at = url.rfind('@'); at != std::string::npos) {
    url.erase(0, at + 1);
  }
  return url;
}

bool in_netrc() {
  const std::string base = environment("WANDB_BASE_URL");
  const std::string host = base.empty() ? "api.wandb.ai" : host_of(base);
  const std::string named = environment("NETRC");
  for (const char* name : {"~/.netrc", "~/_netrc"}) {
    std::ifstream file(expand_user(named.empty() ? name : named.c_str()));
    std::string before;
    for (std::string word; file >> word; before = word) {
      if (word == "default" || (before == "machine" && word == host)) {
        return true;
      }
    }
  }
  return false;
}

bool names_a_secret(const std::string& name) {
  constexpr std::array kParts{"key", "token", "secret", "passw", "credential"};
  const std::string text = lower(name);
  return std::ranges::any_of(kParts, [&](const char* part) {
    return text.find(part) != std::string::npos;
  });
}

}  // namespace

Settings settings_of(const WandbLoggerOptions& options) {
  Settings settings{
      .mode = mode_of(options),
      .resume = resume_of(),
      .dir = options.save_dir,
      .project = either(options.project, "WANDB_PROJECT"),
      .entity = either(options.entity, "WANDB_ENTITY"),
      .name = either(options.name, "WANDB_NAME"),
      .group = either(options.group, "WANDB_RUN_GROUP"),
      .job_type = either(options.job_type, "WANDB_JOB_TYPE"),
      .notes = either(options.notes, "WANDB_NOTES"),
      .tags = options.tags,
      .git = git_of(),
  };
  if (const auto dir = environment("WANDB_DIR");
      !settings.dir && !dir.empty()) {
    settings.dir = dir;
  }
  if (settings.project.empty()) settings.project = "lightning_logs";
  if (settings.tags.empty()) {
    settings.tags = split(environment("WANDB_TAGS"), ',');
  }
  if (const auto id = either(options.id, "WANDB_RUN_ID"); !id.empty()) {
    check_id(id);
    settings.id = id;
  }
  return settings;
}

std::string random_id(std::size_t digits) {
  constexpr std::string_view kDigits = "0123456789abcdefghijklmnopqrstuvwxyz";
  // Not the library's generators: a seed must not give two runs one id.
  std::random_device device;
  std::uniform_int_distribution<std::size_t> digit(0, kDigits.size() - 1);
  std::string id;
  while (id.size() < digits) id += kDigits[digit(device)];
  return id;
}

std::string missing_key() {
  const std::string key = environment("WANDB_API_KEY");
  if (key.empty()) {
    if (in_netrc() || !environment("WANDB_IDENTITY_TOKEN_FILE").empty()) {
      return "";
    }
    return "WANDB_API_KEY is not set, and ~/.netrc has no key";
  }
  // Three parts with points between them are a token, which has no form that
  // could be checked.
  if (std::ranges::count(key, '.') == 2) return "";
  // On private servers something goes before the key, with a dash.
  const std::string secret = key.substr(key.find('-') + 1);
  if (secret.size() >= kKeyLength) return "";
  return "WANDB_API_KEY is no key: it has " + std::to_string(secret.size()) +
         " characters, and a key has " + std::to_string(kKeyLength) +
         " or more";
}

std::vector<std::string> secrets() {
  std::vector<std::string> found;
  for (const char* name :
       {"WANDB_API_KEY", "MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_PASSWORD"}) {
    // What is very short is in many a text by chance.
    if (const auto value = environment(name); value.size() >= 8) {
      found.push_back(value);
    }
  }
  return found;
}

std::string without(const std::vector<std::string>& secrets, std::string text) {
  for (const std::string& secret : secrets) {
    for (auto at = text.find(secret); at != std::string::npos;
         at = text.find(secret, at)) {
      text.replace(at, secret.size(), "***");
    }
  }
  return text;
}

std::vector<std::string> harmless(const std::vector<std::string>& args,
                                  const std::vector<std::string>& secrets) {
  std::vector<std::string> out;
  bool hide = false;
  for (const std::string& arg : args) {
    const auto equals = arg.find('=');
    const bool flag = arg.starts_with('-');
    if (hide && !flag) {
      out.emplace_back("***");
      hide = false;
    } else if (equals != std::string::npos &&
               names_a_secret(arg.substr(0, equals))) {
      out.push_back(arg.substr(0, equals) + "=***");
      hide = false;
    } else {
      // Addresses may hold a name and a password.
      out.push_back(without(secrets, arg.find("://") == std::string::npos
                                         ? arg
                                         : shown_address(arg)));
      hide = flag && equals == std::string::npos && names_a_secret(arg);
    }
  }
  return out;
}

}  // namespace bolt::detail::wandb
