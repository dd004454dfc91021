// nodeagent/launcher.cpp - fork, and the child's walk to exec.
// SPDX-License-Identifier: Apache-2.0
//
// Never vfork: that child would share memory with supd and stop it until exec, and the job's owner
// can SIGSTOP a child that already runs under his uid. supd is small, so a plain fork is nearly as
// cheap.
#include "nodeagent/launcher.hpp"

#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace drover::nodeagent {
namespace {

constexpr const char* kDefaultPath = "/usr/local/bin:/usr/bin:/bin";

[[noreturn]] void give_up(FailureSlot& slot, Step step, int error, const char* detail = "") {
  slot.error = error;
  std::strncpy(slot.detail, detail, sizeof(slot.detail) - 1);
  slot.step = static_cast<std::uint32_t>(step);
  ::_exit(127);
}

// Opens a file the way a job may: no way through /proc links, no symlink at the end.
int open_for_job(const char* path, int flags) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY);
  how.mode = (flags & O_CREAT) != 0 ? 0666 : 0;
  how.resolve = RESOLVE_NO_MAGICLINKS;
  auto fd = static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how)));
  if (fd < 0 && errno == ENOSYS) fd = ::open(path, static_cast<int>(how.flags), 0666);
  if (fd < 0) return fd;
  // A FIFO or socket could block the child or the log reader for ever; /proc files do odd things.
  struct stat info {};
  struct statfs system {};
  const bool is_fine = ::fstat(fd, &info) == 0 && ::fstatfs(fd, &system) == 0 &&
                       (S_ISREG(info.st_mode) || S_ISCHR(info.st_mode)) &&
                       system.f_type != PROC_SUPER_MAGIC && ::fcntl(fd, F_SETFL, flags) == 0;
  if (is_fine) return fd;
  ::close(fd);
  errno = EINVAL;
  return -1;
}

void become(int fd, int target) {
  if (fd == target) {
    ::fcntl(fd, F_SETFD, 0);
    return;
  }
  ::dup2(fd, target);
}

const char* search_path(const std::vector<const char*>& env) {
  for (const char* entry : env)
    if (entry != nullptr && std::strncmp(entry, "PATH=", 5) == 0) return entry + 5;
  return kDefaultPath;
}

// execve along PATH. Answers the errno that says most: EACCES beats ENOENT.
int exec_on_path(const char* name, char* const* argv, char* const* env, const char* path) {
  int error = ENOENT;
  char full[4096];
  while (true) {
    const char* const end = ::strchrnul(path, ':');
    const auto length = static_cast<std::size_t>(end - path);
    const std::size_t name_length = std::strlen(name);
    if (length + name_length + 2 <= sizeof(full)) {
      std::memcpy(full, path, length);
      std::size_t at = length;
      if (length > 0) full[at++] = '/';
      std::memcpy(full + at, name, name_length + 1);
      ::execve(full, argv, env);
      if (errno == EACCES)
        error = EACCES;
      else if (errno != ENOENT && errno != ENOTDIR)
        return errno;
    }
    if (*end == '\0') return error;
    path = end + 1;
  }
}

const char* verb_of(Step step) {
  switch (step) {
    case Step::None: return "cannot start";
    case Step::Session: return "cannot start an own session";
    case Step::Cgroup: return "cannot enter the cgroup";
    case Step::Limits: return "cannot set the limits";
    case Step::Groups: return "cannot set the supplementary groups";
    case Step::GroupId: return "cannot switch to the job's group";
    case Step::UserId: return "cannot switch to the job's user";
    case Step::Verify: return "the job's identity did not take effect";
    case Step::Privileges: return "cannot drop privileges";
    case Step::WorkingDirectory: return "cannot enter the working directory";
    case Step::Output: return "cannot open the output file";
    case Step::ErrorOutput: return "cannot open the error file";
    case Step::Input: return "cannot open the input file";
    case Step::Binding: return "cannot bind to the CPUs";
    case Step::Exec: return "cannot execute";
  }
  return "cannot start";
}

// In the child, with the user's rights: no allocation, and what fails is seen when the file is
// opened.
void make_parents(const char* path) {
  char part[PATH_MAX];
  for (std::size_t i = 0; path[i] != '\0' && i < sizeof part - 1; ++i) {
    part[i] = path[i];
    if (i == 0 || path[i] != '/') continue;
    part[i] = '\0';
    (void)::mkdir(part, 0700);
    part[i] = '/';
  }
}

}  // namespace

