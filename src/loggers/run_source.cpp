#include "loggers/run_source.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string_view>
#include <system_error>

#include "core/environment.h"
#include "core/stripped.h"
#include "loggers/http/url.h"

namespace bolt::detail {
namespace {

namespace fs = std::filesystem;

std::string first_line(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

bool is_commit(std::string_view text) {
  return text.size() >= 40 &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// What a line says behind its beginning; empty when it begins otherwise.
std::string behind(const std::string& line, std::string_view begin) {
  return line.starts_with(begin) ? line.substr(begin.size()) : std::string();
}

// The folder ".git", or the one that a file of that name leads to.
fs::path git_folder(fs::path folder) {
  std::error_code error;
  for (folder = fs::absolute(folder, error); !folder.empty();
       folder = folder.parent_path()) {
    const fs::path git = folder / ".git";
    if (fs::is_directory(git, error)) return git;
    if (fs::exists(git, error)) {
      const fs::path there = behind(first_line(git), "gitdir: ");
      return there.empty() ? there : folder / there;
    }
    if (folder == folder.root_path()) break;
  }
  return {};
}

std::string packed_commit(const fs::path& path, const std::string& name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const std::size_t space = line.find(' ');
    if (space != std::string::npos && line.substr(space + 1) == name) {
      return line.substr(0, space);
    }
  }
  return {};
}

// `shared` is what work trees of one repository share.
std::string commit_of(const fs::path& git, const fs::path& shared) {
  const std::string head = first_line(git / "HEAD");
  if (is_commit(head)) return head;
  const std::string name = behind(head, "ref: ");
  if (name.empty()) return {};
  for (const fs::path& place : {git, shared}) {
    const std::string commit = first_line(place / name);
    if (is_commit(commit)) return commit;
  }
  const std::string packed = packed_commit(shared / "packed-refs", name);
  return is_commit(packed) ? packed : std::string();
}

// The last one, as git takes it.
std::string origin_url(const fs::path& config) {
  std::ifstream file(config);
  bool is_origin = false;
  std::string url;
  for (std::string line; std::getline(file, line);) {
    line = stripped(line);
    if (line.starts_with('[')) is_origin = line == "[remote \"origin\"]";
    const std::size_t equals = line.find('=');
    if (!is_origin || equals == std::string::npos) continue;
    if (stripped(line.substr(0, equals)) == "url") {
      url = stripped(line.substr(equals + 1));
    }
  }
  return url;
}

}  // namespace

std::string user_name() {
  char buffer[4096];
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(::geteuid(), &entry, buffer, sizeof buffer, &found) == 0 &&
      found != nullptr) {
    return found->pw_name;
  }
  return environment("USER");
}

std::string program_path() {
  std::error_code error;
  return fs::read_symlink("/proc/self/exe", error).string();
}

GitSource git_source(const fs::path& folder) {
  const fs::path git = git_folder(folder);
  if (git.empty()) return {};
  const std::string common = first_line(git / "commondir");
  const fs::path shared = common.empty() ? git : git / common;
  return {.remote_url = without_userinfo(origin_url(shared / "config")),
          .commit = commit_of(git, shared)};
}

}  // namespace bolt::detail
