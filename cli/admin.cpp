// cli/admin.cpp - `drover admin`: status, consistency check, backup. For operators.
// SPDX-License-Identifier: Apache-2.0
#include <filesystem>

#include "cli/command.hpp"

namespace drover::cli {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

void add_pairs(Pairs& pairs, const std::string& prefix, const Json& value) {
  if (value.is_object()) {
    for (const auto& [key, inner] : value.items())
      if (!(prefix.empty() && key == "v"))
        add_pairs(pairs, prefix.empty() ? key : prefix + "." + key, inner);
    return;
  }
  if (value.is_null()) return;
  pairs.emplace_back(prefix, value.is_string() ? value.get<std::string>() : to_text(value));
}

Result<int> run_status(Context& context) {
  const Result<bool> words = context.at_most_words(0);
  if (!words) return fail(words.error());
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  const Result<Json> answer = (*api)->read("/api/v1/status");
  if (!answer) return fail(answer.error());
  if (context.globals().json()) {
    context.out(to_text(*answer, 2) + '\n');
    return kOk;
  }
  Pairs pairs;
  add_pairs(pairs, "", *answer);
  context.out(render_pairs(pairs, context.style()));
  return kOk;
}

Result<int> run_check(Context& context) {
  const Result<bool> words = context.at_most_words(0);
  if (!words) return fail(words.error());
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  const Result<Json> answer = (*api)->post("/api/v1/admin/check", Json::object());
  if (!answer) return fail(answer.error());
  const Json& problems = member(*answer, "problems");
  const bool clean = !problems.is_array() || problems.empty();
  if (context.globals().json()) {
    context.out(to_text(*answer, 2) + '\n');
  } else if (clean) {
    context.out("no problems found\n");
  } else {
    for (const Json& problem : problems)
      context.out(clean_line(problem.is_string() ? problem.get<std::string>() : to_text(problem)) +
                  '\n');
  }
  return clean ? kOk : kError;
}

Result<int> run_backup(Context& context) {
  const Result<std::string> dir = context.word(0, "the directory for the backup");
  if (!dir) return fail(dir.error());
  const Result<bool> words = context.at_most_words(1);
  if (!words) return fail(words.error());
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  // The daemon has another working directory than we have.
  const std::string full = std::filesystem::absolute(*dir).lexically_normal().string();
  if (const Result<bool> made = make_private_dir(full); !made) context.warn(made.error().message);
  const Result<Json> answer = (*api)->post("/api/v1/admin/backup", Json{{"dir", full}});
  if (!answer) return fail(answer.error());
  if (context.globals().json())
    context.out(to_text(*answer) + '\n');
  else
    context.note("backup written to " + full);
  return kOk;
}

}  // namespace

const Command kAdminStatus = {
    .noun = "admin",
    .verb = "status",
    .summary = "print the state of the daemon: turns, store, agents",
    .examples = "drover admin status\ndrover admin status -o json",
    .run = run_status,
};

const Command kAdminCheck = {
    .noun = "admin",
    .verb = "check",
    .summary = "check that leases, quotas and counts agree (exit 1 when not)",
    .examples = "drover admin check",
    .run = run_check,
};

const Command kAdminBackup = {
    .noun = "admin",
    .verb = "backup",
    .operands = "DIR",
    .summary = "copy the store into a directory while the daemon runs",
    .examples = "drover admin backup /backup/drover-today",
    .complete = "dir",
    .run = run_backup,
};

}  // namespace drover::cli
