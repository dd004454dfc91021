// cli/bundle.cpp - the files of a workflow, as the user may read them.
// SPDX-License-Identifier: Apache-2.0
#include "cli/bundle.hpp"

#include <glob.h>

#include <cstdlib>
#include <filesystem>
#include <set>
#include <system_error>

#include "cli/file_text.hpp"
#include "dag/document.hpp"

namespace drover::cli {
namespace {

constexpr std::size_t kFileMax = 8 << 20;

// A directory in a pattern means itself, whatever letters it has.
std::string escaped(const std::string& path) {
  std::string made;
  for (const char c : path) {
    if (c == '*' || c == '?' || c == '[' || c == '\\' || c == '{' || c == '~') made += '\\';
    made += c;
  }
  return made;
}

// In the order of their names; relative ones as seen from `directory`.
std::vector<std::string> matches(const std::string& pattern, const std::string& directory) {
  const bool is_absolute = pattern.starts_with('/');
  const std::string whole = is_absolute ? pattern : escaped(directory) + "/" + pattern;
  glob_t found{};
  std::vector<std::string> paths;
  if (::glob(whole.c_str(), GLOB_BRACE, nullptr, &found) == 0)
    for (std::size_t i = 0; i < found.gl_pathc; ++i) {
      const std::string path = found.gl_pathv[i];
      const std::size_t cut = is_absolute ? 0 : directory.size() + 1;
      paths.push_back(path.size() > cut ? path.substr(cut) : path);
    }
  ::globfree(&found);
  return paths;
}

std::string directory_of(const std::string& path) {
  std::error_code error;
  if (path == "-") return std::filesystem::current_path(error).string();
  const std::filesystem::path whole = std::filesystem::absolute(path, error);
  return whole.parent_path().lexically_normal().string();
}

std::string shown_name(const std::string& path) {
  return path == "-" ? "stdin" : std::filesystem::path(path).filename().string();
}

}  // namespace

std::vector<std::string> param_words(const Arguments& arguments) {
  std::vector<std::string> words;
  for (const Given& given : arguments.options)
    if (given.option != nullptr && given.option->name == "param") words.push_back(given.value);
  return words;
}

Result<std::map<std::string, std::string>> read_params(const std::vector<std::string>& words) {
  std::map<std::string, std::string> params;
  for (const std::string& word : words) {
    const std::size_t at = word.find('=');
    if (at == std::string::npos || at == 0)
      return fail(Errc::BadInput, "--param " + word + " gives no value", "write --param name=value",
                  "param");
    if (!params.emplace(word.substr(0, at), word.substr(at + 1)).second)
      return fail(Errc::BadInput, "parameter " + word.substr(0, at) + " is given twice",
                  "give it once", "param");
  }
  return params;
}

Result<WorkflowFiles> read_bundle(const std::string& path,
                                  std::map<std::string, std::string> params) {
  auto text = file_text(path, kBundleBytesMax);  // its own reader says what is too long
  if (!text) return fail(std::move(text.error()));
  WorkflowFiles files;
  files.directory = directory_of(path);
  files.bundle.origin = shown_name(path);
  files.bundle.text = std::move(*text);
  files.bundle.params = std::move(params);
  std::set<std::string> missing;
  for (std::size_t bytes = 0;;) {  // a sub-workflow that was read may name more
    auto wanted = dag::files_wanted(files.bundle);
    if (!wanted) return fail(std::move(wanted.error()));
    const std::size_t known = files.bundle.files.size() + missing.size();
    for (const std::string& name : wanted->files) {
      if (files.bundle.files.contains(name) || missing.contains(name)) continue;
      const bool is_absolute = name.starts_with('/');
      auto file = file_text(is_absolute ? name : files.directory + "/" + name, kFileMax);
      if (!file && file.error().code == Errc::NotFound) {
        missing.insert(name);
        continue;
      }
      if (!file) return fail(std::move(file.error()));
      bytes += file->size();
      if (bytes > kBundleBytesMax)
        return fail(Errc::Limit,
                    "the files of " + files.bundle.origin + " have more than " +
                        std::to_string(kBundleBytesMax) + " bytes",
                    "leave data out: only scripts and workflows are read");
      files.bundle.files.emplace(name, std::move(*file));
    }
    for (const std::string& pattern : wanted->patterns)
      if (!files.bundle.globs.contains(pattern))
        files.bundle.globs.emplace(pattern, matches(pattern, files.directory));
    if (files.bundle.files.size() + missing.size() == known) return files;
  }
}

}  // namespace drover::cli
