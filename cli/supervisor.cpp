// cli/supervisor.cpp - plain POSIX: signals are taken with sigtimedwait, so there are no handlers.
// SPDX-License-Identifier: Apache-2.0
#include "cli/supervisor.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "cli/api_client.hpp"
#include "cli/instance.hpp"
#include "cli/waiting.hpp"

namespace drover::cli {
namespace {

constexpr int kReadyMs = 30'000;
constexpr std::int64_t kNodeWaitUs = 5'000'000;
constexpr std::int64_t kHealthyUs = 60'000'000;
constexpr std::int64_t kMaxBackoffMs = 10'000;
constexpr int kStopGraceMs = 10'000;

sigset_t watched_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGCHLD, SIGINT, SIGTERM, SIGQUIT, SIGHUP}) sigaddset(&set, number);
  return set;
}

// In the child, between fork and exec: async-signal-safe calls only.
[[noreturn]] void become(const char* const* argv, int log_fd, int notify_fd, bool own_session,
                         pid_t parent) {
  if (own_session) {
    ::setsid();
  } else {
    // A group of its own: Ctrl-C in the terminal reaches `up` alone, which then stops things in
    // order.
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) ::_exit(127);
  }
  sigset_t none;
  sigemptyset(&none);
  ::signal(SIGPIPE, SIG_DFL);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const int null_fd = ::open("/dev/null", O_RDONLY);
  if (null_fd >= 0) ::dup2(null_fd, 0);
  if (log_fd >= 0) {
    ::dup2(log_fd, 1);
    ::dup2(log_fd, 2);
  }
  if (notify_fd >= 0) ::fcntl(notify_fd, F_SETFD, 0);
  ::execv(argv[0], const_cast<char* const*>(argv));
  ::_exit(127);
}

Result<bool> check_port(const std::string& port) {
  if (port.empty() || port == "none" || port == "0") return true;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(std::uint16_t(std::atoi(port.c_str())));
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return true;
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const int failed = ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int error = errno;
  ::close(fd);
  if (failed == 0) return true;
  if (error == EADDRINUSE) {
    return fail(Errc::Conflict, "port " + port + " on 127.0.0.1 is taken by another program",
                "choose another with --port N, or leave it out: a free one is found", "port");
  }
  return fail(Errc::BadInput, "cannot use port " + port + ": " + std::strerror(error),
              "choose another with --port N", "port");
}

std::string last_lines(const std::string& path, std::size_t bytes) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return "";
  const auto size = std::size_t(file.tellg());
  file.seekg(std::streamoff(size > bytes ? size - bytes : 0));
  std::string text{std::istreambuf_iterator<char>(file), {}};
  while (text.ends_with('\n')) text.pop_back();
  const std::size_t line = text.rfind('\n') + 1;
  // A hint alone says nothing: the message stands on the line before it.
  if (line > 1 && text.find("hint:", line) < line + 4)
    return text.substr(text.rfind('\n', line - 2) + 1);
  return text.substr(line);
}

std::string describe(int status) {
  if (WIFSIGNALED(status)) return "was killed by signal " + std::to_string(WTERMSIG(status));
  if (WEXITSTATUS(status) == 127) return "could not be started";
  return "ended with exit code " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

Supervisor::Supervisor(UpOptions options) : options_(std::move(options)) {
  daemon_.name = "droverd";
  agent_.name = "drover-agent";
  supd_.name = "drover-supd";
}

void Supervisor::say(const std::string& text) const {
  std::fprintf(stderr, "drover up: %s\n", text.c_str());
}

Error Supervisor::died_early(const Child& child, int status) const {
  Error error;
  error.code = WIFEXITED(status) && WEXITSTATUS(status) == kConflict ? Errc::Conflict : Errc::Io;
  error.message = child.name + " " + describe(status) + " before it was ready";
  if (options_.log_to_files) {
    const std::string last = last_lines(options_.paths.log(child.name), 2000);
    if (!last.empty()) error.message += ": " + last;
    error.hint = "the whole story: " + options_.paths.log(child.name);
  } else {
    error.hint = "its own message stands above";
  }
  return error;
}

Result<bool> Supervisor::spawn(Child& child, int notify_fd, bool own_session) {
  int log_fd = -1;
  if (options_.log_to_files) {
    log_fd = ::open(options_.paths.log(child.name).c_str(),
                    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log_fd < 0) {
      const int error = errno;
      return fail(Errc::Io,
                  "cannot open " + options_.paths.log(child.name) + ": " + std::strerror(error));
    }
  }
  std::vector<const char*> argv;
  for (const std::string& word : child.argv) argv.push_back(word.c_str());
  argv.push_back(nullptr);
  if (notify_fd >= 0) ::setenv("NOTIFY_FD", std::to_string(notify_fd).c_str(), 1);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) become(argv.data(), log_fd, notify_fd, own_session, parent);
  const int error = errno;
  ::unsetenv("NOTIFY_FD");
  if (log_fd >= 0) ::close(log_fd);
  if (pid < 0) return fail(Errc::Io, "cannot start " + child.name + ": " + std::strerror(error));
  child.pid = pid;
  child.started_us = monotonic_us();
  child.restart_at_us = 0;
  return true;
}

