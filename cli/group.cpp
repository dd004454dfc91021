// cli/group.cpp - `drover group ls`.
// SPDX-License-Identifier: Apache-2.0
#include "cli/command.hpp"

namespace drover::cli {
namespace {

Column column(std::string_view title, std::string_view path, bool right = true) {
  Column made{title, path};
  made.right = right;
  return made;
}

// A limit of 0 is none.
std::string show_limit(const Json& row, std::string_view path) {
  const std::int64_t limit = number_of(row, path);
  return limit > 0 ? std::to_string(limit) : "none";
}

Result<int> run_groups(Context& context) {
  const Result<bool> words = context.at_most_words(0);
  if (!words) return fail(words.error());
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  std::vector<Json> groups;
  for (;;) {
    const Result<Json> answer =
        (*api)->read("/api/v1/groups?limit=1000&offset=" + std::to_string(groups.size()));
    if (!answer) return fail(answer.error());
    const Json& page = member(*answer, "groups");
    for (const Json& group : page) groups.push_back(group);
    if (!page.is_array() || page.size() < 1000) break;
  }
  std::vector<Column> columns{column("GROUP", "name", false),
                              column("OPEN", "open"),
                              column("QUEUED", "queued"),
                              column("ACTIVE", "active"),
                              column("RUNNING LIMIT", "running_limit"),
                              column("QUEUE LIMIT", "queue_limit")};
  for (const std::size_t i : {std::size_t(4), std::size_t(5)}) {
    columns[i].show = [path = columns[i].path](const Json& row, const Style&) {
      return show_limit(row, path);
    };
  }
  return context.print_rows(std::move(groups), columns, "groups", "name");
}

}  // namespace

const Command kGroupLs = {
    .noun = "group",
    .verb = "ls",
    .summary = "list the queues: who waits and runs, and the limits",
    .examples = "drover group ls --sort -queued",
    .run = run_groups,
};

}  // namespace drover::cli
