// cli/job_view.cpp - how jobs and tasks look to people.
// SPDX-License-Identifier: Apache-2.0
#include "cli/job_view.hpp"

#include <time.h>

#include <array>
#include <cmath>
#include <cstdio>

#include "base/units.hpp"
#include "cli/resource_text.hpp"

namespace drover::cli {
namespace {

std::string format_fixed(const char* format, double value) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%.*f", format[0] == '1' ? 1 : 0, value);
  return buffer;
}

std::string show_tasks(const Json& row, const Style&) {
  const std::int64_t total = number_of(row, "tasks.total");
  if (member(row, "array").is_null() && total <= 1) return "";
  const std::int64_t done = number_of(row, "tasks.succeeded") + number_of(row, "tasks.failed") +
                            number_of(row, "tasks.cancelled") + number_of(row, "tasks.timed_out");
  return std::to_string(done) + "/" + std::to_string(total);
}

// Of all its nodes, and of all components: the members are of each node. GPUs in thousandths.
std::int64_t total(const Json& job, std::string_view member_name) {
  const auto of = [&](const Json& part) {
    const std::int64_t nodes = std::max<std::int64_t>(number_of(part, "nodes"), 1);
    if (member_name == "nodes") return nodes;
    const std::int64_t each = number_of(part, member_name);
    return nodes * (member_name == "gpus" ? each * 1000 + number_of(part, "gpu_share") : each);
  };
  const Json& components = member(job, "components");
  if (!components.is_array() || components.empty()) return of(job);
  std::int64_t sum = 0;
  for (const Json& part : components) sum += of(part);
  return sum;
}

Column total_column(std::string_view title, std::string_view path) {
  Column column{title, path};
  column.right = true;
  column.value = [path](const Json& row) { return Json(total(row, path)); };
  return column;
}

Column gpus_column() {
  Column column = total_column("GPUS", "gpus");
  column.show = [](const Json& row, const Style&) {
    const std::int64_t gpus = total(row, "gpus");
    return gpus > 0 ? gpus_text(gpus) : std::string();
  };
  column.value = [](const Json& row) {
    const std::int64_t gpus = total(row, "gpus");
    return gpus % 1000 == 0 ? Json(gpus / 1000) : Json(double(gpus) / 1000);
  };
  return column;
}

Column nodes_column() {
  Column column = total_column("NODES", "nodes");
  column.show = [](const Json& row, const Style&) {
    const std::int64_t nodes = total(row, "nodes");
    return nodes > 1 ? std::to_string(nodes) : std::string();
  };
  return column;
}

std::string show_node_or_reason(const Json& row, const Style&) {
  const std::string node = text_of(row, "node");
  const std::string state = text_of(row, "state");
  if (state == "running" || state == "succeeded") return node;
  const std::string reason = text_of(row, "reason");
  if (reason.empty() || reason == "none") return node;
  return "(" + reason + ")";
}

Column time_column(std::string_view title, std::string_view path, bool wide) {
  Column column{title, path};
  column.show = [path](const Json& row, const Style& style) {
    return show_time(member(row, path), style);
  };
  column.wide = wide;
  return column;
}

Column seconds_column(std::string_view title, std::string_view path, bool wide) {
  Column column{title, path};
  column.show = [path](const Json& row, const Style&) { return show_seconds(member(row, path)); };
  column.wide = wide;
  column.right = true;
  return column;
}

Column memory_column(std::string_view title, std::string_view path) {
  Column column = total_column(title, path);
  column.show = [path](const Json& row, const Style&) {
    const std::int64_t mib = total(row, path);
    return mib > 0 ? format_memory_mib(mib) : std::string();
  };
  return column;
}

Column plain(std::string_view title, std::string_view path, bool wide = false, bool right = false,
             bool stretch = false) {
  Column column{title, path};
  column.wide = wide;
  column.right = right;
  column.stretch = stretch;
  return column;
}

Column reason_column(bool wide) {
  Column column = plain("REASON", "reason", wide, false, true);
  column.show = [](const Json& row, const Style&) {
    const std::string reason = text_of(row, "reason");
    return reason == "none" ? std::string() : reason;
  };
  return column;
}

Column state_column() {
  Column column{"STATE", "state"};
  column.color = [](const Json& row) { return state_color(text_of(row, "state")); };
  return column;
}

std::vector<Column> make_job_columns() {
  std::vector<Column> columns{plain("ID", "id", false, true),
                              plain("NAME", "name", false, false, true), plain("USER", "user"),
                              state_column()};
  Column tasks = plain("TASKS", "tasks.total", false, true);
  tasks.show = show_tasks;
  columns.push_back(tasks);
  columns.push_back(nodes_column());
  columns.push_back(total_column("CPUS", "cpus"));
  columns.push_back(memory_column("MEM", "mem_mib"));
  columns.push_back(gpus_column());
  columns.push_back(seconds_column("WAIT", "wait_s", false));
  columns.push_back(seconds_column("RUN", "run_s", false));
  columns.push_back(plain("EXIT", "exit_code", true, true));
  columns.push_back(time_column("SUBMITTED", "submitted", false));
  columns.push_back(time_column("STARTED", "started", true));
  columns.push_back(time_column("ENDED", "ended", true));
  columns.push_back(plain("PRIORITY", "priority", true, true));
  columns.push_back(plain("GROUP", "group", true));
  columns.push_back(seconds_column("LIMIT", "time_limit_s", true));
  columns.push_back(plain("ARRAY", "array", true, false, true));
  columns.push_back(reason_column(true));
  columns.push_back(plain("COMMENT", "comment", true, false, true));
  Column where = plain("NODE(REASON)", "node", false, false, true);
  where.show = show_node_or_reason;
  columns.push_back(where);
  return columns;
}

std::vector<Column> make_task_columns() {
  std::vector<Column> columns{plain("INDEX", "index", false, true), state_column(),
                              plain("NODE", "node")};
  Column cpus = plain("CPUS", "cpus");
  cpus.show = [](const Json& row, const Style&) { return cpu_list(member(row, "cpus")); };
  columns.push_back(cpus);
  columns.push_back(plain("EXIT", "exit_code", false, true));
  columns.push_back(plain("SIGNAL", "signal", true, true));
  columns.push_back(plain("ATTEMPT", "attempt", true, true));
  columns.push_back(seconds_column("WAIT", "wait_s", false));
  columns.push_back(seconds_column("RUN", "run_s", false));
  columns.push_back(seconds_column("USER", "user_s", true));
  columns.push_back(seconds_column("SYSTEM", "system_s", true));
  Column rss = plain("RSS", "max_rss_kib", false, true);
  rss.show = [](const Json& row, const Style&) {
    const std::int64_t kib = number_of(row, "max_rss_kib");
    return kib > 0 ? format_memory_mib((kib + 1023) / 1024) : std::string();
  };
  columns.push_back(rss);
  columns.push_back(time_column("STARTED", "started", true));
  columns.push_back(time_column("ENDED", "ended", true));
  columns.push_back(reason_column(false));
  columns.push_back(plain("OUT", "out", true, false, true));
  return columns;
}

}  // namespace

