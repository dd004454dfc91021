// cli/config.cpp - `drover config`: the values in force, and checking a file before it is used.
// SPDX-License-Identifier: Apache-2.0
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "cli/command.hpp"

namespace drover::cli {
namespace {

// Whatever shape the answer has, each value becomes one row: key, value, origin.
void add_rows(std::vector<Json>& rows, const std::string& prefix, const Json& value) {
  const bool is_leaf = value.is_object() && value.contains("value");
  if (value.is_object() && !is_leaf) {
    for (const auto& [key, inner] : value.items())
      if (!(prefix.empty() && key == "v"))
        add_rows(rows, prefix.empty() ? key : prefix + "." + key, inner);
    return;
  }
  Json row{{"key", prefix}};
  row["value"] = is_leaf ? value["value"] : value;
  row["origin"] = is_leaf ? text_of(value, "origin") : "";
  rows.push_back(std::move(row));
}

Result<int> run_show(Context& context) {
  const Result<bool> words = context.at_most_words(1);
  if (!words) return fail(words.error());
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  const Result<Json> answer = (*api)->read("/api/v1/config");
  if (!answer) return fail(answer.error());
  const Json& inner = member(*answer, "config");
  std::vector<Json> rows;
  if (inner.is_array()) {
    for (const Json& entry : inner)
      rows.push_back(Json{{"key", text_of(entry, "key") + text_of(entry, "name")},
                          {"value", member(entry, "value")},
                          {"origin", text_of(entry, "origin")}});
  } else {
    add_rows(rows, "", inner.is_null() ? *answer : inner);
  }
  if (!context.arguments().words.empty()) {
    const std::string& wanted = context.arguments().words[0];
    std::erase_if(rows, [&](const Json& row) { return !text_of(row, "key").starts_with(wanted); });
    if (rows.empty()) {
      return fail(Errc::NotFound, "there is no configuration key \"" + wanted + "\"",
                  "drover config show lists them");
    }
  }
  std::vector<Column> columns{Column{"KEY", "key"}, Column{"VALUE", "value"},
                              Column{"ORIGIN", "origin"}};
  return context.print_rows(std::move(rows), columns, "config", "key");
}

Result<int> run_check(Context& context) {
  const Result<std::string> file = context.word(0, "the configuration file");
  if (!file) return fail(file.error());
  const Result<std::string> program = find_sibling("droverd");
  if (!program) return fail(program.error());
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::execl(program->c_str(), "droverd", "--check-config", file->c_str(),
            static_cast<char*>(nullptr));
    ::_exit(127);
  }
  if (pid < 0) return fail(Errc::Io, std::string("cannot fork: ") + std::strerror(errno));
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : int(kError);
}

}  // namespace

const Command kConfigShow = {
    .noun = "config",
    .verb = "show",
    .operands = "[KEY]",
    .summary = "print the values in force and where they come from",
    .examples = "drover config show\ndrover config show limits -o json",
    .run = run_show,
};

const Command kConfigCheck = {
    .noun = "config",
    .verb = "check",
    .operands = "FILE",
    .summary = "check a configuration file without using it",
    .examples = "drover config check /etc/drover/drover.toml",
    .complete = "file",
    .run = run_check,
};

}  // namespace drover::cli
