// cli/reservation.cpp - `drover reservation create|ls|show|rm`: what is set aside, and for whom.
// SPDX-License-Identifier: Apache-2.0
#include <ctime>

#include "base/counted_words.hpp"
#include "base/units.hpp"
#include "cli/command.hpp"
#include "cli/resource_text.hpp"

namespace drover::cli {
namespace {

constexpr Option kCreateOptions[] = {
    {"start", 0, Takes::Value, "WHEN", "when it begins (default now); like --begin of submit"},
    {"time", 't', Takes::Value, "TIME", "how long it lasts: minutes, H:M:S, 2h, 1d", "duration"},
    {"end", 'e', Takes::Value, "WHEN", "when it ends, instead of --time"},
    {"nodes", 'w', Takes::Value, "LIST|N", "the nodes: n[1-4],n7; or so many of any", "nodelist",
     Support::Yes, "node"},
    {"cpus", 'c', Takes::Value, "N", "so many CPUs of each node (default: whole nodes)"},
    {"mem", 0, Takes::Value, "SIZE", "so much memory of each node"},
    {"gpus", 0, Takes::Value, "N", "so many GPUs of each node"},
    {"licences", 'L', Takes::Value, "NAME=N,...", "so many licences of the cluster", "licenses"},
    {"users", 'u', Takes::Value, "NAME,...", "who may use it", "user"},
    {"accounts", 'A', Takes::Value, "NAME,...", "whose members may use it", "account"},
    {"repeat", 0, Takes::Value, "daily|weekly", "it comes again", "", Support::Yes,
     "once daily weekly"},
    {"maintenance", 0, Takes::Nothing, "", "nobody may use it", "maint"},
    {"overlap", 0, Takes::Nothing, "", "may be where another one is"},
    {"ignore-jobs", 0, Takes::Nothing, "", "running jobs may stay beyond its beginning"},
    {"replace", 0, Takes::Nothing, "", "change the one of that name, if there is one"},
    {"comment", 0, Takes::Value, "TEXT", "what it is for"},
    {"magnetic", 0, Takes::Nothing, "", "its users' jobs may run in it without naming it"},
    {"flex", 0, Takes::Nothing, "", "its jobs may run before, after and beside it", "flexible"},
};
OptionTable create_options() { return kCreateOptions; }

Column column(std::string_view title, std::string_view path, bool wide = false) {
  Column made{title, path};
  made.wide = wide;
  return made;
}

std::string joined(const Json& list) {
  std::string text;
  if (list.is_array())
    for (const Json& item : list)
      text += (text.empty() ? "" : ",") + (item.is_string() ? item.get<std::string>() : "");
  return text;
}

std::string each_text(const Json& row) {
  const Json& whole = member(row, "whole_nodes");
  if (whole.is_boolean() && whole.get<bool>()) return "whole";
  std::string text = counted(number_of(row, "cpus"), "cpu");
  if (const auto mib = number_of(row, "mem_mib"); mib > 0) text += " " + format_memory_mib(mib);
  if (const auto gpus = number_of(row, "gpus"); gpus > 0) text += " " + counted(gpus, "gpu");
  return text;
}

std::string licences_text(const Json& row) {
  std::string text;
  const Json& licences = member(row, "licences");
  if (licences.is_object())
    for (const auto& [name, count] : licences.items())
      text += (text.empty() ? "" : ",") + name + "=" + std::to_string(number_of(licences, name));
  return text;
}

std::string who_text(const Json& row) {
  const Json& maintenance = member(row, "maintenance");
  if (maintenance.is_boolean() && maintenance.get<bool>()) return "maintenance";
  const std::string users = joined(member(row, "users"));
  const std::string accounts = joined(member(row, "accounts"));
  if (accounts.empty()) return users;
  return users + (users.empty() ? "" : " ") + "accounts:" + accounts;
}

std::vector<Column> columns() {
  std::vector<Column> made{column("NAME", "name"), column("STATE", "state"),
                           column("START", "start"), column("END", "end")};
  for (const std::size_t i : {std::size_t(2), std::size_t(3)})
    made[i].show = [path = made[i].path](const Json& row, const Style&) {
      const std::string text = text_of(row, path);  // with its zone, without parts of a second
      return text.size() > 19 ? text.substr(0, 19) + "Z" : text;
    };
  made.push_back(column("REPEAT", "repeat"));
  made.push_back(column("NODES", "nodes"));
  made.push_back(column("EACH", "whole_nodes"));
  made.back().show = [](const Json& row, const Style&) { return each_text(row); };
  made.push_back(column("LICENCES", "licences", true));
  made.back().show = [](const Json& row, const Style&) { return licences_text(row); };
  made.push_back(column("FOR", "users"));
  made.back().show = [](const Json& row, const Style&) { return who_text(row); };
  made.push_back(column("WAITING", "jobs_waiting", true));
  made.push_back(column("RUNNING", "jobs_running", true));
  made.push_back(column("COMMENT", "comment"));
  made.back().stretch = true;
  return made;
}

Result<int> run_ls(Context& context) {
  const Result<bool> words = context.at_most_words(0);
  if (!words) return fail(words.error());
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  const Result<Json> answer = (*api)->read("/api/v1/reservations");
  if (!answer) return fail(answer.error());
  std::vector<Json> rows;
  for (const Json& row : member(*answer, "reservations")) rows.push_back(row);
  return context.print_rows(std::move(rows), columns(), "reservations", "name");
}

Result<int> run_show(Context& context) {
  const Result<std::string> name = context.word(0, "the reservation's name");
  if (!name) return fail(name.error());
  const Result<bool> words = context.at_most_words(1);
  if (!words) return fail(words.error());
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  const Result<Json> answer = (*api)->read("/api/v1/reservations/" + percent_encode(*name));
  if (!answer) return fail(answer.error());
  const Json& list = member(*answer, "reservations");
  if (!list.is_array() || list.empty()) return fail(Errc::NotFound, "no reservation " + *name);
  const Format format = context.globals().table.format;
  if (format != Format::Table && format != Format::Wide)
    return context.print_rows({list[0]}, columns(), "reservations", "name");
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const auto& [key, value] : list[0].items())
    pairs.emplace_back(key, key == "licences"  ? licences_text(list[0])
                            : value.is_array() ? joined(value)
                                               : text_of(list[0], key));
  context.out(render_pairs(pairs, context.style()));
  return kOk;
}

Result<bool> put_moment(Json& body, const Arguments& arguments, std::string_view option,
                        const std::string& field) {
  if (!arguments.has(option)) return true;
  const std::time_t now = std::time_t(wall_clock_us() / 1'000'000);
  std::tm local{};
  const std::int64_t offset = ::localtime_r(&now, &local) != nullptr ? local.tm_gmtoff : 0;
  const auto at = parse_begin(arguments.text(option), Time{wall_clock_us()}, offset);
  if (!at) return fail(at.error());
  body[field] = at->us;
  return true;
}

Result<bool> put_nodes(Json& body, const Arguments& arguments) {
  if (!arguments.has("nodes")) return true;
  const std::string text = arguments.text("nodes");
  const bool count = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
  if (!count) {
    body["nodes"] = text;
    return true;
  }
  const auto number = parse_integer(text, 1, 100'000, "nodes");
  if (!number) return fail(number.error());
  body["node_count"] = *number;
  return true;
}

Result<bool> put_amounts(Json& body, const Arguments& arguments) {
  for (const std::string option : {"cpus", "gpus"}) {
    if (!arguments.has(option)) continue;
    const auto number = parse_integer(arguments.text(option), 1, 1'000'000, option);
    if (!number) return fail(number.error());
    body[option] = *number;
  }
  if (arguments.has("licences")) {
    auto licences = read_licences(arguments.text("licences"));
    if (!licences) return fail(licences.error());
    body["licences"] = *std::move(licences);
  }
  if (!arguments.has("mem")) return true;
  const auto mib = parse_memory_mib(arguments.text("mem"));
  if (!mib) return fail(mib.error());
  body["mem_mib"] = *mib;
  return true;
}

Result<Json> body_of(const Arguments& arguments) {
  Json body = Json::object();
  if (auto ok = put_moment(body, arguments, "start", "start_us"); !ok) return fail(ok.error());
  if (auto ok = put_moment(body, arguments, "end", "end_us"); !ok) return fail(ok.error());
  if (auto ok = put_nodes(body, arguments); !ok) return fail(ok.error());
  if (auto ok = put_amounts(body, arguments); !ok) return fail(ok.error());
  for (const std::string option : {"time", "repeat", "comment"})
    if (arguments.has(option)) body[option] = arguments.text(option);
  for (const std::string option : {"users", "accounts"})
    if (arguments.has(option))
      for (const std::string& name : split_list(arguments.text(option), ','))
        body[option].push_back(name);
  if (arguments.has("maintenance")) body["maintenance"] = true;
  if (arguments.has("overlap")) body["overlap"] = true;
  if (arguments.has("magnetic")) body["magnetic"] = true;
  if (arguments.has("flex")) body["flexible"] = true;
  if (arguments.has("ignore-jobs")) body["ignore_jobs"] = true;
  if (!arguments.has("replace")) body["only_new"] = true;
  return body;
}

Result<int> run_create(Context& context) {
  const Result<std::string> name = context.word(0, "the reservation's name");
  if (!name) return fail(name.error());
  const Result<bool> words = context.at_most_words(1);
  if (!words) return fail(words.error());
  const Result<Json> body = body_of(context.arguments());
  if (!body) return fail(body.error());
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  net::HttpClient::Call call;
  call.method = "PUT";
  call.target = "/api/v1/reservations/" + percent_encode(*name);
  call.body = to_text(*body);
  const Result<net::ClientResponse> response = (*api)->call(call);
  if (!response) return fail(response.error());
  const Result<Json> answer = parse_json(response->body, "the answer");
  if (!answer) return fail(answer.error());
  std::vector<Json> rows;
  for (const Json& row : member(*answer, "reservations")) rows.push_back(row);
  return context.print_rows(std::move(rows), columns(), "reservations", "name");
}

Result<int> run_rm(Context& context) {
  const Result<std::string> first = context.word(0, "the reservation's name");
  if (!first) return fail(first.error());
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  for (const std::string& name : context.arguments().words) {
    net::HttpClient::Call call;
    call.method = "DELETE";
    call.target = "/api/v1/reservations/" + percent_encode(name);
    const Result<net::ClientResponse> response = (*api)->call(call);
    if (!response) return fail(response.error());
    const Result<Json> answer = parse_json(response->body, "the answer");
    if (!answer) return fail(answer.error());
    const std::int64_t jobs = number_of(*answer, "jobs");
    context.note("reservation " + name + " is removed; what runs in it goes on");
    if (jobs > 0)
      context.warn(std::to_string(jobs) + (jobs == 1 ? " open job names" : " open jobs name") +
                   " it: what waits of them waits until there is one of that name again");
  }
  return kOk;
}

}  // namespace

const Command kReservationCreate = {
    .noun = "reservation",
    .verb = "create",
    .operands = "NAME",
    .summary = "set nodes, or parts of them, aside for some users or for maintenance",
    .about =
        "Others use what is set aside only as far as their time limits end before it begins; a job "
        "without a limit never. Those it is for submit with --reservation NAME and run inside it "
        "alone: what would not end before it does is not started. It is refused when another one "
        "or running work is in the way; both are named.",
    .examples =
        "drover reservation create course --start tomorrow -t 8h -w n[1-4] -u ann,bob\n"
        "drover reservation create upkeep --start 2026-12-24T08:00 -e 2026-12-24T18:00 -w n[1-8] "
        "--maintenance\n"
        "drover reservation create lab --start 09:00 -t 2h --repeat daily -w n1 -c 8 --mem 16G -A "
        "physics\n"
        "drover reservation create demo -t 1h -w 2 -u ann --licences matlab=4",
    .options = create_options,
    .run = run_create,
};

const Command kReservationLs = {
    .noun = "reservation",
    .verb = "ls",
    .summary = "list reservations: when, where, for whom",
    .examples = "drover reservation ls\ndrover reservation ls -o json",
    .run = run_ls,
};

const Command kReservationShow = {
    .noun = "reservation",
    .verb = "show",
    .operands = "NAME",
    .summary = "show one reservation and how many jobs it has",
    .examples = "drover reservation show course",
    .complete = "reservation",
    .run = run_show,
};

const Command kReservationRm = {
    .noun = "reservation",
    .verb = "rm",
    .operands = "NAME...",
    .summary = "remove a reservation; what runs in it goes on",
    .examples = "drover reservation rm course",
    .complete = "reservation",
    .run = run_rm,
};

}  // namespace drover::cli
