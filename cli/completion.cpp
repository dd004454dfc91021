// cli/completion.cpp - shell completion: a short script per shell that asks `drover __complete`.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "cli/command.hpp"
#include "cli/job_view.hpp"

namespace drover::cli {
namespace {

// The scripts fall back to file names when the answer is the word below.
constexpr std::string_view kFiles = ":files";

constexpr std::string_view kBash =
    R"sh(# bash completion for drover; load it with: eval "$(drover completion bash)"
_drover() {
  local IFS=$'\n' candidates
  candidates=$("${COMP_WORDS[0]}" __complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  if [ "$candidates" = ":files" ]; then
    compopt -o filenames 2>/dev/null
    COMPREPLY=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}"))
  else
    COMPREPLY=($(compgen -W "$candidates" -- "${COMP_WORDS[COMP_CWORD]}"))
  fi
}
complete -F _drover drover
)sh";

constexpr std::string_view kZsh = R"sh(#compdef drover
# zsh completion for drover; load it with: eval "$(drover completion zsh)"
_drover() {
  local -a candidates
  candidates=("${(@f)$(${words[1]} __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ "${candidates[1]}" == ":files" ]]; then
    _files
  else
    compadd -a candidates
  fi
}
compdef _drover drover
)sh";

constexpr std::string_view kFish =
    R"sh(# fish completion for drover; load it with: drover completion fish | source
function __drover_complete
  set -l words (commandline -opc) (commandline -ct)
  set -l candidates (drover __complete -- $words[2..-1] 2>/dev/null)
  if test "$candidates" = ":files"
    __fish_complete_path (commandline -ct)
  else
    printf '%s\n' $candidates
  end
end
complete -c drover -f -a '(__drover_complete)'
)sh";

std::vector<std::string> commands_for(const std::vector<std::string>& words) {
  std::vector<std::string> names;
  for (const Command* command : all_commands()) {
    if (command->verb.starts_with("__")) continue;
    const bool bare = command->noun.empty() || command->is_shortcut;
    if (words.size() <= 1 && bare) names.emplace_back(command->verb);
    if (words.size() <= 1 && !command->noun.empty()) names.emplace_back(command->noun);
    if (words.size() == 2 && command->noun == words[0]) names.emplace_back(command->verb);
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

// Lists of the server whose members have names.
constexpr struct {
  std::string_view kind, target, list, name;
} kLists[] = {
    {"node", "/api/v1/nodes", "nodes", "name"},
    {"reservation", "/api/v1/reservations", "reservations", "name"},
    {"engine", "/api/v1/engines", "engines", "name"},
    {"engine-type", "/api/v1/engine-types", "types", "type"},
    {"session", "/api/v1/sessions", "sessions", "session"},
};

std::vector<std::string> values_of(Context& context, std::string_view kind) {
  if (kind.empty() || kind == "file" || kind == "dir") return {std::string(kFiles)};
  std::vector<std::string> values;
  if (kind == "job") {
    values = {"last", "all"};
    const auto jobs = fetch_jobs(context, {{"user", context.current_user()}}, 50);
    if (jobs)
      for (const Json& job : *jobs) values.push_back(text_of(job, "id"));
    return values;
  }
  for (const auto& one : kLists) {
    if (kind != one.kind) continue;
    const Result<ApiClient*> api = context.api();
    if (!api) return values;
    const Result<Json> answer = (*api)->read(std::string(one.target));
    if (!answer) return values;
    for (const Json& row : member(*answer, one.list))
      values.push_back(clean_line(text_of(row, one.name)));
    return values;
  }
  return split_list(kind, ' ');
}

std::vector<std::string> complete(Context& context, std::vector<std::string> words) {
  if (words.empty()) words.emplace_back();
  const std::string current = words.back();
  const Found found = find_command(std::vector<std::string>(words.begin(), words.end() - 1));
  if (found.command == nullptr) {
    if (!current.starts_with('-')) return commands_for(words);
    std::vector<std::string> flags;
    for (const Option& option : global_options()) flags.push_back("--" + std::string(option.name));
    return flags;
  }
  const std::vector<OptionTable> tables = found.command->tables();
  const std::string before = words.size() > found.words + 1 ? words[words.size() - 2] : "";
  if (before == "--") return {std::string(kFiles)};
  if (before.size() > 1 && before.starts_with('-')) {
    const Option* option = before.starts_with("--") ? find_option(before.substr(2), tables)
                                                    : find_letter(before.back(), tables);
    if (option != nullptr && option->takes == Takes::Value)
      return values_of(context, option->complete);
  }
  if (current.starts_with('-')) {
    std::vector<std::string> flags;
    for (const OptionTable table : tables)
      for (const Option& option : table)
        if (option.support == Support::Yes) flags.push_back("--" + std::string(option.name));
    return flags;
  }
  return values_of(context, found.command->complete);
}

Result<int> run_complete(Context& context) {
  for (const std::string& candidate : complete(context, context.arguments().rest))
    context.out(candidate + '\n');
  return kOk;
}

Result<int> run_completion(Context& context) {
  const Result<std::string> shell = context.word(0, "bash, zsh or fish");
  if (!shell) return fail(shell.error());
  if (*shell == "bash")
    context.out(kBash);
  else if (*shell == "zsh")
    context.out(kZsh);
  else if (*shell == "fish")
    context.out(kFish);
  else
    return fail(Errc::BadInput, "there is no completion for \"" + *shell + "\"",
                "use bash, zsh or fish");
  return kOk;
}

}  // namespace

const Command kCompletion = {
    .verb = "completion",
    .operands = "bash|zsh|fish",
    .summary = "print the completion script of a shell",
    .examples = "eval \"$(drover completion bash)\"\ndrover completion fish | source",
    .complete = "bash zsh fish",
    .run = run_completion,
};

const Command kComplete = {
    .verb = "__complete",
    .operands = "-- WORD...",
    .summary = "print what may stand at the last word; for the completion scripts",
    .run = run_complete,
};

}  // namespace drover::cli
