// cli/alter.cpp - `drover alter`: another time limit, partition or request for a job that is there.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <ctime>

#include "base/units.hpp"
#include "cli/command.hpp"
#include "cli/job_view.hpp"
#include "cli/spec_builder.hpp"
#include "cli/submit_options.hpp"

namespace drover::cli {
namespace {

struct Name {
  std::string_view said, option;
};
// Besides the options' own names: shorter ones, and scontrol's.
constexpr auto kNames = std::to_array<Name>({
    {"arraytaskthrottle", "array-throttle"},
    {"cpuspertask", "cpus-per-task"},
    {"features", "constraint"},
    {"jobname", "job-name"},
    {"labels", "label"},
    {"licences", "licenses"},
    {"minmemorynode", "mem"},
    {"name", "job-name"},
    {"numcpus", "ntasks"},
    {"numnodes", "nodes"},
    {"numtasks", "ntasks"},
    {"reservationname", "reservation"},
    {"starttime", "begin"},
    {"throttle", "array-throttle"},
    {"timelimit", "time"},
});
constexpr std::array kAltered = {
    "job-name", "ntasks",     "ntasks-per-node", "cpus-per-task", "mem",      "mem-per-cpu",
    "gpus",     "time",       "gpus-per-node",   "begin",         "priority", "nice",
    "account",  "constraint", "partition",       "qos",           "deadline", "reservation",
    "comment",  "dependency", "max-failures",    "nodes",         "label",    "kill-on-invalid-dep",
    "licenses", "retry"};

std::string option_of(std::string key) {
  std::ranges::transform(key, key.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c == '_' ? '-' : c;
  });
  const auto* known = std::ranges::find(kNames, key, &Name::said);
  return known != kNames.end() ? std::string(known->option) : key;
}

Result<bool> yes_or_no(const std::string& key, const std::string& value) {
  if (value == "yes" || value == "1") return true;
  if (value == "no" || value == "0") return false;
  return fail(Errc::BadInput, key + " takes yes or no, not \"" + value + "\"", {}, key);
}

// What no option can say: "requeue=no" has an option for each value, the throttle is a part of one.
Result<bool> put_flag(Json& changes, const std::string& option, const std::string& value) {
  if (option == "array-throttle") {
    const auto most = parse_integer(value, 0, 4'294'967'295, option);
    if (!most) return fail(most.error());
    changes["array_throttle"] = *most;
    return true;
  }
  if (option == "exclusive" && value == "user") {
    changes[option] = value;
    return true;
  }
  const Result<bool> is = yes_or_no(option, value);
  if (!is) return fail(is.error());
  changes[option] = *is;
  return true;
}

Result<bool> put_change(Json& changes, const std::string& word, const SpecSource& source) {
  const std::size_t sign = word.find('=');
  if (sign == std::string::npos || sign == 0)
    return fail(Errc::BadInput, "\"" + word + "\" is no change", "write time=2:00:00, qos=low ...");
  const std::string option = option_of(word.substr(0, sign)), value = word.substr(sign + 1);
  if (option == "array-throttle" || option == "requeue" || option == "exclusive")
    return put_flag(changes, option, value);
  if (std::ranges::find(kAltered, option) == kAltered.end()) {
    std::vector<std::string_view> names(kAltered.begin(), kAltered.end());
    for (const char* more : {"array-throttle", "requeue", "exclusive"}) names.emplace_back(more);
    const std::string_view near = nearest_match(option, names);
    return fail(Errc::BadInput, "a job's " + option + " cannot be altered",
                near.empty() ? "drover alter --help lists what can"
                             : "did you mean " + std::string(near) + "?",
                option);
  }
  if (option == "dependency" && (value.empty() || value == "none")) {
    changes["dependencies"] = Json::array();
    return true;
  }
  const auto table = job_options();
  const auto known = std::ranges::find(table, option, &Option::name);
  if (known == table.end()) return fail(Errc::BadInput, "there is no option --" + option);
  Given given;
  given.option = &*known;
  given.value = value;
  return overlay_options(changes, {given}, source);
}

constexpr Option kOptions[] = {
    {"dry-run", 0, Takes::Nothing, "", "say what would change, and change nothing"},
};
OptionTable options() { return kOptions; }

Result<int> run(Context& context) {
  const Arguments& arguments = context.arguments();
  if (arguments.words.size() < 2)
    return fail(Errc::BadInput, "which job, and what of it?", "drover alter 12 time=2:00:00");
  Result<Selector> selector = parse_selector({arguments.words.front()});
  if (!selector) return fail(selector.error());
  const Result<bool> resolved = resolve_last(context, *selector);
  if (!resolved) return fail(resolved.error());
  if (selector->all || !selector->elements.empty() || selector->ranges.size() != 1 ||
      selector->ranges.front().first != selector->ranges.front().last)
    return fail(Errc::BadInput, "one job at a time is altered, with all its elements",
                "drover alter 12 time=2:00:00");
  SpecSource source;
  source.now_us = wall_clock_us();
  const std::time_t now = source.now_us / 1'000'000;
  std::tm local{};
  if (::localtime_r(&now, &local) != nullptr) source.utc_offset_s = local.tm_gmtoff;
  Json changes = Json::object();
  for (std::size_t i = 1; i < arguments.words.size(); ++i)
    if (auto put = put_change(changes, arguments.words[i], source); !put) return fail(put.error());
  if (auto found = resolve_dependency(context, changes); !found) return fail(found.error());
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  net::HttpClient::Call call;
  call.method = "PATCH";
  call.target = "/api/v1/jobs/" + std::to_string(selector->ranges.front().first);
  if (arguments.has("dry-run")) call.target += "?dry_run=1";
  call.body = to_text(changes);
  const Result<net::ClientResponse> response = (*api)->call(call);
  if (!response) return fail(response.error());
  const Result<Json> done = parse_json(response->body, "the answer");
  if (!done) return fail(done.error());
  if (context.globals().json()) {
    context.out(to_text(*done) + '\n');
    return kOk;
  }
  for (const Json& change : member(*done, "changes")) {
    const auto said = [&](const char* key) {
      const std::string text = text_of(change, key);
      return text.empty() ? std::string("none") : clean_line(text);
    };
    context.out(text_of(change, "name") + ": " + said("from") + " -> " + said("to") + '\n');
  }
  if (member(*done, "changes").empty()) context.note("nothing to change");
  if (arguments.has("dry-run") && !member(*done, "changes").empty())
    context.note("nothing was changed: leave --dry-run out");
  return kOk;
}

}  // namespace

const Command kAlter = {
    .noun = "job",
    .verb = "alter",
    .is_shortcut = true,
    .operands = "ID KEY=VALUE...",
    .summary = "change a job that was submitted",
    .about =
        "Keys are the long options of `drover submit` (time, partition, qos, account, nodes, "
        "ntasks, cpus-per-task, mem, gpus, constraint, begin, deadline, dependency, priority, "
        "nice, label, reservation, max-failures, retry, job-name, comment), array-throttle, and "
        "requeue=yes|no, exclusive=yes|no|user. All of it is changed or nothing; it must pass what "
        "a "
        "submission passes. On a node a job keeps its requests; its time limit may be lowered by "
        "its owner and raised by operators. `dependency=none` waits for nobody.",
    .examples =
        "drover alter 12 time=2:00:00 qos=low\n"
        "drover alter 12 dependency=afterok:10 begin=tomorrow\n"
        "drover alter --dry-run 12 partition=gpu gpus=1\n"
        "drover alter 20 array-throttle=50\n"
        "drover alter 12 nodes=2 ntasks=16 mem=8G",
    .complete = "job",
    .options = options,
    .run = run,
};

}  // namespace drover::cli
