// nodeagent/paths.cpp - path defaults and the checks on their directories.
// SPDX-License-Identifier: Apache-2.0
#include "nodeagent/paths.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace drover::nodeagent {
namespace {

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string{} : std::string(value);
}

std::string absolute(std::string path) {
  if (path.empty() || path[0] == '/') return path;
  char here[4096];
  return ::getcwd(here, sizeof(here)) == nullptr ? path : std::string(here) + "/" + path;
}

Result<void> make_private(const std::string& path) {
  for (std::size_t at = 1; at != std::string::npos;) {
    at = path.find('/', at + 1);
    const std::string part = path.substr(0, at);
    if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST)
      return fail(Errc::Io, "cannot make " + part + ": " + std::strerror(errno),
                  "choose another directory with --data and --run");
  }
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode))
    return fail(Errc::Io, path + " is not a directory");
  if (status.st_uid != ::geteuid())
    return fail(Errc::Denied, path + " belongs to uid " + std::to_string(status.st_uid),
                "use a directory of your own");
  return {};
}

}  // namespace

Result<NodePaths> resolve_paths(std::string data, std::string run) {
  NodePaths paths;
  paths.data = data.empty() ? variable("DROVER_DATA") : std::move(data);
  const bool is_default = paths.data.empty();
  if (is_default) {
    const std::string state = variable("XDG_STATE_HOME");
    const std::string home = variable("HOME");
    if (state.empty() && home.empty())
      return fail(Errc::BadInput, "no data directory is known", "give --data DIR");
    paths.data = (state.empty() ? home + "/.local/state" : state) + "/drover";
  }
  paths.run = run.empty() ? variable("DROVER_RUN") : std::move(run);
  const std::string runtime = variable("XDG_RUNTIME_DIR");
  if (paths.run.empty() && is_default && !runtime.empty()) paths.run = runtime + "/drover";
  if (paths.run.empty()) paths.run = paths.data + "/run";
  paths.data = absolute(std::move(paths.data));
  paths.run = absolute(std::move(paths.run));
  for (const std::string& directory : {paths.data, paths.agent_dir(), paths.run}) {
    auto made = make_private(directory);
    if (!made) return fail(std::move(made.error()));
  }
  return paths;
}

std::string read_boot_id() {
  char text[64] = {};
  std::FILE* const file = std::fopen("/proc/sys/kernel/random/boot_id", "re");
  if (file == nullptr) return "unknown";
  const std::size_t got = std::fread(text, 1, sizeof(text) - 1, file);
  std::fclose(file);
  std::string id(text, got);
  while (!id.empty() && id.back() == '\n') id.pop_back();
  return id;
}

std::string instance_of(const std::string& data) {
  char text[9];
  std::snprintf(text, sizeof(text), "%08x",
                static_cast<unsigned>(XXH3_64bits(data.data(), data.size())));
  return text;
}

}  // namespace drover::nodeagent
