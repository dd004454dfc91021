// server/task_sheet.cpp - what of a task people put into spreadsheets.
// SPDX-License-Identifier: Apache-2.0
#include "server/task_sheet.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <utility>
#include <vector>

#include "server/directories.hpp"
#include "server/sheet_file.hpp"

namespace drover::server {
namespace {

using linkis::Cell;
using linkis::Json;

constexpr std::size_t kPiece = 256 << 10;
constexpr const char* kSheet = "任务信息表";

struct Title {
  const char *chinese, *english;
};
constexpr auto kTitles = std::to_array<Title>({
    {"任务ID", "JobID"},
    {"来源", "Source"},
    {"查询语句", "Execution Code"},
    {"状态", "Status"},
    {"已耗时", "Time Elapsed"},
    {"关键信息", "Key Information"},
    {"应用/引擎", "App / Engine"},
    {"创建时间", "Created at"},
    {"是否复用", "IsReuse"},
    {"申请开始时间", "Application Start Time"},
    {"申请结束时间", "Application End Time"},
    {"申请花费时间", "Application Takes Time"},
    {"用户", "User"},
});

// In the time zone of the server, as the original's.
std::string moment(const Json& millis) {
  if (!millis.is_number()) return {};
  const std::time_t seconds = millis.get<std::int64_t>() / 1000;
  std::tm parts{};
  std::array<char, 32> text{};
  if (::localtime_r(&seconds, &parts) == nullptr) return {};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &parts)};
}

std::string duration(const Json& millis) {
  if (!millis.is_number()) return {};
  const std::int64_t ms = millis.get<std::int64_t>();
  const std::string part = std::to_string(1000 + ms % 1000);
  return std::to_string(ms / 1000) + "." + part.substr(1) + " s";
}

linkis::Row row_of(const Json& task) {
  const auto text = [&](const char* name) { return linkis::text_of(task, name); };
  const std::string apps = text("executeApplicationName") + "/" + text("requestApplicationName");
  linkis::Row row{{Cell::Kind::Number, task["taskID"].dump()}};
  for (std::string cell :
       {text("sourceTailor"), text("executionCode"), text("status"), duration(task["costTime"]),
        text("errDesc"), apps, moment(task["createdTime"]), task["isReuse"].dump(),
        moment(task["requestStartTime"]), moment(task["requestEndTime"]),
        duration(task["requestSpendTime"]), text("umUser")})
    row.push_back({Cell::Kind::Text, std::move(cell)});
  return row;
}

Result<std::string> bytes_of(int fd) {
  std::string bytes;
  while (true) {
    const std::size_t have = bytes.size();
    bytes.resize(have + kPiece);
    const ssize_t got = ::pread(fd, bytes.data() + have, kPiece, off_t(have));
    if (got < 0) return fail(Errc::Io, std::string("reading a workbook: ") + std::strerror(errno));
    bytes.resize(have + std::size_t(got));
    if (got == 0) return bytes;
  }
}

}  // namespace

Result<std::string> write_task_sheet(const TaskSheet& sheet) {
  if (auto made = make_private_directory(sheet.directory); !made) return fail(made.error());
  auto file = SheetFile::create(sheet.directory);
  if (!file) return fail(file.error());
  std::vector<linkis::Column> columns;
  for (const Title& title : kTitles)
    columns.push_back({sheet.is_english ? title.english : title.chinese, "string"});
  if (auto good = (*file)->begin_sheet(kSheet, columns); !good) return fail(good.error());
  for (std::size_t i = 0; i < sheet.rows; ++i)
    if (auto good = (*file)->add(row_of(sheet.row(i))); !good) return fail(good.error());
  if (auto good = (*file)->close(); !good) return fail(good.error());
  return bytes_of((*file)->fd());
}

}  // namespace drover::server
