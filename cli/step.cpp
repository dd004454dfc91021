// cli/step.cpp - `drover step`: one process for each task of the job on this node, each on its own
// CPUs.
// SPDX-License-Identifier: Apache-2.0
//
// One thread: signals come through a descriptor, output (with --label) through pipes. Each task is
// the leader of a process group, so that what it started can be ended with it.
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/counted_words.hpp"
#include "base/units.hpp"
#include "base/write_all.hpp"
#include "cli/command.hpp"
#include "cli/step_child.hpp"
#include "cli/step_plan.hpp"
#include "cli/waiting.hpp"

namespace drover::cli {
namespace {

constexpr Option kOptions[] = {
    {"ntasks", 'n', Takes::Value, "N", "only the first N tasks of this node"},
    {"label", 'l', Takes::Nothing, "", "put the task's number before each line of its output"},
    {"kill-on-bad-exit", 'K', Takes::MaybeValue, "0|1", "when a task fails, end the others"},
};
OptionTable options() { return kOptions; }

constexpr std::int64_t kGraceUs = 5'000'000;

// Passes a task's output on, line by line with its number in front.
class Labelled {
 public:
  Labelled(int from, int to, std::uint32_t task)
      : from_(from), to_(to), label_(std::to_string(task) + ": ") {}
  int from() const { return from_; }

  // False at the end of the stream.
  bool pass() {
    char buffer[16 << 10];
    const ssize_t size = ::read(from_, buffer, sizeof buffer);
    if (size < 0) return errno == EAGAIN || errno == EINTR;
    for (const char c : std::string_view(buffer, std::size_t(std::max<ssize_t>(size, 0)))) {
      if (line_.empty()) line_ = label_;
      line_ += c;
      if (c == '\n' || line_.size() > (64 << 10)) flush();
    }
    return size > 0;
  }
  void finish() {
    if (!line_.empty()) line_ += '\n';
    flush();
    ::close(from_);
    from_ = -1;
  }

 private:
  void flush() {
    write_all(to_, line_);
    line_.clear();
  }

  int from_, to_;
  std::string label_, line_;
};

class Step {
 public:
  Step(const StepPlan& plan, std::vector<std::string> command)
      : plan_(plan), command_(std::move(command)) {}

  bool labels = false, kill_on_bad_exit = false, quiet = false;

  Result<int> run() {
    sigset_t ours;
    ::sigemptyset(&ours);
    for (const int signal : {SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2})
      ::sigaddset(&ours, signal);
    ::sigprocmask(SIG_BLOCK, &ours, &before_);
    signals_ = ::signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals_ < 0) return fail(Errc::Io, std::string("signalfd: ") + std::strerror(errno));
    for (std::size_t i = 0; i < plan_.tasks.size(); ++i)
      if (auto started = start(i); !started) {
        signal_all(SIGKILL);
        while (alive_ > 0) reap(0);
        return fail(started.error());
      }
    while (alive_ > 0) wait_a_while();
    for (Labelled& stream : streams_) {
      while (stream.from() >= 0 && is_readable(stream.from()) && stream.pass()) continue;
      if (stream.from() >= 0) stream.finish();
    }
    return worst_;
  }

 private:
  Result<bool> start(std::size_t index) {
    StepChild child{plan_, index, command_, before_, {-1, -1}};
    int out[2] = {-1, -1}, err[2] = {-1, -1};
    if (labels) {
      if (::pipe2(out, O_CLOEXEC) != 0 || ::pipe2(err, O_CLOEXEC) != 0)
        return fail(Errc::Io, std::string("pipe: ") + std::strerror(errno));
      child.streams = {out[1], err[1]};
    }
    const auto pid = start_child(child);
    if (labels) {
      ::close(out[1]), ::close(err[1]);
      for (const int fd : {out[0], err[0]}) ::fcntl(fd, F_SETFL, O_NONBLOCK);
      streams_.emplace_back(out[0], 1, plan_.tasks[index].id);
      streams_.emplace_back(err[0], 2, plan_.tasks[index].id);
    }
    if (!pid) return fail(pid.error());
    pids_.push_back(*pid);
    ++alive_;
    return true;
  }

