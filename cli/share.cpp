// cli/share.cpp - `drover share`, `drover qos ls`, `drover licence ls` and `drover partition ls`.
// SPDX-License-Identifier: Apache-2.0
#include "cli/command.hpp"

namespace drover::cli {
namespace {

Column column(std::string_view title, std::string_view path, bool right = true) {
  Column made{title, path};
  made.right = right;
  return made;
}

std::string digits(const Json& row, std::string_view path, int after_point) {
  const Json& value = member(row, path);
  if (!value.is_number()) return "";
  char text[48];
  std::snprintf(text, sizeof text, "%.*f", after_point, value.get<double>());
  return text;
}

Result<int> show_list(Context& context, std::string_view name, std::vector<Column> columns,
                      std::string_view sort) {
  const Result<bool> words = context.at_most_words(0);
  if (!words) return fail(words.error());
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  const Result<Json> answer = (*api)->read("/api/v1/" + std::string(name));
  if (!answer) return fail(answer.error());
  std::vector<Json> rows;
  for (const Json& row : member(*answer, name)) rows.push_back(row);
  return context.print_rows(std::move(rows), columns, name, sort);
}

Result<int> run_share(Context& context) {
  std::vector<Column> columns{
      column("ACCOUNT", "account", false), column("USER", "user", false),
      column("SHARES", "shares"),          column("SHARE", "share_of_level"),
      column("USED", "usage_of_level"),    column("CPU HOURS", "usage_cpu_s"),
      column("CPUS NOW", "charged_cpus"),  column("FAIR SHARE", "fair_share")};
  columns[0].show = [](const Json& row, const Style&) {
    const bool is_user = !member(row, "user").is_null();
    const std::string indent(std::size_t(number_of(row, "depth")) * 2, ' ');
    return indent + (is_user ? "" : text_of(row, "account"));
  };
  for (const std::size_t i : {std::size_t(3), std::size_t(4), std::size_t(7)})
    columns[i].show = [path = columns[i].path](const Json& row, const Style&) {
      return digits(row, path, 3);
    };
  columns[5].show = [](const Json& row, const Style&) {
    const Json hours = Json{{"h", member(row, "usage_cpu_s").get<double>() / 3600}};
    return digits(hours, "h", 2);
  };
  columns[6].show = [](const Json& row, const Style&) { return digits(row, "charged_cpus", 1); };
  return show_list(context, "shares", std::move(columns), "");
}

Result<int> run_qos(Context& context) {
  return show_list(
      context, "qos",
      {column("QOS", "name", false), column("PRIORITY", "priority"), column("JOBS", "total.jobs"),
       column("CPUS", "total.cpus"), column("GPUS", "total.gpus"),
       column("CPUS/USER", "per_user.cpus"), column("JOBS/USER", "per_user.jobs"),
       column("MAX WALL s", "max_wall_s"), column("PREEMPT MODE", "preempt_mode", false),
       column("GRACE s", "preempt_grace_s")},
      "name");
}

// "job 7 (4), job 9 (1)"
std::string holders(const Json& row, const Style&) {
  std::string text;
  for (const Json& holder : member(row, "holders"))
    text += (text.empty() ? "job " : ", job ") + text_of(holder, "job") + " (" +
            text_of(holder, "count") + ")";
  return text;
}

Result<int> run_licences(Context& context) {
  std::vector<Column> columns{column("LICENCE", "name", false), column("TOTAL", "total"),
                              column("USED", "held"), column("FREE", "free"),
                              column("HELD BY", "holders", false)};
  columns.back().show = holders;
  return show_list(context, "licences", std::move(columns), "name");
}

Result<int> run_partitions(Context& context) {
  return show_list(
      context, "partitions",
      {column("PARTITION", "name", false), column("DEFAULT", "default", false),
       column("OPEN", "open", false), column("PRIORITY", "priority"),
       column("POLICY", "policy", false), column("MAX TIME s", "max_time_s"),
       column("PREEMPT MODE", "preempt_mode", false), column("GRACE s", "preempt_grace_s")},
      "name");
}

}  // namespace

const Command kShare = {
    .verb = "share",
    .summary = "show accounts and users: their shares, what they used, and who is owed most",
    .about =
        "SHARE and USED are parts of what the siblings have together. Usage counts half after "
        "each half-life. FAIR SHARE is 1 for the user who is served first.",
    .examples = "drover share\ndrover share -o json",
    .run = run_share,
};

const Command kQosLs = {
    .noun = "qos",
    .verb = "ls",
    .summary = "list classes of service: priority, limits, how they give way",
    .examples = "drover qos ls",
    .run = run_qos,
};

const Command kLicenceLs = {
    .noun = "licence",
    .verb = "ls",
    .summary = "list the cluster's licences: how many there are, are held and are free",
    .examples = "drover licence ls\ndrover licence ls -o json",
    .run = run_licences,
};

const Command kPartitionLs = {
    .noun = "partition",
    .verb = "ls",
    .summary = "list partitions: order, backfill, limits",
    .examples = "drover partition ls",
    .run = run_partitions,
};

}  // namespace drover::cli