std::string describe(const FailureSlot& slot) {
  const auto step = static_cast<Step>(slot.step);
  std::string text = verb_of(step);
  if (slot.detail[0] != '\0') text.append(" ").append(slot.detail);
  text.append(": ").append(std::strerror(slot.error));
  if (step == Step::Exec && slot.error == ENOENT)
    text += " (no such program, or its interpreter is missing)";
  if (step == Step::Exec && slot.error == ENOEXEC)
    text += " (neither a program nor a script that starts with #!)";
  if (step == Step::Output && slot.error == ENOENT) text += " (its directory must exist)";
  if (slot.error == EINVAL &&
      (step == Step::Output || step == Step::ErrorOutput || step == Step::Input))
    text += " (it must be a regular file or a device)";
  if (slot.error == ENXIO) text += " (nobody reads the FIFO, and a FIFO is not accepted)";
  if (slot.error == ELOOP) text += " (symbolic links are not followed here)";
  return text;
}

Result<FailureSlots> FailureSlots::make(std::uint32_t count) {
  void* const memory = ::mmap(nullptr, count * sizeof(FailureSlot), PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED)
    return fail(Errc::Io, std::string("cannot map shared memory: ") + std::strerror(errno));
  FailureSlots slots;
  slots.slots_ = static_cast<FailureSlot*>(memory);
  return slots;
}

Launcher::Launcher(const Cgroups& cgroups, bool oom_score_lowered)
    : cgroups_(cgroups),
      uid_(::geteuid()),
      root_(uid_ == 0),
      oom_score_lowered_(oom_score_lowered) {
  ::getrlimit(RLIMIT_NOFILE, &files_);
  while (::prctl(PR_CAPBSET_READ, last_capability_ + 1, 0, 0, 0) >= 0) ++last_capability_;
}

Result<Spawned> Launcher::launch(LaunchFrame& frame, FailureSlot& slot, const CgroupName& name,
                                 int pooled) {
  slot.step = 0;
  int cgroup_fd = pooled;
  const bool is_own = pooled < 0 && cgroups_.tracking() != Cgroups::Tracking::None;
  if (is_own && (cgroup_fd = cgroups_.create(name)) < 0)
    return fail(Errc::Unavailable, std::string("cannot make a cgroup: ") + std::strerror(errno));
  const auto undo = [&](const char* what, int error) {
    if (is_own) {
      ::close(cgroup_fd);
      (void)cgroups_.try_remove(name);
    }
    cgroups_.remove_memory(name);
    return fail(Errc::Unavailable, std::string(what) + ": " + std::strerror(error));
  };
  if (frame.mem_limit_bytes > 0 && cgroups_.memory() != Cgroups::Memory::None) {
    const int error = cgroups_.limit_memory(name, frame.mem_limit_bytes);
    if (error != 0) return undo("cannot limit memory", error);
  }
  frame.argv.push_back(nullptr);
  frame.env.push_back(nullptr);
  int pidfd = -1;
  bool entered = false;
  const pid_t pid = fork_into(cgroup_fd, pidfd, entered);
  if (pid == 0) run_child(frame, slot, name, entered);
  if (pid < 0) return undo("cannot fork", errno);
  if (is_own) ::close(cgroup_fd);
  const Spawned spawned{pid, process_identity(pid, pidfd)};
  if (pidfd >= 0) ::close(pidfd);
  return spawned;
}

pid_t Launcher::fork_into(int cgroup_fd, int& pidfd, bool& entered) {
  clone_args args{};
  args.flags = CLONE_PIDFD | CLONE_CLEAR_SIGHAND;
  args.pidfd = reinterpret_cast<std::uintptr_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  const bool v2 = cgroups_.tracking() == Cgroups::Tracking::V2;
  if (v2 && clone_into_cgroup_) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<std::uint64_t>(cgroup_fd);
    entered = true;
    const auto pid = static_cast<pid_t>(::syscall(SYS_clone3, &args, sizeof(args)));
    if (pid >= 0 || errno == EAGAIN || errno == ENOMEM) return pid;
    clone_into_cgroup_ = false;
    args.flags &= ~std::uint64_t{CLONE_INTO_CGROUP};
    args.cgroup = 0;
  }
  entered = false;
  const auto pid = static_cast<pid_t>(::syscall(SYS_clone3, &args, CLONE_ARGS_SIZE_VER0));
  if (pid >= 0 || errno == EAGAIN || errno == ENOMEM) return pid;
  return ::fork();  // clone3 is hidden by some seccomp profiles
}

void Launcher::enter_cgroups(const LaunchFrame& frame, FailureSlot& slot, const CgroupName& name,
                             bool entered) const {
  if (!entered && cgroups_.tracking() != Cgroups::Tracking::None) {
    const int error = cgroups_.enter_tracking(name);
    if (error != 0) give_up(slot, Step::Cgroup, error);
  }
  if (frame.mem_limit_bytes > 0 && cgroups_.memory() == Cgroups::Memory::V1) {
    const int error = cgroups_.enter_memory(name);
    if (error != 0) give_up(slot, Step::Cgroup, error, "of memory");
  }
}

