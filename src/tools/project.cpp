#include "tools/project.h"

#include <torchbolt/core/error.h>
#include <torchbolt/core/files.h>
#include <torchbolt/version.h>

#include <algorithm>
#include <array>
#include <system_error>
#include <utility>
#include <vector>

#include "tools/embedded.h"

namespace bolt::tools {
namespace {

namespace fs = std::filesystem;

// C++20's.
constexpr std::array kKeywords{
    "alignas",       "alignof",     "and",
    "asm",           "auto",        "bitand",
    "bitor",         "bool",        "break",
    "case",          "catch",       "char",
    "class",         "compl",       "concept",
    "const",         "consteval",   "constexpr",
    "constinit",     "continue",    "decltype",
    "default",       "delete",      "do",
    "double",        "else",        "enum",
    "explicit",      "export",      "extern",
    "false",         "float",       "for",
    "friend",        "goto",        "if",
    "inline",        "int",         "long",
    "mutable",       "namespace",   "new",
    "noexcept",      "not",         "nullptr",
    "operator",      "or",          "private",
    "protected",     "public",      "register",
    "requires",      "return",      "short",
    "signed",        "sizeof",      "static",
    "struct",        "switch",      "template",
    "this",          "throw",       "true",
    "try",           "typedef",     "typeid",
    "typename",      "union",       "unsigned",
    "using",         "virtual",     "void",
    "volatile",      "while",       "xor",
    "and_eq",        "char8_t",     "char16_t",
    "char32_t",      "co_await",    "co_return",
    "co_yield",      "const_cast",  "dynamic_cast",
    "not_eq",        "or_eq",       "reinterpret_cast",
    "static_assert", "static_cast", "thread_local",
    "wchar_t",       "xor_eq"};

// Targets that CMake makes, and names that stand for other things already.
constexpr std::array kTaken{"all",           "build",    "clean",
                            "edit_cache",    "depend",   "help",
                            "install",       "package",  "package_source",
                            "rebuild_cache", "test",     "preinstall",
                            "main",          "std",      "bolt",
                            "torch",         "torchbolt"};

template <std::size_t N>
bool contains(const std::array<const char*, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Apart from the locale.
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The nearest name that is allowed, or "".
std::string better_name(std::string_view name) {
  std::string better;
  for (const char c : name) {
    const bool fits = is_letter(c) || is_digit(c);
    if (better.empty() && !is_letter(c)) continue;
    better += fits ? c : '_';
  }
  return better;
}

[[noreturn]] void refuse_name(std::string_view name, std::string what,
                              std::string tip) {
  throw ConfigError({.where = "new",
                     .what = std::move(what),
                     .got = "\"" + std::string(name) + "\"",
                     .expected = "a letter, then letters, digits or _",
                     .tip = std::move(tip)});
}

std::string replace_all(std::string text, std::string_view from,
                        std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

// A string of JSON, without the quotes.
std::string json_escaped(const std::string& text) {
  return replace_all(replace_all(text, "\\", "\\\\"), "\"", "\\\"");
}

std::string fill_in(std::string_view content, const ProjectOptions& options) {
  std::string package;
  if (options.package) {
    package = ",\n        \"torchbolt_DIR\": \"" +
              json_escaped(options.package->string()) + "\"";
  }
  const std::string version = std::to_string(TORCHBOLT_VERSION_MAJOR) + "." +
                              std::to_string(TORCHBOLT_VERSION_MINOR);
  std::string text = replace_all(std::string(content), "@NAME@", options.name);
  text = replace_all(std::move(text), "@VERSION@", version);
  return replace_all(std::move(text), "@PACKAGE@", package);
}

// Nothing that is there is written over, be it a dangling link.
void make_folder(const fs::path& project) {
  std::error_code error;
  if (fs::exists(fs::symlink_status(project, error))) {
    throw ConfigError({.where = "new",
                       .what = "there is something already",
                       .got = project.string(),
                       .tip = "another name, or --dir"});
  }
  make_directories(project.parent_path());
  if (!fs::create_directory(project, error)) {
    throw Error({.where = "new",
                 .what = "the folder can't be made: " + error.message(),
                 .got = project.string()});
  }
}

}  // namespace

void check_project_name(std::string_view name) {
  const bool fits = !name.empty() && is_letter(name.front()) &&
                    std::all_of(name.begin(), name.end(), [](char c) {
                      return is_letter(c) || is_digit(c) || c == '_';
                    });
  if (!fits) {
    refuse_name(name, "a project can't have this name", better_name(name));
  }
  if (contains(kKeywords, name)) {
    refuse_name(name, "this is a word of C++", std::string(name) + "_model");
  }
  if (contains(kTaken, name)) {
    refuse_name(name, "this name means something else already",
                std::string(name) + "_model");
  }
}

std::filesystem::path make_project(const ProjectOptions& options) {
  check_project_name(options.name);
  const fs::path project =
      (expand_user(options.dir) / options.name).lexically_normal();
  make_folder(fs::absolute(project));
  try {
    for (const EmbeddedFile& file : embedded_files()) {
      write_atomic(project / file.path, fill_in(file.content, options));
    }
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(project, ignored);
    throw;
  }
  return project;
}

std::optional<std::filesystem::path> find_package_beside_program() {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (error) return std::nullopt;
  const fs::path prefix = program.parent_path().parent_path();
  // CMake looks there by itself.
  if (prefix == "/usr" || prefix == "/usr/local") return std::nullopt;
  for (const char* folder :
       {"lib/cmake/torchbolt", "lib64/cmake/torchbolt", ""}) {
    const fs::path package = *folder == 0 ? prefix : prefix / folder;
    if (fs::exists(package / "torchboltConfig.cmake", error)) return package;
  }
  return std::nullopt;
}

}  // namespace bolt::tools
