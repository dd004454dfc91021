// cli/up.cpp - `drover up`: a whole Drover on this machine, without configuration.
// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/units.hpp"
#include "cli/command.hpp"
#include "cli/instance.hpp"
#include "cli/supervisor.hpp"

namespace drover::cli {
namespace {

constexpr Option kOptions[] = {
    {"detach", 'd', Takes::Nothing, "", "go on in the background; logs go to DATA/log"},
    {"port", 'p', Takes::Value, "N|none",
     "port of the HTTP API on 127.0.0.1 (default: a free one)"},
    {"cpus", 'c', Takes::Value, "N", "offer N cores instead of all (tasks are then not bound)"},
    {"mem", 'm', Takes::Value, "SIZE", "offer so much memory instead of all", "memory"},
    {"gpus", 'G', Takes::Value, "N", "offer N GPUs that need not exist (for trying things out)"},
    {"name", 0, Takes::Value, "NODE", "name of this node (default: the host's)"},
    {"label", 'l', Takes::Value, "KEY=VALUE", "label of this node; may be repeated"},
    {"resource", 0, Takes::Value, "NAME=N", "custom resource of this node; may be repeated"},
    {"config", 0, Takes::Value, "FILE", "configuration of droverd", "", Support::Yes, "file"},
    {"log-level", 0, Takes::Value, "LEVEL", "trace debug info warn error", "", Support::Yes,
     "trace debug info warn error"},
    {"ephemeral", 0, Takes::Nothing, "",
     "data in a temporary directory that is removed at the end"},
};
OptionTable options() { return kOptions; }

Result<bool> take_flags(const Arguments& arguments, UpOptions& up) {
  const auto pass = [&](const char* name, std::vector<std::string>& flags) {
    if (arguments.has(name))
      flags.insert(flags.end(), {std::string("--") + name, arguments.text(name)});
  };
  for (const char* name : {"cpus", "gpus"}) {
    if (!arguments.has(name)) continue;
    const auto value = parse_integer(arguments.text(name), name[0] == 'c' ? 1 : 0, 65536, name);
    if (!value) return fail(value.error());
    pass(name, up.agent_flags);
  }
  if (arguments.has("mem")) {
    const auto mib = parse_memory_mib(arguments.text("mem"));
    if (!mib) return fail(mib.error());
    up.agent_flags.insert(up.agent_flags.end(), {"--mem", std::to_string(*mib)});
  }
  pass("name", up.agent_flags);
  for (const std::string& label : arguments.all("label"))
    up.agent_flags.insert(up.agent_flags.end(), {"--label", label});
  for (const std::string& resource : arguments.all("resource"))
    up.agent_flags.insert(up.agent_flags.end(), {"--resource", resource});
  if (arguments.has("config")) {
    const std::string file = std::filesystem::absolute(arguments.text("config")).string();
    up.daemon_flags.insert(up.daemon_flags.end(), {"--config", file});
  }
  pass("log-level", up.daemon_flags);
  pass("log-level", up.agent_flags);
  if (arguments.has("port") && arguments.text("port") != "none") {
    const auto port = parse_integer(arguments.text("port"), 0, 65535, "port");
    if (!port) return fail(port.error());
  }
  up.port = arguments.text("port");
  return true;
}

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

void print_ready(const Context& context, const Supervisor& supervisor, const UpOptions& up,
                 bool is_default) {
  const std::string port = first_line(up.paths.run + "/http.port");
  context.note("drover is up");
  context.note("  data   " + up.paths.data);
  context.note("  socket " + up.paths.api_socket());
  if (!port.empty() && port != "0") context.note("  http   http://127.0.0.1:" + port);
  if (!supervisor.has_node())
    context.note("  the node has not registered yet: see " + up.paths.data +
                 "/log or drover node ls");
  if (!is_default) context.note("  export DROVER_SERVER=" + up.paths.api_socket());
  context.note("  try:   drover run -- echo hello");
}

// The parent's half of --detach: waits for one line, "ok" or an error as JSON.
Result<int> await_child(int fd) {
  std::string text;
  char buffer[4096];
  for (;;) {
    const ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    text.append(buffer, std::size_t(n));
  }
  ::close(fd);
  const Result<Json> report = parse_json(text, "the report of the background process");
  if (!report) return fail(Errc::Io, "the background process ended without a report");
  if (member(*report, "ok").is_boolean()) return kOk;
  return fail(error_from_json(*report, 500));
}

Result<bool> go_to_background(const Paths& paths, int& report_fd, int& parent_fd) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail(Errc::Io, "cannot make a pipe");
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  if (pid < 0) return fail(Errc::Io, std::string("cannot fork: ") + std::strerror(errno));
  if (pid > 0) {
    ::close(ends[1]);
    parent_fd = ends[0];
    return true;
  }
  ::close(ends[0]);
  report_fd = ends[1];
  ::setsid();
  const int log = ::open(paths.log("up").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const int null_fd = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  ::dup2(null_fd, 0);
  ::dup2(log >= 0 ? log : null_fd, 1);
  ::dup2(log >= 0 ? log : null_fd, 2);
  if (::chdir("/") != 0) return fail(Errc::Io, "cannot change to /");
  return true;
}

void send_report(int fd, const Result<bool>& started) {
  Json report{{"ok", true}};
  if (!started) {
    report = Json{{"code", std::string(to_string(started.error().code))},
                  {"message", started.error().message},
                  {"hint", started.error().hint},
                  {"field", started.error().field}};
  }
  const std::string text = to_text(report);
  if (::write(fd, text.data(), text.size()) < 0) std::perror("drover up: cannot report");
  ::close(fd);
}

Result<UpOptions> read_options(Context& context) {
  const Result<bool> words = context.at_most_words(0);
  if (!words) return fail(words.error());
  const Arguments& arguments = context.arguments();
  UpOptions up;
  Globals globals = context.globals();
  if (arguments.has("ephemeral")) {
    const char* tmp = std::getenv("TMPDIR");
    std::string name = std::string(tmp != nullptr && *tmp == '/' ? tmp : "/tmp") + "/drover-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr)
      return fail(Errc::Io, "cannot create " + name + ": " + std::strerror(errno));
    up.paths = Paths{name, name + "/run"};
  } else {
    const Result<Paths> paths = find_paths(globals.data, globals.run);
    if (!paths) return fail(paths.error());
    up.paths = *paths;
  }
  up.kill_jobs_at_end = arguments.has("ephemeral");
  up.log_to_files = arguments.has("detach");
  const Result<bool> taken = take_flags(arguments, up);
  if (!taken) return fail(taken.error());
  return up;
}

Result<int> supervise(Context& context, const UpOptions& up, InstanceLock& lock, int report_fd) {
  const bool ephemeral = context.arguments().has("ephemeral");
  Supervisor supervisor(up);
  Result<bool> started = lock.write_pid(up.paths);
  if (started) started = supervisor.start();
  if (!started) {  // whoever hears of it may try again at once
    ::unlink((up.paths.run + "/up.pid").c_str());
    lock.release();
  }
  if (report_fd >= 0) send_report(report_fd, started);
  if (!started) return fail(started.error());
  const Result<Paths> usual = find_paths("", "");
  const bool is_default = usual && usual->api_socket() == up.paths.api_socket();
  if (report_fd < 0) {
    print_ready(context, supervisor, up, is_default);
    context.note("  Ctrl-C stops it");
  }
  const int code = supervisor.run();
  std::error_code ignored;
  if (ephemeral && !supervisor.left_jobs()) std::filesystem::remove_all(up.paths.data, ignored);
  return code;
}

Result<int> run_up(Context& context) {
  const Result<UpOptions> up = read_options(context);
  if (!up) return fail(up.error());
  for (const std::string& dir : {up->paths.data, up->paths.run, up->paths.data + "/log"}) {
    const Result<bool> made = make_private_dir(dir);
    if (!made) return fail(made.error());
  }
  const bool detach = context.arguments().has("detach");
  Result<InstanceLock> lock = InstanceLock::take(up->paths);
  if (!lock) {
    if (!detach || lock.error().code != Errc::Conflict) return fail(lock.error());
    context.note(lock.error().message);
    return kOk;
  }
  if (!detach) return supervise(context, *up, *lock, -1);
  int report_fd = -1, parent_fd = -1;
  const Result<bool> forked = go_to_background(up->paths, report_fd, parent_fd);
  if (!forked) return fail(forked.error());
  if (parent_fd < 0) {
    const Result<int> code = supervise(context, *up, *lock, report_fd);
    ::_exit(code ? *code : exit_code_of(code.error().code));
  }
  const Result<int> code = await_child(parent_fd);
  if (!code) return fail(code.error());
  const Result<Paths> usual = find_paths("", "");
  const bool is_default = usual && usual->api_socket() == up->paths.api_socket();
  context.note("drover is up on " + up->paths.data + " (stop it: drover down" +
               (is_default ? ")" : " --data " + up->paths.data + ")"));
  if (!is_default) context.note("  export DROVER_SERVER=" + up->paths.api_socket());
  return kOk;
}

}  // namespace

const Command kUp = {
    .verb = "up",
    .operands = "",
    .summary = "start Drover on this machine",
    .about =
        "Starts droverd, drover-agent and drover-supd, starts them again when they die, and stops "
        "them on Ctrl-C. Running jobs survive: drover-supd stays with them until they end, and the "
        "next `drover up` takes them over.",
    .examples =
        "drover up --detach\n"
        "drover up --data /tmp/try --cpus 4\n"
        "drover up --ephemeral",
    .options = options,
    .run = run_up,
};

}  // namespace drover::cli
