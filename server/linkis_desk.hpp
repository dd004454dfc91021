// server/linkis_desk.hpp - what the Linkis routes keep between requests, beside the jobs.
//
// None of it is stored: after a restart clients log in again, which they do by themselves.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "server/config.hpp"
#include "server/line_marks.hpp"
#include "server/linkis_logins.hpp"
#include "server/linkis_uploads.hpp"
#include "server/linkis_watch.hpp"

namespace drover::server {

struct TextKey {  // a text among a task's results, or its log; another attempt writes others
  static constexpr std::size_t kLog = SIZE_MAX;
  JobId job{};
  std::size_t index = 0;
  Time started{};
  auto operator<=>(const TextKey&) const = default;
};

// Loop thread.
class LinkisDesk {
 public:
  static constexpr std::size_t kMarkedMax = 4'096;  // logs and texts
  static constexpr long kLargeAnswersMax = 4;
  static constexpr long kWorkbooksMax = 4;  // of one user, in the making or on their way out

  LinkisDesk(net::Loop& loop, Turn& turn, const Auth& auth, Users& users)
      : logins(auth, users), watch(loop, turn) {}

  // The tokens' file is read again; the old tokens stay when it cannot be.
  Result<void> configure(const Config& config, const std::string& data);
  void set_port(std::uint16_t port);
  const std::string& instance() const { return instance_; }  // host:port, in execIDs

  // Where readers have been, if that helps one who wants `line`. Without it, following a log or
  // reading a long text page by page would read it anew for each call.
  std::optional<LineMark> mark_before(const TextKey& text, std::int64_t line) const;
  void set_mark(const TextKey& text, LineMark mark);

  // Held while a long log or a workbook is put together; null when enough others do that.
  std::shared_ptr<void> large_answer() const;
  // Held as long as a workbook of this user lies on the disk; null when the user has enough.
  std::shared_ptr<void> workbook(std::uint32_t uid);
  const std::string& exports() const { return exports_; }  // the folder of workbooks in the making

  LinkisLogins logins;
  LinkisWatch watch;
  LinkisUploads uploads;

 private:
  std::string instance_ = "localhost:0", exports_;
  std::shared_ptr<int> large_ = std::make_shared<int>();   // its owners are counted
  std::map<std::uint32_t, std::weak_ptr<int>> workbooks_;  // by uid; their owners are counted
  std::map<TextKey, LineMarks> marks_;
};

}  // namespace drover::server
