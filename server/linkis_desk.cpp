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

std::shared_ptr<void> LinkisDesk::workbook(std::uint32_t uid) {
  std::erase_if(workbooks_, [](const auto& entry) { return entry.second.expired(); });
  std::weak_ptr<int>& owners = workbooks_[uid];
  if (owners.use_count() >= kWorkbooksMax) return nullptr;
  std::shared_ptr<int> one = owners.lock();
  if (!one) owners = one = std::make_shared<int>();
  return one;
}

std::optional<LineMark> LinkisDesk::mark_before(const TextKey& text, std::int64_t line) const {
  const auto found = marks_.find(text);
  return found == marks_.end() ? std::nullopt : found->second.before(line);
}

void LinkisDesk::set_mark(const TextKey& text, LineMark mark) {
  marks_[text].set(mark);
  if (marks_.size() > kMarkedMax) marks_.erase(marks_.begin());  // the oldest task
}

}  // namespace drover::server
