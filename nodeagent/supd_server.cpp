// nodeagent/supd_server.cpp - epoll around the Supervisor.
// SPDX-License-Identifier: Apache-2.0
#include "nodeagent/supd_server.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/counted_words.hpp"
#include "nodeagent/clock.hpp"

namespace drover::nodeagent {
namespace {

constexpr std::uint64_t kListener = 1, kAgent = 2, kSignals = 3, kTimer = 4, kPidfd = 1ull << 32;
constexpr std::size_t kOutputMax = 64 << 20;
constexpr std::int64_t kTerminateTwiceUs = 5'000'000;

void say(std::string_view text) {
  std::fprintf(stderr, "drover-supd: %.*s\n", int(text.size()), text.data());
}

tl::unexpected<Error> io_error(const std::string& doing) {
  return fail(Errc::Io, doing + ": " + std::strerror(errno));
}

// Every signal at its default: children inherit what is ignored, and whoever started us may have
// ignored some. Blocked ones are read from the signalfd.
int open_signals() {
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGUSR1}) ::sigaddset(&set, signal);
  ::sigprocmask(SIG_SETMASK, &set, nullptr);
  return ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

// The kernel shall take a job before it takes the parent of all jobs. Not -1000: a leaking supd
// must not be immortal. False where that is not permitted.
bool lower_oom_score() {
  const int fd = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool lowered = ::write(fd, "-999", 4) == 4;
  ::close(fd);
  return lowered;
}

}  // namespace

Result<std::unique_ptr<SupdServer>> SupdServer::open(const NodePaths& paths,
                                                     std::uint32_t min_uid) {
  std::unique_ptr<SupdServer> server(new SupdServer);
  server->lock_ =
      ::open(paths.supd_lock().c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (server->lock_ < 0) return io_error("cannot open " + paths.supd_lock());
  if (::flock(server->lock_, LOCK_EX | LOCK_NB) != 0)
    return fail(Errc::Conflict, "another drover-supd has " + paths.data,
                "it keeps running jobs alive; stop it with `drover down` if you mean to");
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  server->signals_ = open_signals();
  server->epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  server->timer_ = ::timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
  if (server->signals_ < 0 || server->epoll_ < 0 || server->timer_ < 0)
    return io_error("cannot set up the event loop");
  server->watch(server->signals_, kSignals);
  server->watch(server->timer_, kTimer);

  Supervisor::Options options;
  options.boot_id = read_boot_id();
  options.min_uid = min_uid;
  options.oom_score_lowered = lower_oom_score();
  JournalState state;
  auto journal = Journal::open(paths.journal(), options.boot_id, state);
  if (!journal) return fail(std::move(journal.error()));
  auto slots = FailureSlots::make(kAttemptsMax);
  if (!slots) return fail(std::move(slots.error()));
  if (state.damaged_bytes != 0)
    say("the journal's last " + std::to_string(state.damaged_bytes) +
        " bytes are damaged; kept as " + paths.journal() + ".damaged");
  server->supervisor_ = std::make_unique<Supervisor>(
      std::move(options), Cgroups::detect(instance_of(paths.data)), std::move(*journal), *slots);
  server->supervisor_->adopt(
      state,
      [](void* context, int pidfd, std::uint32_t index) {
        static_cast<SupdServer*>(context)->watch(pidfd, kPidfd | index);
      },
      server.get());
  auto listening = server->listen(paths.supd_socket());
  if (!listening) return fail(std::move(listening.error()));
  // After the Launcher has noted what jobs shall get: one pidfd per adopted job must fit.
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  return server;
}

SupdServer::~SupdServer() {
  if (listener_ >= 0) ::unlink(socket_path_.c_str());
  for (const int fd : {agent_, listener_, timer_, signals_, epoll_, lock_})
    if (fd >= 0) ::close(fd);
}

Result<void> SupdServer::listen(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path))
    return fail(Errc::BadInput, "the path " + path + " is too long for a socket",
                "choose a shorter directory with --run");
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  ::unlink(path.c_str());  // ours to take: we hold the lock
  listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const mode_t before = ::umask(0177);
  const bool bound =
      listener_ >= 0 &&
      ::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  ::umask(before);
  if (!bound || ::listen(listener_, 16) != 0) return io_error("cannot listen on " + path);
  socket_path_ = path;
  watch(listener_, kListener);
  return {};
}

void SupdServer::watch(int fd, std::uint64_t tag, std::uint32_t events) const {
  epoll_event event{};
  event.events = events;
  event.data.u64 = tag;
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) say("cannot watch a file descriptor");
}

int SupdServer::run() {
  epoll_event events[64];
  while (!done_) {
    const bool more_input = consumed_ < input_.size() && payload_left_ > 0;
    const int count = ::epoll_wait(epoll_, events, 64, more_input ? 0 : -1);
    for (int i = 0; i < count; ++i) {
      const std::uint64_t tag = events[i].data.u64;
      if (tag == kListener) on_connect();
      if (tag == kAgent && agent_ >= 0) on_readable();
      if (tag == kSignals) on_signals();
      if (tag == kTimer) {
        std::uint64_t ticks = 0;
        (void)!::read(timer_, &ticks, sizeof(ticks));
        armed_us_ = 0;
        supervisor_->on_time();
      }
      if ((tag & kPidfd) != 0) supervisor_->on_adopted_end(static_cast<std::uint32_t>(tag));
    }
    consume();
    round_end();
  }
  supervisor_->leave();
  return 0;
}

void SupdServer::on_connect() {
  const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) return;
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 ||
      (peer.uid != 0 && peer.uid != ::geteuid())) {
    ::close(fd);
    return;
  }
  if (agent_ >= 0) disconnect("a newer agent has connected");
  agent_ = fd;
  exit_when_idle_ = false;
  watch(agent_, kAgent);
}