  void wait_a_while() {
    std::vector<pollfd> watched{{signals_, POLLIN, 0}};
    for (const Labelled& stream : streams_) watched.push_back({stream.from(), POLLIN, 0});
    int timeout = -1;
    if (kill_at_us_ > 0)
      timeout = int(std::clamp<std::int64_t>((kill_at_us_ - monotonic_us()) / 1000 + 1, 0, 60'000));
    ::poll(watched.data(), watched.size(), timeout);
    for (std::size_t i = 0; i < streams_.size(); ++i)
      if (watched[i + 1].revents != 0 && !streams_[i].pass()) streams_[i].finish();
    signalfd_siginfo info{};
    while (::read(signals_, &info, sizeof info) == ssize_t(sizeof info)) {
      if (info.ssi_signo != SIGCHLD) signal_all(int(info.ssi_signo));
      if (info.ssi_signo == SIGINT || info.ssi_signo == SIGTERM) end_soon();
    }
    reap(WNOHANG);
    if (kill_at_us_ > 0 && monotonic_us() >= kill_at_us_) {
      signal_all(SIGKILL);
      kill_at_us_ = 0;
    }
  }

  static bool is_readable(int fd) {
    pollfd one{fd, POLLIN, 0};
    return ::poll(&one, 1, 0) > 0 && (one.revents & POLLIN) != 0;
  }

  void reap(int flags) {
    int status = 0;
    for (pid_t pid = 0; alive_ > 0 && (pid = ::waitpid(-1, &status, flags)) > 0;) {
      const auto at = std::ranges::find(pids_, pid);
      if (at == pids_.end()) continue;
      on_end(plan_.tasks[std::size_t(at - pids_.begin())].id, status);
      *at = 0;
      --alive_;
    }
  }

  void on_end(std::uint32_t task, int status) {
    const bool killed = WIFSIGNALED(status);
    const int code = killed ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    if (culled_ && killed) return;  // ended by us, because of another
    worst_ = std::max(worst_, code);
    if (code == 0) return;
    if (!quiet && !ending_)
      std::fprintf(stderr, "drover step: task %u %s %d\n", task,
                   killed ? "was ended by signal" : "exited with code",
                   killed ? WTERMSIG(status) : code);
    if (!kill_on_bad_exit || ending_ || alive_ <= 1) return;
    if (!quiet) std::fprintf(stderr, "drover step: the other tasks are ended\n");
    culled_ = true;
    signal_all(SIGTERM);
    end_soon();
  }

  void end_soon() {
    ending_ = true;
    if (kill_at_us_ == 0) kill_at_us_ = monotonic_us() + kGraceUs;
  }
  void signal_all(int signal) {
    for (const pid_t pid : pids_)
      if (pid > 0) ::kill(-pid, signal);
  }

  const StepPlan& plan_;
  std::vector<std::string> command_;
  sigset_t before_{};
  int signals_ = -1, worst_ = 0;
  std::size_t alive_ = 0;
  bool ending_ = false, culled_ = false;
  std::int64_t kill_at_us_ = 0;
  std::vector<pid_t> pids_;  // by task; 0 = has ended
  std::vector<Labelled> streams_;
};

Result<int> run_step(Context& context) {
  const Arguments& arguments = context.arguments();
  std::vector<std::string> command = arguments.words;
  command.insert(command.end(), arguments.rest.begin(), arguments.rest.end());
  if (command.empty())
    return fail(Errc::BadInput, "there is no command to run", "drover step -- hostname");
  std::optional<std::int64_t> only;
  if (arguments.has("ntasks")) {
    const auto count = parse_integer(arguments.text("ntasks"), 1, 1'000'000, "ntasks");
    if (!count) return fail(count.error());
    only = *count;
  }
  const auto plan = plan_step([](const char* name) { return std::getenv(name); }, only);
  if (!plan) return fail(plan.error());
  if (plan->elsewhere > 0)
    context.warn(counted(plan->elsewhere, "task") + is_or_are(plan->elsewhere) +
                 " for other nodes: only those of this node are started");
  Step step(*plan, std::move(command));
  step.labels = arguments.has("label");
  step.quiet = context.globals().quiet;
  const std::string on_bad = arguments.text("kill-on-bad-exit");
  if (!on_bad.empty() && on_bad != "0" && on_bad != "1")
    return fail(Errc::BadInput, "--kill-on-bad-exit is 0 or 1, not \"" + on_bad + "\"",
                "leave the value out to end the others", "kill-on-bad-exit");
  step.kill_on_bad_exit = arguments.has("kill-on-bad-exit") && on_bad != "0";
  std::fflush(stdout);
  return step.run();
}

}  // namespace

const Command kStep = {
    .verb = "step",
    .operands = "-- COMMAND [ARG...]",
    .summary = "inside a job: start its tasks on this node, each bound to its CPUs",
    .about =
        "One process for each task of the job that is for this node, with DROVER_PROCID (the "
        "task's number in the job), DROVER_LOCALID (on the node), DROVER_NTASKS and their SLURM_ "
        "names set. Which CPUs each gets follows from --cpus-per-task, --distribution, --hint and "
        "--cpu-bind of the job; see it with `drover show ID`.\n"
        "Ends when all have ended, with the highest of their exit codes (128 + signal). Tasks of "
        "other nodes are not started.",
    .examples =
        "drover submit -n 4 --wrap 'drover step --label -- hostname'\n"
        "drover step -n 2 -K -- ./solver input.dat",
    .stop_at_word = true,
    .options = options,
    .run = run_step,
};

}  // namespace drover::cli
