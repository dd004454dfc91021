// cli/quota_edit.cpp - `drover quota set|rm|diff|apply|reset`: changes of quotas in use.
// SPDX-License-Identifier: Apache-2.0
//
// Each change says before which version it was made, so that nobody's edit is lost.
#include <set>
#include <string>
#include <vector>

#include "base/units.hpp"
#include "cli/command.hpp"
#include "cli/quota.hpp"
#include "cli/quota_file.hpp"

namespace drover::cli {
namespace {

constexpr Option kDryRun = {"dry-run", 'n', Takes::Nothing, "",
                            "show what it would do; change nothing"};
constexpr Option kFile = {
    "file", 'f',          Takes::Value, "FILE", "[[quota]] tables in TOML; - = stdin",
    "",     Support::Yes, "file"};
constexpr Option kSetOptions[] = {
    {"guaranteed", 'g', Takes::Value, "RESOURCE=N", "guarantee so much; may be repeated; 0 = none"},
    {"reclaim", 0, Takes::Value, "wait|preempt", "how a lent guarantee comes back"},
    {"lend", 0, Takes::Value, "yes|no", "may others use what is guaranteed and not used"},
    kDryRun,
};
constexpr Option kRmOptions[] = {kDryRun};
constexpr Option kFileOptions[] = {kFile};
constexpr Option kApplyOptions[] = {kFile, kDryRun};
OptionTable set_options() { return kSetOptions; }
OptionTable rm_options() { return kRmOptions; }
OptionTable file_options() { return kFileOptions; }
OptionTable apply_options() { return kApplyOptions; }

std::string rule_text(const Json& rule) {
  if (!rule.is_object()) return "none";
  std::string text = amounts_text(member(rule, "max"));
  if (text.empty()) text = "no limit";
  const std::string guaranteed = amounts_text(member(rule, "guaranteed"));
  if (guaranteed.empty()) return text;
  text += ", guaranteed " + guaranteed + ", reclaim " + text_of(rule, "reclaim");
  const Json& lend = member(rule, "lend");
  return lend.is_boolean() && !lend.get<bool>() ? text + ", lends nothing" : text;
}

void print_diff(Context& context, const Json& diff) {
  if (context.globals().json()) return context.out(to_text(diff, 2) + '\n');
  const Json& changes = member(diff, "changes");
  if (changes.empty()) context.out("nothing to change\n");
  for (const Json& change : changes) {
    context.out(clean_line(text_of(change, "name") + " is " + text_of(change, "change")) + '\n');
    context.out(clean_line("  before  " + rule_text(member(change, "before"))) + '\n');
    context.out(clean_line("  after   " + rule_text(member(change, "after"))) + '\n');
    const std::string held = amounts_text(member(change, "held"));
    const std::int64_t combinations = number_of(change, "combinations");
    std::string now = held.empty() ? "nothing" : held;
    if (combinations > 1) now += " (the most of " + std::to_string(combinations) + ")";
    context.out(clean_line("  held    " + now) + '\n');
  }
  for (const Json& drain : member(diff, "drains"))
    context.out(clean_line("drains: " + text_of(drain, "quota") + " holds " +
                           text_of(drain, "held") + " " + text_of(drain, "resource") +
                           ", may hold " + text_of(drain, "max") +
                           "; nothing is killed, it gets no more until enough has ended") +
                '\n');
  const std::int64_t total = number_of(diff, "drains_total");
  if (const auto shown = std::int64_t(member(diff, "drains").size()); total > shown)
    context.out("... and " + std::to_string(total - shown) + " more drain\n");
}

Result<int> send(Context& context, const std::string& method, const std::string& name,
                 std::int64_t version, const Json* body, bool dry_run) {
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  net::HttpClient::Call call;
  call.method = method;
  call.target = "/api/v1/quotas" + (name.empty() ? "" : "/" + percent_encode(name));
  if (dry_run) call.target += "?dry_run=1";
  if (version >= 0) call.headers.emplace_back("If-Match", '"' + std::to_string(version) + '"');
  if (body != nullptr) call.body = to_text(*body);
  const Result<net::ClientResponse> response = (*api)->call(call);
  if (!response) return fail(response.error());
  const Result<Json> diff = parse_json(response->body, "the answer");
  if (!diff) return fail(diff.error());
  print_diff(context, *diff);
  if (dry_run)
    context.note("dry run: nothing was changed");
  else
    context.note(
        std::string(member(*diff, "changes").empty() ? "the quotas stay" : "the quotas are") +
        " at version " + text_of(*diff, "version"));
  return kOk;
}

// "cpus=8" into `amounts`; "cpus=none" takes the limit away.
Result<bool> put_amount(Json& amounts, const std::string& text) {
  const std::size_t sign = text.find('=');
  if (sign == std::string::npos || sign == 0)
    return fail(Errc::BadInput, "\"" + text + "\" is no amount",
                "write cpus=8, mem_mib=16384, or cpus=none for no limit");
  const std::string word = text.substr(0, sign), value = text.substr(sign + 1);
  if (value == "none") {
    amounts.erase(word);
    return true;
  }
  // How much may be written depends on the resource: the server knows, and says so.
  const auto number = parse_integer(value, INT64_MIN, INT64_MAX, word);
  if (!number)
    return fail(Errc::BadInput, word + ": \"" + value + "\" is no whole number",
                "write a whole number, as in cpus=8 or mem_mib=16384, or none for no limit", word);
  amounts[word] = *number;
  return true;
}

Result<bool> put_amounts(Json& amounts, const std::vector<std::string>& texts) {
  std::set<std::string> given;
  for (const std::string& text : texts) {
    const std::string word = text.substr(0, text.find('='));
    if (!given.insert(word).second)
      return fail(Errc::BadInput, word + " is given twice", "say once how much", word);
    if (auto put = put_amount(amounts, text); !put) return fail(put.error());
  }
  return true;
}

// The rule as it is now, or an empty one; and the version of all of them.
Result<Json> rule_now(Context& context, const std::string& name, std::int64_t& version) {
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  const Result<Json> answer = (*api)->read("/api/v1/quotas");
  if (!answer) return fail(answer.error());
  version = number_of(*answer, "version");
  for (const Json& rule : member(*answer, "rules"))
    if (text_of(rule, "name") == name) return rule;
  return Json(Json::object());
}

Result<int> run_set(Context& context) {
  const Result<std::string> first = context.word(0, "the quota, like user=ann");
  if (!first) return fail(first.error());
  const std::string name = quota_in_order(*first);
  std::int64_t version = -1;
  Result<Json> rule = rule_now(context, name, version);
  if (!rule) return fail(rule.error());
  Json body = Json::object();
  body["max"] = rule->value("max", Json::object());
  body["guaranteed"] = rule->value("guaranteed", Json::object());
  if (rule->contains("reclaim")) body["reclaim"] = (*rule)["reclaim"];
  if (rule->contains("lend")) body["lend"] = (*rule)["lend"];
  const Arguments& arguments = context.arguments();
  std::vector<std::string> limits(arguments.words.begin() + 1, arguments.words.end()), guarantees;
  for (const Given& given : arguments.options)
    if (given.option->name == "guaranteed") guarantees.push_back(given.value);
  if (auto put = put_amounts(body["max"], limits); !put) return fail(put.error());
  if (auto put = put_amounts(body["guaranteed"], guarantees); !put) return fail(put.error());
  if (arguments.has("reclaim")) body["reclaim"] = arguments.text("reclaim");
  if (arguments.has("lend")) {
    const std::string lend = arguments.text("lend");
    if (lend != "yes" && lend != "no")
      return fail(Errc::BadInput, "--lend takes yes or no, not " + lend);
    body["lend"] = lend == "yes";
  }
  return send(context, "PUT", name, version, &body, arguments.has("dry-run"));
}

Result<int> run_rm(Context& context) {
  const Result<std::string> name = context.word(0, "the quota, like user=ann");
  if (!name) return fail(name.error());
  const Result<bool> words = context.at_most_words(1);
  if (!words) return fail(words.error());
  return send(context, "DELETE", quota_in_order(*name), -1, nullptr,
              context.arguments().has("dry-run"));
}

Result<int> send_file(Context& context, bool dry_run) {
  const Result<bool> words = context.at_most_words(0);
  if (!words) return fail(words.error());
  if (!context.arguments().has("file"))
    return fail(Errc::BadInput, "which file?", "drover quota apply -f quotas.toml");
  const Result<Json> body = read_quota_file(context.arguments().text("file"));
  if (!body) return fail(body.error());
  return send(context, "PUT", "", -1, &*body, dry_run);
}

Result<int> run_diff(Context& context) { return send_file(context, true); }
Result<int> run_apply(Context& context) {
  return send_file(context, context.arguments().has("dry-run"));
}
Result<int> run_reset(Context& context) {
  const Result<bool> words = context.at_most_words(0);
  if (!words) return fail(words.error());
  return send(context, "DELETE", "", -1, nullptr, context.arguments().has("dry-run"));
}

}  // namespace

const Command kQuotaSet = {
    .noun = "quota",
    .verb = "set",
    .operands = "QUOTA [RESOURCE=N...]",
    .summary = "change a quota, or make one; what is not named stays",
    .about =
        "Takes effect at once and is kept across restarts. What holds more than it may from now "
        "on is not killed: it gets nothing more until enough of it has ended.",
    .examples =
        "drover quota set user=ann cpus=8 mem_mib=16384\n"
        "drover quota set 'user=*' running_jobs=100 --dry-run\n"
        "drover quota set account=physics cpus=512 -g cpus=128 --reclaim preempt\n"
        "drover quota set user=ann cpus=none",
    .options = set_options,
    .run = run_set,
};

const Command kQuotaRm = {
    .noun = "quota",
    .verb = "rm",
    .operands = "QUOTA",
    .summary = "take a quota away",
    .examples = "drover quota rm user=ann",
    .options = rm_options,
    .run = run_rm,
};

const Command kQuotaDiff = {
    .noun = "quota",
    .verb = "diff",
    .operands = "-f FILE",
    .summary = "show what applying a file would change and drain",
    .examples = "drover quota diff -f quotas.toml",
    .options = file_options,
    .run = run_diff,
};

const Command kQuotaApply = {
    .noun = "quota",
    .verb = "apply",
    .operands = "-f FILE",
    .summary = "make the quotas what a file says: all of it or nothing",
    .examples = "drover quota apply -f quotas.toml --dry-run\ndrover quota apply -f quotas.toml",
    .options = apply_options,
    .run = run_apply,
};

const Command kQuotaReset = {
    .noun = "quota",
    .verb = "reset",
    .summary = "go back to the quotas of the configuration file",
    .examples = "drover quota reset --dry-run",
    .options = rm_options,
    .run = run_reset,
};

}  // namespace drover::cli