Json job_of(const Json& answer) {
  Json job = member(answer, "job");
  if (!job.is_object()) return job;
  for (const char* name : {"task", "why", "spec"})
    if (!job.contains(name) && answer.contains(name)) job[name] = answer[name];
  return job;
}

bool is_final(std::string_view state) {
  return state == "succeeded" || state == "failed" || state == "cancelled" || state == "timed_out";
}

int exit_status(const Json& job) {
  const std::string state = text_of(job, "state");
  if (state == "succeeded") return 0;
  const std::int64_t code = number_of(job, "exit_code");
  const std::int64_t signal = number_of(job, "task.signal");
  if (state == "timed_out") return 143;
  if (code > 0 && code < 256) return int(code);
  if (signal > 0 && signal < 65) return int(128 + signal);
  return state == "cancelled" ? 143 : kInfrastructure;
}

Color state_color(std::string_view state) {
  if (state == "running" || state == "idle" || state == "mixed" || state == "allocated")
    return Color::Green;
  if (state == "failed" || state == "timed_out" || state == "lost" || state == "down")
    return Color::Red;
  if (state == "cancelled" || state == "draining" || state == "drained" || state == "maintenance" ||
      state == "held")
    return Color::Yellow;
  if (state == "succeeded") return Color::Blue;
  return Color::None;
}

