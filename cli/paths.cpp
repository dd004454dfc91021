// cli/paths.cpp - environment and XDG rules in one place.
// SPDX-License-Identifier: Apache-2.0
#include "cli/paths.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/units.hpp"

namespace drover::cli {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

std::string absolute(const std::string& path) {
  std::error_code ignored;
  std::string full = std::filesystem::absolute(path, ignored).lexically_normal().string();
  while (full.size() > 1 && full.back() == '/') full.pop_back();
  return full;
}

// sockaddr_un holds 108 bytes; the longest name we put behind RUN is "/drover.sock".
constexpr std::size_t kMaxRunLength = 107 - 12;

}  // namespace

Result<Paths> find_paths(const std::string& data, const std::string& run) {
  Paths paths;
  bool is_default = false;
  if (!data.empty()) {
    paths.data = absolute(data);
  } else if (const std::string from = variable("DROVER_DATA"); !from.empty()) {
    paths.data = absolute(from);
  } else {
    is_default = true;
    const std::string state = variable("XDG_STATE_HOME");
    const std::string home = variable("HOME");
    if (state.starts_with('/')) {
      paths.data = absolute(state) + "/drover";
    } else if (!home.empty()) {
      paths.data = absolute(home) + "/.local/state/drover";
    } else {
      return fail(Errc::BadInput, "there is no directory for the data: HOME is not set",
                  "use --data DIR or set DROVER_DATA", "data");
    }
  }
  const std::string runtime = variable("XDG_RUNTIME_DIR");
  if (!run.empty()) {
    paths.run = absolute(run);
  } else if (const std::string from = variable("DROVER_RUN"); !from.empty()) {
    paths.run = absolute(from);
  } else if (is_default && runtime.starts_with('/')) {
    paths.run = absolute(runtime) + "/drover";
  } else {
    paths.run = paths.data + "/run";
  }
  if (paths.run.size() > kMaxRunLength) {
    return fail(
        Errc::BadInput, "the path of the run directory is too long for a socket: " + paths.run,
        "use --run DIR with at most " + std::to_string(kMaxRunLength) + " characters", "run");
  }
  return paths;
}

Result<ServerAddress> find_server(const std::string& server, const Paths& paths) {
  std::string text = server.empty() ? variable("DROVER_SERVER") : server;
  ServerAddress address;
  if (text.empty()) text = paths.api_socket();
  address.shown = text;
  if (text.starts_with("unix:")) text.erase(0, 5);
  if (text.starts_with("//")) text.erase(0, 2);
  if (text.starts_with('/') || text.starts_with('.')) {
    address.unix_path = absolute(text);
    return address;
  }
  if (!text.starts_with("http://")) {
    return fail(Errc::BadInput, "\"" + text + "\" is no server address",
                "use a socket path or http://127.0.0.1:PORT", "server");
  }
  std::string rest = text.substr(7);
  while (rest.ends_with('/')) rest.pop_back();
  const std::size_t colon = rest.rfind(':');
  if (colon == std::string::npos) {
    return fail(Errc::BadInput, "the server address has no port: " + text,
                "use http://127.0.0.1:PORT", "server");
  }
  const Result<std::int64_t> port = parse_integer(rest.substr(colon + 1), 1, 65535, "server");
  if (!port) return fail(port.error(), "server address " + text);
  address.host = rest.substr(0, colon);
  address.port = std::uint16_t(*port);
  return address;
}

std::string read_token(const Paths& paths) {
  if (std::string token = variable("DROVER_TOKEN"); !token.empty()) return token;
  std::ifstream file(paths.token());
  std::string token;
  std::getline(file, token);
  return token;
}

Result<std::string> find_sibling(const std::string& name) {
  std::error_code failed;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", failed);
  if (failed) return fail(Errc::Io, "cannot read /proc/self/exe: " + failed.message());
  const std::string path = (self.parent_path() / name).string();
  if (::access(path.c_str(), X_OK) != 0) {
    return fail(Errc::NotFound, "cannot find the program " + path,
                "the programs of Drover belong into one directory: build or install them together");
  }
  return path;
}

Result<bool> make_private_dir(const std::string& path) {
  for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string part = path.substr(0, slash);
    if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) {
      const int error = errno;
      return fail(error == EACCES ? Errc::Denied : Errc::Io,
                  "cannot create directory " + part + ": " + std::strerror(error),
                  "choose another with --data DIR");
    }
    if (slash == std::string::npos) break;
  }
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode))
    return fail(Errc::Io, path + " is no directory", "choose another with --data DIR");
  return true;
}

}  // namespace drover::cli
