// pool/interceptors.cpp - the chain, and the words of its settings.
// SPDX-License-Identifier: Apache-2.0
#include "pool/interceptors.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "pool/row_limit.hpp"

namespace drover::pool {
namespace {

std::string lines_text(const std::vector<std::uint32_t>& lines) {
  constexpr std::size_t kShown = 5;
  std::string text = lines.size() == 1 ? "line " : "lines ";
  for (std::size_t i = 0; i < std::min(lines.size(), kShown); ++i)
    text += (i == 0 ? "" : ", ") + std::to_string(lines[i]);
  return lines.size() > kShown ? text + " and others" : text;
}

Result<void> check_size(const sched::JobSpec& spec, const CodeSettings& settings) {
  if (spec.script.size() <= settings.bytes_max) return {};
  return fail(Errc::Limit,
              "the script has " + std::to_string(spec.script.size()) + " bytes; at most " +
                  std::to_string(settings.bytes_max) + " are allowed (interceptors.code_kib)",
              "put data into a file that the code reads", "script");
}

Result<void> check_rules(const sched::JobSpec& spec, const CodeSettings& settings) {
  const auto breach = find_breach(settings.forbidden, spec.statement->language, spec.script);
  if (!breach) return {};
  return fail(Errc::Denied,
              "line " + std::to_string(breach->line) + ": this site forbids '" + breach->rule +
                  "' (interceptors.forbidden)",
              "change that line, or ask the operator to change the rule", "script");
}

bool names(const std::vector<std::string>& list, std::string_view language) {
  constexpr std::string_view kFamilies[] = {"sql", "python", "shell"};
  return std::ranges::any_of(list, [&](const std::string& word) {
    return word == language || (std::ranges::find(kFamilies, word) != std::end(kFamilies) &&
                                family_of(word) == family_of(language));
  });
}

void strip_comments(sched::JobSpec& spec, const CodeSettings& settings,
                    std::vector<std::string>& notes) {
  if (!names(settings.strip_comments, spec.statement->language)) return;
  std::string code = without_comments(spec.script, family_of(spec.statement->language));
  if (code == spec.script) return;
  spec.script = std::move(code);
  notes.emplace_back("comments are left out");
}

void set_row_limit(sched::JobSpec& spec, std::string_view creator, const CodeSettings& settings,
                   std::vector<std::string>& notes) {
  if (family_of(spec.statement->language) != CodeFamily::Sql) return;
  const auto rule = std::ranges::find_if(settings.row_limits, [&](const RowLimit& limit) {
    return (limit.creator == "*" || limit.creator == creator) &&
           (limit.engine.empty() || limit.engine == spec.statement->engine);
  });
  if (rule == settings.row_limits.end() || rule->rows == 0) return;
  Limited limited = limit_rows(spec.script, rule->rows);
  const std::string rows = std::to_string(rule->rows);
  constexpr const char* kOff = " (a line --set ide.engine.no.limit.allow=true leaves it out)";
  if (!limited.added.empty())
    notes.push_back("limit " + rows + " was added, " + lines_text(limited.added) + kOff);
  if (!limited.cut.empty())
    notes.push_back("the limit was cut to " + rows + ", " + lines_text(limited.cut) + kOff);
  spec.script = std::move(limited.code);
}

}  // namespace

Result<RowLimit> parse_row_limit(std::string_view text) {
  RowLimit limit;
  const std::size_t equals = text.rfind('=');
  const std::string_view who = text.substr(0, std::min(equals, text.size()));
  const std::size_t slash = who.find('/');
  limit.creator = who.substr(0, slash);
  if (slash != std::string_view::npos) limit.engine = who.substr(slash + 1);
  const std::string_view number =
      equals == std::string_view::npos ? std::string_view() : text.substr(equals + 1);
  const auto [rest, error] =
      std::from_chars(number.data(), number.data() + number.size(), limit.rows);
  if (limit.creator.empty() || number.empty() || error != std::errc() ||
      rest != number.data() + number.size() || limit.rows < 0 ||
      (slash != std::string_view::npos && limit.engine.empty()))
    return fail(Errc::BadInput, "'" + std::string(text.substr(0, 80)) + "' is no limit of rows",
                "write it as \"IDE=5000\", \"IDE/spark=1000\" or \"*=100000\"; 0 = none",
                "interceptors.row_limits");
  return limit;
}

Result<void> take_wishes(sched::JobSpec& spec) {
  if (!spec.statement) return {};
  rm::Request& request = spec.request;
  const bool gpus = request.gpu_share > 0 || !request.gpu_model.empty();
  const bool places = !request.constraint.empty() || !request.node_labels.empty();
  const char* field = gpus                                         ? "gpus"
                      : request.exclusive || request.sole_user > 0 ? "exclusive"
                      : places                                     ? "constraints"
                      : !request.resources.empty()                 ? "resources"
                                                                   : nullptr;
  if (field != nullptr)
    return fail(Errc::Unsupported,
                "a statement cannot ask for " + std::string(field) +
                    ": it runs on an engine, which holds what it needs",
                "cpus, mem and gpus can be asked for; open a session for more: "
                "drover session new s1 -e " +
                    spec.statement->engine,
                field);
  sched::EngineAmounts& wish = spec.statement->wish;
  wish.cpus = spec.cpus_per_task > 1 ? spec.cpus_per_task : 0;
  wish.mem_mib = std::exchange(request.mem_mib, 0);
  wish.gpus = std::exchange(request.gpus, 0);
  spec.cpus_per_task = 1;
  return {};
}

Result<std::vector<std::string>> intercept_code(sched::JobSpec& spec, std::string_view creator,
                                                const CodeSettings& settings) {
  std::vector<std::string> notes;
  if (!spec.statement) return notes;
  if (auto good = check_size(spec, settings); !good) return fail(std::move(good.error()));
  if (auto good = check_rules(spec, settings); !good) return fail(std::move(good.error()));
  // Before comments go: one of them may switch the limit off.
  set_row_limit(spec, creator, settings, notes);
  strip_comments(spec, settings, notes);
  return notes;
}

}  // namespace drover::pool