void SupdServer::on_readable() {
  char block[65536];
  while (agent_ >= 0 && input_.size() - consumed_ < kSupdFrameMax) {
    const ssize_t got = ::recv(agent_, block, sizeof(block), 0);
    if (got > 0) {
      input_.append(block, std::size_t(got));
      if (std::size_t(got) < sizeof(block)) break;
      continue;
    }
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) break;
    // What was received in full still counts: the agent may have died right after a launch.
    consume();
    return disconnect(got == 0 ? "" : "read error");
  }
  if (wants_write_) write_out();
}

void SupdServer::consume() {
  while (agent_ >= 0) {
    if (payload_left_ == 0) {
      std::uint32_t size = 0;
      if (input_.size() - consumed_ < sizeof(size)) break;
      std::memcpy(&size, input_.data() + consumed_, sizeof(size));
      if (size > kSupdFrameMax) return disconnect("a frame of the agent is too large");
      if (input_.size() - consumed_ < sizeof(size) + size) break;
      consumed_ += sizeof(size);
      payload_left_ = size;
      if (size == 0) continue;
    }
    std::string_view payload(input_.data() + consumed_, payload_left_);
    auto done = supervisor_->on_payload(payload);
    if (!done) return disconnect(done.error().message);
    consumed_ += payload_left_ - payload.size();
    payload_left_ = payload.size();
    if (payload_left_ != 0) return;  // the round's share of launches is used up
  }
  if (consumed_ > 0) {
    input_.erase(0, consumed_);
    consumed_ = 0;
  }
  if (input_.empty() && input_.capacity() > (1 << 20)) input_.shrink_to_fit();
}

void SupdServer::on_signals() {
  signalfd_siginfo infos[16];
  const ssize_t got = ::read(signals_, infos, sizeof(infos));
  for (std::size_t i = 0; got > 0 && i < std::size_t(got) / sizeof(infos[0]); ++i) {
    const auto signal = static_cast<int>(infos[i].ssi_signo);
    if (signal == SIGCHLD) supervisor_->on_child_ends();
    if (signal == SIGTERM || signal == SIGINT) on_terminate();
    if (signal == SIGUSR1) exit_when_idle_ = true;
  }
}

void SupdServer::on_terminate() {
  const std::int64_t now = boot_us();
  if (supervisor_->is_idle()) {
    done_ = true;
  } else if (terminate_us_ != 0 && now - terminate_us_ < kTerminateTwiceUs) {
    say("asked twice: killing " + counted(std::int64_t(supervisor_->running()), "running job"));
    supervisor_->kill_everything();
    exit_when_idle_ = true;
  } else {
    say(counted(std::int64_t(supervisor_->running()), "job") +
        " still running: not stopping. Ask again within 5 s to kill them");
  }
  terminate_us_ = now;
}

void SupdServer::arm_timer() {
  const std::int64_t next = supervisor_->next_deadline_us();
  // A timer that fires too early only costs a round; so it is moved to earlier times only.
  if (next == 0 || (armed_us_ != 0 && armed_us_ <= next)) return;
  itimerspec when{};
  when.it_value.tv_sec = next / 1'000'000;
  when.it_value.tv_nsec = next % 1'000'000 * 1000;
  ::timerfd_settime(timer_, TFD_TIMER_ABSTIME, &when, nullptr);
  armed_us_ = next;
}

void SupdServer::round_end() {
  const bool is_durable = supervisor_->end_of_round();
  std::string& events = supervisor_->outbox();
  if (agent_ < 0) {
    events.clear();  // the table and the unacked ends are sent after the next connect
  } else if (is_durable && !events.empty()) {
    const auto size = static_cast<std::uint32_t>(events.size());
    output_.append(reinterpret_cast<const char*>(&size), sizeof(size));
    output_ += events;
    events.clear();
    if (!wants_write_) write_out();
  }
  if (!is_durable && armed_us_ == 0) {  // full disk: look again soon
    itimerspec soon{};
    soon.it_value.tv_nsec = 200'000'000;
    ::timerfd_settime(timer_, 0, &soon, nullptr);
    armed_us_ = boot_us() + 200'000;
  }
  arm_timer();
  if (exit_when_idle_ && is_durable && supervisor_->is_idle()) done_ = true;
}

void SupdServer::write_out() {
  while (written_ < output_.size()) {
    const ssize_t wrote =
        ::send(agent_, output_.data() + written_, output_.size() - written_, MSG_NOSIGNAL);
    if (wrote > 0) {
      written_ += std::size_t(wrote);
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return disconnect("");
    if (output_.size() - written_ > kOutputMax) return disconnect("the agent does not read");
    break;
  }
  const bool blocked = written_ < output_.size();
  if (!blocked) {
    output_.clear();
    written_ = 0;
    if (output_.capacity() > (1 << 20)) output_.shrink_to_fit();
  }
  if (blocked == wants_write_) return;
  wants_write_ = blocked;
  epoll_event event{};
  event.events = EPOLLIN | (blocked ? std::uint32_t{EPOLLOUT} : 0);
  event.data.u64 = kAgent;
  ::epoll_ctl(epoll_, EPOLL_CTL_MOD, agent_, &event);
}

void SupdServer::disconnect(std::string_view why) {
  if (agent_ < 0) return;
  if (!why.empty()) say("closing the agent's connection: " + std::string(why));
  ::close(agent_);
  agent_ = -1;
  input_.clear();
  output_.clear();
  consumed_ = payload_left_ = written_ = 0;
  wants_write_ = false;
  supervisor_->outbox().clear();
}

}  // namespace drover::nodeagent
