// nodeagent/last_output.cpp - looks often: who asks for the log is told of the end at once.
// SPDX-License-Identifier: Apache-2.0
#include "nodeagent/last_output.hpp"

#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace drover::nodeagent {
namespace {

constexpr std::int64_t kPatienceUs = 5'000'000;  // processes of a dead engine are killed meanwhile
constexpr std::size_t kPieceMax = 1 << 20, kLeftMax = 16 << 20;

}  // namespace

LastOutput::LastOutput(net::Loop& loop) : loop_(loop), tick_(loop, [this] { on_tick(); }) {}

LastOutput::~LastOutput() { *alive_ = false; }

void LastOutput::hold(LogQuery owner, const Told& told) {
  if (told == told_ && pipe_) return;
  let_go();
  owner_ = std::move(owner);
  told_ = told;
  if (net::Fd opened{open_pipe_of(owner_, told.pid, told.fd, told.inode)}; opened)
    pipe_ = std::move(opened);
}

void LastOutput::drain(std::string path, std::int64_t limit) {
  if (!pipe_) return;
  if (path.empty()) return let_go();
  owner_.path = std::move(path);
  limit_ = limit;
  until_us_ = net::Loop::now().mono.us + kPatienceUs;
  tick_.start({}, millis(2));
}

void LastOutput::stop() { tick_.stop(); }

void LastOutput::let_go() {
  tick_.stop();
  pipe_.reset();
  told_ = {};
}

// A process that has ended has no descriptors any more, also before it is reaped.
bool LastOutput::is_gone() const {
  struct stat status {};
  const std::string path = "/proc/" + std::to_string(told_.pid) + "/fd/" + std::to_string(told_.fd);
  return ::stat(path.c_str(), &status) != 0 ? errno == ENOENT : status.st_ino != told_.inode;
}

void LastOutput::on_tick() {
  bool is_late = net::Loop::now().mono.us > until_us_;
  if (is_gone()) {
    std::string piece(kPieceMax, '\0');
    while (left_.size() < kLeftMax) {
      const ssize_t got = ::read(pipe_.raw(), piece.data(), piece.size());
      if (got > 0) left_.append(piece.data(), std::size_t(got));
      is_late = is_late || got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
      if (got <= 0) break;
    }
    append();
  }
  if (is_late) let_go();
}

void LastOutput::append() {
  if (left_.empty() || is_writing_) return;
  is_writing_ = true;
  auto piece = std::make_shared<LogPiece>();
  loop_.offload([owner = owner_, data = std::exchange(left_, {}), limit = limit_,
                 piece] { *piece = append_output(owner, data, limit); },
                [this, alive = alive_, piece] {
                  if (!piece->error.empty())
                    spdlog::info("the last output of an engine: {}", piece->error);
                  if (!*alive) return;
                  is_writing_ = false;
                  append();
                });
}

}  // namespace drover::nodeagent