Result<bool> Supervisor::start_supd() {
  // One from before may still hold running jobs: it is the parent of them and must be kept.
  if (const std::optional<pid_t> pid = listener_of(options_.paths.supd_socket())) {
    adopted_supd_ = std::make_unique<ProcessHandle>(*pid);
    adopted_pid_ = *pid;
    const auto known = check_listener(*adopted_supd_, options_.paths.supd_socket(), supd_.name);
    if (!known) {
      adopted_supd_.reset();
      return fail(known.error());
    }
    say("took over drover-supd (pid " + std::to_string(*pid) + ") with its jobs");
    return true;
  }
  return spawn(supd_, -1, true);
}

Result<bool> Supervisor::start_droverd() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail(Errc::Io, "cannot make a pipe");
  const Result<bool> spawned = spawn(daemon_, ends[1], false);
  ::close(ends[1]);
  if (!spawned) {
    ::close(ends[0]);
    return fail(spawned.error());
  }
  std::string word;
  const std::int64_t deadline = monotonic_us() + std::int64_t(kReadyMs) * 1000;
  while (word.find("READY=1") == std::string::npos) {
    pollfd waiting{ends[0], POLLIN, 0};
    const std::int64_t left_ms = (deadline - monotonic_us()) / 1000;
    char buffer[64];
    if (left_ms <= 0 || ::poll(&waiting, 1, int(left_ms)) == 0) break;
    const ssize_t n = ::read(ends[0], buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    word.append(buffer, std::size_t(n));
  }
  ::close(ends[0]);
  if (word.find("READY=1") != std::string::npos) return true;
  int status = 0;
  for (int i = 0; i < 50; ++i) {  // its exit follows the closed pipe
    if (::waitpid(daemon_.pid, &status, WNOHANG) == daemon_.pid) {
      daemon_.pid = 0;
      return fail(died_early(daemon_, status));
    }
    sleep_ms(20);
  }
  return fail(Errc::Unavailable, "droverd is not ready after 30 s",
              options_.log_to_files ? "see " + options_.paths.log(daemon_.name) : "");
}

bool Supervisor::wait_for_node() {
  net::ClientTarget target;
  target.unix_path = options_.paths.api_socket();
  target.timeout = seconds(2);
  ApiClient api(make_http_transport(std::move(target)), options_.paths.api_socket(), false);
  const std::int64_t deadline = monotonic_us() + kNodeWaitUs;
  while (monotonic_us() < deadline) {
    const Result<Json> answer = api.read("/api/v1/nodes");
    if (answer) {
      for (const Json& node : member(*answer, "nodes"))
        if (const std::string state = text_of(node, "state");
            state == "idle" || state == "mixed" || state == "allocated")
          return true;
    }
    sleep_ms(20);
  }
  return false;
}

Result<bool> Supervisor::start() {
  const Paths& paths = options_.paths;
  for (const std::string& dir : {paths.data, paths.run, paths.data + "/log"}) {
    const Result<bool> made = make_private_dir(dir);
    if (!made) return fail(made.error());
  }
  const sigset_t signals = watched_signals();
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  for (Child* child : {&daemon_, &agent_, &supd_}) {
    const Result<std::string> program = find_sibling(child->name);
    if (!program) return fail(program.error());
    child->argv = {*program, "--run", paths.run, "--data", paths.data};
  }
  if (!options_.port.empty()) daemon_.argv.insert(daemon_.argv.end(), {"--port", options_.port});
  const auto append = [](Child& child, const std::vector<std::string>& flags) {
    child.argv.insert(child.argv.end(), flags.begin(), flags.end());
  };
  append(daemon_, options_.daemon_flags);
  append(agent_, options_.agent_flags);
  if (const auto other = listener_of(paths.api_socket())) {
    return fail(Errc::Conflict,
                "a droverd (pid " + std::to_string(*other) + ") serves " + paths.run + " already",
                "stop it first, or choose other directories with --data and --run");
  }
  const Result<bool> port = check_port(options_.port);
  if (!port) return fail(port.error());
  Result<bool> started = start_supd();
  if (started) started = start_droverd();
  if (started) started = spawn(agent_, -1, false);
  if (!started) {
    const Error error = started.error();
    stop(false);
    return fail(error);
  }
  has_node_ = wait_for_node();
  ready_ = true;
  return true;
}