void Launcher::drop_privileges(const LaunchFrame& frame, FailureSlot& slot) const {
  if (root_) {
    if (::setgroups(frame.groups.size(), frame.groups.data()) != 0)
      give_up(slot, Step::Groups, errno);
    if (frame.uid != 0)
      for (int capability = 0; capability <= last_capability_; ++capability)
        (void)::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
    if (::setresgid(frame.gid, frame.gid, frame.gid) != 0) give_up(slot, Step::GroupId, errno);
    if (::setresuid(frame.uid, frame.uid, frame.uid) != 0) give_up(slot, Step::UserId, errno);
    uid_t uids[3];
    gid_t gids[3];
    if (::getresuid(&uids[0], &uids[1], &uids[2]) != 0 ||
        ::getresgid(&gids[0], &gids[1], &gids[2]) != 0)
      give_up(slot, Step::Verify, errno);
    for (int i = 0; i < 3; ++i)
      if (uids[i] != frame.uid || gids[i] != frame.gid) give_up(slot, Step::Verify, EPERM);
    if (frame.uid != 0 && ::setresuid(0, 0, 0) == 0) give_up(slot, Step::Verify, EPERM);
  }
  if (frame.uid == 0) return;  // root asked for a job as root: it keeps what root has
  (void)::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  if (frame.no_new_privs && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    give_up(slot, Step::Privileges, errno);
}

void Launcher::open_streams(const LaunchFrame& frame, FailureSlot& slot) const {
  const int write_flags = O_WRONLY | O_CREAT | O_APPEND | (frame.append_output ? 0 : O_TRUNC);
  const bool one_file = frame.err[0] == '\0' || std::strcmp(frame.err, frame.out) == 0;
  const char* const out = frame.out[0] == '\0' ? "/dev/null" : frame.out;
  if (frame.make_directory) make_parents(out);
  const int out_fd = open_for_job(out, write_flags);
  if (out_fd < 0) give_up(slot, Step::Output, errno, out);
  const int err_fd = one_file ? out_fd : open_for_job(frame.err, write_flags);
  if (err_fd < 0) give_up(slot, Step::ErrorOutput, errno, frame.err);
  const char* const in = frame.in[0] == '\0' ? "/dev/null" : frame.in;
  const int in_fd = open_for_job(in, O_RDONLY);
  if (in_fd < 0) give_up(slot, Step::Input, errno, in);
  become(in_fd, 0);
  become(out_fd, 1);
  become(err_fd, 2);
}

void Launcher::run_child(const LaunchFrame& frame, FailureSlot& slot, const CgroupName& name,
                         bool entered) const {
  if (::setsid() < 0) give_up(slot, Step::Session, errno);
  enter_cgroups(frame, slot, name, entered);
  if (oom_score_lowered_) {
    const int fd = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || ::write(fd, "0", 1) != 1) give_up(slot, Step::Limits, errno, "(oom score)");
    ::close(fd);
  }
  if (::setrlimit(RLIMIT_NOFILE, &files_) != 0) give_up(slot, Step::Limits, errno);
  // From here on the owner may stop or block this process: it must hold nothing of supd's.
  if (::syscall(SYS_close_range, 3U, ~0U, 0U) != 0)
    for (int fd = 3; fd < 1024; ++fd) ::close(fd);
  drop_privileges(frame, slot);
  ::umask(022);
  if (::chdir(frame.cwd) != 0) give_up(slot, Step::WorkingDirectory, errno, frame.cwd);
  open_streams(frame, slot);
  if (::syscall(SYS_close_range, 3U, ~0U, 0U) != 0)
    for (int fd = 3; fd < 1024; ++fd) ::close(fd);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (!frame.pus.empty()) {
    unsigned long mask[kLaunchPusMax / (8 * sizeof(unsigned long))] = {};
    for (const std::uint32_t pu : frame.pus)
      if (pu < kLaunchPusMax) mask[pu / 64] |= 1UL << (pu % 64);
    if (::syscall(SYS_sched_setaffinity, 0, sizeof(mask), mask) < 0)
      give_up(slot, Step::Binding, errno);
  }
  char* const* const argv = const_cast<char* const*>(frame.argv.data());
  char* const* const env = const_cast<char* const*>(frame.env.data());
  const char* const program = frame.file[0] != '\0' ? frame.file : frame.argv[0];
  if (std::strchr(program, '/') != nullptr) {
    ::execve(program, argv, env);
    give_up(slot, Step::Exec, errno, program);
  }
  const int error = exec_on_path(program, argv, env, search_path(frame.env));
  give_up(slot, Step::Exec, error, program);
}

}  // namespace drover::nodeagent
