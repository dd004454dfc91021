// server/main.cpp - droverd: parse, wire, run.
// SPDX-License-Identifier: Apache-2.0
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "server/daemon.hpp"
#include "server/version.hpp"
#include "store/store.hpp"

namespace {

int report(const drover::Error& error) {
  std::fprintf(stderr, "droverd: %s\n", error.message.c_str());
  if (!error.hint.empty()) std::fprintf(stderr, "hint: %s\n", error.hint.c_str());
  using drover::Errc;
  const bool usage = error.code == Errc::BadInput || error.code == Errc::Unsupported;
  return usage ? 2 : error.code == Errc::Conflict ? 6 : 1;
}

int check(const std::string& dir) {
  const auto found = drover::store::check_store(dir);
  if (!found) return report(found.error());
  for (const std::string& problem : found->problems) std::printf("problem: %s\n", problem.c_str());
  std::printf("%llu jobs (%llu open), %llu tasks, %llu events, %llu blobs: %zu problems\n",
              static_cast<unsigned long long>(found->jobs),
              static_cast<unsigned long long>(found->open_jobs),
              static_cast<unsigned long long>(found->tasks),
              static_cast<unsigned long long>(found->events),
              static_cast<unsigned long long>(found->blobs), found->problems.size());
  return found->problems.empty() ? 0 : 1;
}

int check_config(const std::string& path) {
  const auto config = drover::server::load_config(path);
  if (!config) return report(config.error());
  std::printf("%s is right: %zu keys set, %zu quotas\n", path.c_str(), config->origin.size(),
              config->quotas.size());
  return 0;
}

// The daemon's memory holds tokens and other people's scripts: it never lands in a core file.
void harden() {
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
#ifndef __SANITIZE_ADDRESS__
  prctl(PR_SET_DUMPABLE, 0);
#endif
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"droverd - the controller of Drover"};
  drover::server::DaemonOptions options;
  std::string check_dir, config_file;
  app.add_option("--data", options.data, "directory of the store and the token");
  app.add_option("--run", options.run, "directory of the sockets");
  app.add_option("--port", options.port, "TCP port on 127.0.0.1, 0 = any free one, or none");
  app.add_option("--config", options.config_path, "configuration file (TOML)");
  app.add_option("--log-level", options.log_level, "trace, debug, info, warn or error")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error"}));
  app.add_option("--check", check_dir,
                 "verify the store in this directory and exit; changes nothing");
  app.add_option("--check-config", config_file, "verify a configuration file and exit");
  app.set_version_flag("--version", "droverd " + std::string(drover::server::kVersion));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (!check_dir.empty()) return check(check_dir);
  if (!config_file.empty()) return check_config(config_file);

  harden();
  spdlog::set_default_logger(std::make_shared<spdlog::logger>(
      "droverd", std::make_shared<spdlog::sinks::stderr_sink_mt>()));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e %l %v");
  spdlog::flush_on(spdlog::level::info);
  drover::server::choose_directories(options);
  auto daemon = drover::server::Daemon::start(options);
  if (!daemon) return report(daemon.error());
  return (*daemon)->serve();
}
