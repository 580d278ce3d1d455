#include "loggers/run_folder.h"

#include <torchbolt/core/error.h>
#include <torchbolt/core/files.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <limits>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/file_error.h"

namespace bolt::detail {
namespace {

constexpr std::string_view kVersion = "version_";

// As Python's os.path.expandvars: what isn't set stays.
std::filesystem::path expand_variables(const std::filesystem::path& path) {
  const std::string text = path.string();
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const bool braced = text.compare(at, 2, "${") == 0;
    std::size_t end = at + (braced ? 2 : 1);
    const std::size_t begin = end;
    while (text[at] == '$' && end < text.size() &&
           (text[end] == '_' ||
            std::isalnum(static_cast<unsigned char>(text[end])))) {
      ++end;
    }
    const std::string name = text.substr(begin, end - begin);
    if (braced && end < text.size() && text[end] == '}') ++end;
    const char* value = name.empty() ? nullptr : std::getenv(name.c_str());
    if (text[at] == '$' && value != nullptr) {
      out += value;
    } else {
      out += text.substr(at, end - at);
    }
    at = end;
  }
  return out;
}

}  // namespace

RunFolder::RunFolder(std::optional<std::filesystem::path> save_dir,
                     std::string name, Version version, bool expands_variables)
    : save_dir_(std::move(save_dir)),
      name_(std::move(name)),
      given_(std::move(version)),
      expands_variables_(expands_variables) {
  // The system would end the name there, without a word.
  const auto* version_name =
      given_ ? std::get_if<std::string>(&*given_) : nullptr;
  if (name_.find('\0') != std::string::npos ||
      (version_name != nullptr &&
       version_name->find('\0') != std::string::npos)) {
    throw ConfigError({.where = "Logger",
                       .what = "the name or version of a run holds a zero byte",
                       .expected = "the name of a folder"});
  }
}

std::filesystem::path RunFolder::save_dir() const {
  const std::filesystem::path path = save_dir_.value_or(root_);
  return expand_user(expands_variables_ ? expand_variables(path) : path);
}

std::filesystem::path RunFolder::experiment_dir() const {
  return name_.empty() ? save_dir() : save_dir() / name_;
}

std::filesystem::path RunFolder::path() const {
  return experiment_dir() / version();
}

std::string RunFolder::version() const {
  if (!version_) {
    if (!given_) {
      version_ = std::string(kVersion) + std::to_string(next_number());
    } else if (const auto* n = std::get_if<int64_t>(&*given_)) {
      version_ = std::string(kVersion) + std::to_string(*n);
    } else {
      version_ = std::get<std::string>(*given_);
    }
  }
  return *version_;
}

int64_t RunFolder::next_number() const {
  int64_t next = 0;
  std::error_code error;
  const std::filesystem::directory_iterator entries(experiment_dir(), error);
  if (error && error != std::errc::no_such_file_or_directory) {
    fail_with("can't list the runs in", experiment_dir(), error.value());
  }
  for (const auto& entry : entries) {
    const std::string folder = entry.path().filename().string();
    if (!entry.is_directory(error) || !folder.starts_with(kVersion)) continue;
    int64_t n = 0;
    const char* end = folder.data() + folder.size();
    const auto read = std::from_chars(folder.data() + kVersion.size(), end, n);
    if (read.ec == std::errc() && read.ptr == end &&
        n < std::numeric_limits<int64_t>::max()) {
      next = std::max(next, n + 1);
    }
  }
  return next;
}

bool RunFolder::claim() {
  std::error_code error;
  if (!given_) {
    // Making the folder is what takes the number: of two that ask at a time,
    // one finds it taken.
    make_directories(experiment_dir());
    while (!std::filesystem::create_directory(path(), error) && !error) {
      const std::filesystem::path taken = path();
      version_.reset();
      if (path() == taken) {
        fail_with("can't number the run: it is there, and isn't listed", taken,
                  EEXIST);
      }
    }
  }
  const bool used = std::filesystem::exists(path(), error) &&
                    !std::filesystem::is_empty(path(), error);
  make_directories(path());  // says what is wrong, where something is
  return used;
}

}  // namespace bolt::detail