void Supervisor::reap() {
  int status = 0;
  pid_t pid = 0;
  while ((pid = ::waitpid(-1, &status, WNOHANG)) > 0) {
    for (Child* child : {&daemon_, &agent_, &supd_}) {
      if (child->pid != pid) continue;
      child->pid = 0;
      const std::int64_t now = monotonic_us();
      if (now - child->started_us > kHealthyUs) child->backoff_ms = 100;
      child->restart_at_us = now + child->backoff_ms * 1000;
      say(child->name + " " + describe(status) + "; next start in " +
          std::to_string(child->backoff_ms) + " ms");
      child->backoff_ms = std::min(child->backoff_ms * 2, kMaxBackoffMs);
    }
  }
}

void Supervisor::restart_due() {
  for (Child* child : {&supd_, &daemon_, &agent_}) {
    if (child->restart_at_us == 0 || monotonic_us() < child->restart_at_us) continue;
    const Result<bool> spawned = spawn(*child, -1, child == &supd_);
    if (spawned) continue;
    say(spawned.error().message);
    child->restart_at_us = monotonic_us() + kMaxBackoffMs * 1000;
  }
}

void Supervisor::watch_adopted() {
  if (!adopted_supd_ || !adopted_supd_->wait_end_ms(0)) return;
  say("drover-supd (pid " + std::to_string(adopted_pid_) + ") ended; starting another");
  adopted_supd_.reset();
  supd_.restart_at_us = monotonic_us();
}

int Supervisor::run() {
  const sigset_t signals = watched_signals();
  for (;;) {
    const timespec rest{0, 100'000'000};
    const bool is_due =
        daemon_.restart_at_us != 0 || agent_.restart_at_us != 0 || supd_.restart_at_us != 0;
    const timespec calm{5, 0};
    const int number = ::sigtimedwait(&signals, nullptr, is_due ? &rest : &calm);
    if (number == SIGCHLD || number < 0) reap();
    if (number == SIGINT || number == SIGTERM || number == SIGQUIT ||
        (number == SIGHUP && !options_.log_to_files)) {
      stop(number == SIGQUIT || options_.kill_jobs_at_end);
      return kOk;
    }
    watch_adopted();
    restart_due();
  }
}

void Supervisor::stop_child(Child& child, int grace_ms) {
  child.restart_at_us = 0;
  if (child.pid <= 0) return;
  ::kill(child.pid, SIGTERM);
  const std::int64_t deadline = monotonic_us() + std::int64_t(grace_ms) * 1000;
  int status = 0;
  while (::waitpid(child.pid, &status, WNOHANG) == 0) {
    if (monotonic_us() > deadline) {
      say(child.name + " does not stop: killing it");
      ::kill(child.pid, SIGKILL);
      ::waitpid(child.pid, &status, 0);
      break;
    }
    sleep_ms(10);
  }
  child.pid = 0;
}

void Supervisor::stop_supd(bool kill_jobs) {
  supd_.restart_at_us = 0;
  const pid_t pid = supd_.pid > 0 ? supd_.pid : adopted_supd_ ? adopted_pid_ : 0;
  if (pid == 0) return;
  const ProcessHandle own(pid);
  const ProcessHandle& supd = supd_.pid > 0 ? own : *adopted_supd_;
  supd.signal(SIGTERM);
  if (kill_jobs && !supd.wait_end_ms(100)) supd.signal(SIGTERM);  // the second one is meant
  left_jobs_ = !supd.wait_end_ms(kill_jobs ? kStopGraceMs : 1000);
  int status = 0;
  if (supd_.pid > 0) ::waitpid(supd_.pid, &status, WNOHANG);
  supd_.pid = 0;
  if (!left_jobs_) return;
  say("drover-supd (pid " + std::to_string(pid) +
      ") stays with the running jobs; `drover up` takes them over again, `drover down --kill` ends "
      "them");
}

void Supervisor::stop(bool kill_jobs) {
  // The agent goes first: droverd then sees a clean close, and supd keeps what runs.
  stop_child(agent_, kStopGraceMs);
  stop_child(daemon_, kStopGraceMs);
  stop_supd(kill_jobs);
  ::unlink((options_.paths.run + "/up.pid").c_str());
}

}  // namespace drover::cli