const std::vector<Column>& job_columns() {
  static const std::vector<Column> columns = make_job_columns();
  return columns;
}
const std::vector<Column>& task_columns() {
  static const std::vector<Column> columns = make_task_columns();
  return columns;
}

std::optional<std::int64_t> parse_iso_us(std::string_view text) {
  tm parts{};
  double second = 0;
  const std::string copy(text);
  if (std::sscanf(copy.c_str(), "%d-%d-%dT%d:%d:%lf", &parts.tm_year, &parts.tm_mon, &parts.tm_mday,
                  &parts.tm_hour, &parts.tm_min, &second) != 6)
    return std::nullopt;
  if (parts.tm_year < 1970 || parts.tm_year > 9999 || second < 0 || second >= 61)
    return std::nullopt;
  parts.tm_year -= 1900;
  parts.tm_mon -= 1;
  return std::int64_t(::timegm(&parts)) * 1'000'000 + std::llround(second * 1e6);
}

std::string show_time(const Json& value, const Style& style) {
  if (!value.is_string()) return "";
  const std::string text = value.get<std::string>();
  const auto at = parse_iso_us(text);
  if (!style.is_terminal || !at) return text;
  const std::int64_t ago = (style.now_us - *at) / 1'000'000;
  const std::int64_t size = ago < 0 ? -ago : ago;
  std::string amount = std::to_string(size) + "s";
  if (size >= 172800)
    amount = std::to_string(size / 86400) + "d";
  else if (size >= 7200)
    amount = std::to_string(size / 3600) + "h";
  else if (size >= 120)
    amount = std::to_string(size / 60) + "m";
  return ago < 0 ? "in " + amount : amount + " ago";
}

std::string show_short_seconds(double value) {
  if (value < 1) return std::to_string(std::lround(std::max(value, 0.0) * 1000)) + " ms";
  if (value < 60) return format_fixed("1", value) + " s";
  const auto whole = std::int64_t(value);
  char buffer[64];
  if (whole < 3600) {
    std::snprintf(buffer, sizeof buffer, "%d:%02d", int(whole / 60), int(whole % 60));
    return buffer;
  }
  const std::string text = format_duration(seconds(whole));
  return text.starts_with('0') ? text.substr(1) : text;
}

std::string show_seconds(const Json& value) {
  if (!value.is_number()) return "";
  const double number = value.get<double>();
  if (number <= 0) return number < 0 ? "" : "0.0s";
  if (number < 60) return format_fixed("1", number) + "s";
  return show_short_seconds(number);
}

std::string cpu_list(const Json& numbers) {
  if (!numbers.is_array()) return "";
  std::string out;
  for (std::size_t i = 0; i < numbers.size();) {
    if (!numbers[i].is_number_integer()) return "";
    const std::int64_t first = numbers[i].get<std::int64_t>();
    std::int64_t last = first;
    for (++i; i < numbers.size() && numbers[i].is_number_integer() &&
              numbers[i].get<std::int64_t>() == last + 1;
         ++i)
      ++last;
    out += (out.empty() ? "" : ",") + std::to_string(first);
    if (last > first) out += "-" + std::to_string(last);
  }
  return out;
}

std::string job_reason(const Json& job) {
  const std::string reason = text_of(job, "reason");
  const std::string detail = text_of(job, "detail");
  if (reason.empty() || reason == "none") return detail;
  return detail.empty() ? reason : reason + ": " + detail;
}

}  // namespace drover::cli
