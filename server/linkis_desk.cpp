// server/linkis_desk.cpp - the Linkis side of one daemon.
// SPDX-License-Identifier: Apache-2.0
#include "server/linkis_desk.hpp"

#include <unistd.h>

#include <array>

namespace drover::server {

Result<void> LinkisDesk::configure(const Config& config, const std::string& data) {
  if (!config.linkis_enabled) return {};
  exports_ = data + "/exports";
  watch.configure(seconds(config.linkis_silence_s), config.linkis_silence_creators);
  logins.set_session(seconds(config.linkis_session_s));
  return logins.load(config.linkis_tokens.empty() ? data + "/linkis.tokens" : config.linkis_tokens);
}

void LinkisDesk::set_port(std::uint16_t port) {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) name = {"localhost"};
  instance_ = std::string(name.data()) + ":" + std::to_string(port);
}

std::shared_ptr<void> LinkisDesk::large_answer() const {
  return large_.use_count() <= kLargeAnswersMax ? large_ : nullptr;
}

std::optional<LogMark> LinkisDesk::mark_before(JobId job, std::int64_t line) const {
  const auto found = marks_.find(job);
  if (found == marks_.end() || found->second.line > line) return std::nullopt;
  return found->second;
}

void LinkisDesk::set_mark(JobId job, LogMark mark) {
  marks_[job] = mark;
  if (marks_.size() > kMarksMax) marks_.erase(marks_.begin());  // the oldest task
}

}  // namespace drover::server
