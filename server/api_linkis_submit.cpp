// server/api_linkis_submit.cpp - entrance/submit and entrance/execute: a body becomes a statement.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <ctime>
#include <string>
#include <utility>

#include "dag/placeholder.hpp"
#include "linkis/submission.hpp"
#include "pool/code_variables.hpp"
#include "server/api_linkis.hpp"
#include "server/linkis_answer.hpp"
#include "server/linkis_desk.hpp"
#include "server/linkis_draft.hpp"
#include "server/linkis_tasks.hpp"

namespace drover::server::api::linkis {
namespace {

using drover::linkis::Json;
using drover::linkis::Submission;

// Whose task it becomes: the caller's own, whatever the body says; an operator may act for others.
Result<Caller> acting_for(Services& services, const Exchange& exchange, const Submission& given) {
  const Caller& caller = exchange.caller;
  if (!caller.is_operator || given.execute_user.empty() || given.execute_user == caller.user)
    return caller;
  const auto account = services.users.find(given.execute_user);
  if (!account)
    return fail(Errc::BadInput, "there is no user " + given.execute_user.substr(0, 64),
                "executeUser must be a user of this system", "executeUser");
  return Caller{account->uid, account->gid, given.execute_user, false};
}

// ${run_date} and the like, and what params.variable holds. What clients send there is more than
// can be named in code; an empty run_date means none. Days are those of the daemon's time zone.
Result<std::string> with_values(const Submission& given, std::string_view language,
                                const std::string& user) {
  pool::VariableScope scope;
  for (const auto& [name, value] : drover::linkis::object_of(given.params, "variable").items())
    if (dag::is_variable_name(name))
      scope.given[name] =
          value.is_string() ? value.get<std::string>() : drover::linkis::dump(value);
  if (const auto date = scope.given.find("run_date");
      date != scope.given.end() && date->second.empty())
    scope.given.erase(date);
  scope.wall = net::Loop::now().wall;
  const std::time_t seconds = scope.wall.us / 1'000'000;
  std::tm local{};
  if (localtime_r(&seconds, &local) != nullptr) scope.wall.us += local.tm_gmtoff * 1'000'000;
  scope.user = user;
  return pool::fill_variables(given.code, language, std::move(scope));
}

bool is_shell(std::string_view language) {
  return language == "shell" || language == "bash" || language == "sh";
}

// $1 and the like, in the first line, so that lines keep their numbers.
std::string positional(const std::vector<std::string>& arguments) {
  if (arguments.empty()) return {};
  std::string text = "set --";
  for (const std::string& argument : arguments) {
    text += " '";
    for (const char c : argument) {
      if (c == '\'')
        text += "'\\''";
      else if (c == '\n')
        text += "'$'\\n''";
      else
        text += c;
    }
    text += '\'';
  }
  return text + "; ";
}

}  // namespace

Result<Draft> draft_of(Services& services, const Exchange& exchange, Submission given, int& code) {
  auto caller = acting_for(services, exchange, given);
  if (!caller) return fail(caller.error());
  const auto& who = given.user_creator;
  if (!who.user.empty() && who.user != caller->user) {
    code = 50080;
    return fail(Errc::BadInput,
                "the label userCreator names " + who.user + ", the task is of " + caller->user,
                "userCreator is " + caller->user + "-" + who.creator, "labels");
  }
  const std::string creator = who.creator.empty() ? "IDE" : who.creator;
  if (given.labels.is_object() && !given.labels.contains("userCreator"))
    given.labels["userCreator"] = caller->user + "-" + creator;
  const auto ours = to_drover_engine(given.engine, given.run_type, services.config.linkis_engines);
  const pool::Plugin* plugin = services.engines.catalogue().find(ours.engine);
  const std::string& address = exchange.request.peer.address;
  std::string origin = to_origin(given, address.substr(0, address.rfind(':')));
  if (origin.size() > drover::linkis::kOriginMax)
    return fail(Errc::Limit,
                "params, source and labels are " + std::to_string(origin.size()) + " bytes",
                "at most " + std::to_string(drover::linkis::kOriginMax) + " are kept with a task",
                "params");
  Draft draft;
  draft.caller = *std::move(caller);
  sched::JobSpec& spec = draft.spec;
  auto code_text = with_values(given, ours.language, draft.caller.user);
  if (!code_text) return fail(code_text.error());
  spec.script = *std::move(code_text);
  if (is_shell(ours.language)) {
    if (!given.directory.empty() && given.directory[0] != '/')
      return fail(Errc::BadInput, "the working directory is " + given.directory.substr(0, 200),
                  "wds.linkis.shell.runtime.working.directory is an absolute path", "params");
    spec.script.insert(0, positional(given.arguments));
    spec.cwd = given.directory;
  }
  spec.statement.emplace();
  spec.statement->engine = ours.engine;
  spec.statement->language = ours.language;
  spec.statement->session = given.session;
  spec.statement->once = given.once;
  // Of a session, and of an engine that users share, somebody else has said how large it is.
  if (given.session.empty() && plugin != nullptr && !plugin->shared_as) {
    spec.cpus_per_task = std::int32_t(std::max<std::int64_t>(given.cpus, 1));
    spec.request.mem_mib = given.mem_mib;
  }
  spec.statement->origin = std::move(origin);
  spec.labels["creator"] = creator;
  spec.priority = given.priority;
  spec.time_limit = seconds(given.running_timeout_s);
  if (given.retries > 0) {  // only where nobody can tell whether it ran to its end
    spec.retry.max = std::uint32_t(given.retries);
    spec.retry.delay = seconds(given.retry_delay_s);
    spec.retry.on = sched::kRetryLost;
  }
  if (given.queuing_timeout_s > 0) {  // a deadline is for the end: it may run its whole time
    const std::int64_t runs = given.running_timeout_s > 0 ? given.running_timeout_s
                                                          : services.config.default_time_limit_s;
    spec.deadline = net::Loop::now().wall + seconds(given.queuing_timeout_s + runs);
  }
  return draft;
}

namespace {

void submit_as(Services& services, ExchangePtr exchange,
               Result<Submission> (*parse)(const Json& body)) {
  const auto refuse = [&](const Error& error, int code) {
    services.metrics.add(metrics::FamilyId::JobsRejected, {to_string(error.code)});
    refuse_with(*exchange, error, code);
  };
  const auto body = linkis_body(*exchange);
  if (!body) return refuse(body.error(), 20010);
  auto given = parse(*body);
  if (!given) return refuse(given.error(), 0);
  int code = 0;
  auto draft = draft_of(services, *exchange, *std::move(given), code);
  if (!draft) return refuse(draft.error(), code);
  std::optional<store::Snapshot> snapshot;
  services.admission.submit(std::move(draft->spec), draft->caller, {}, {}, snapshot,
                            [&services, exchange](const Result<Admitted>& result) {
                              if (!result) return refuse_with(*exchange, result.error(), 0);
                              const auto spec = services.specs.find(result->job);
                              if (!spec) return exchange->refuse(spec.error());
                              services.linkis->watch.see(result->job, **spec);
                              Json data;
                              data["execID"] = drover::linkis::exec_id(
                                  services.linkis->instance(), task_name(**spec, result->job));
                              data["taskID"] = raw(result->job);
                              answer_linkis(*exchange, data);
                            });
}

}  // namespace

void submit(Services& services, ExchangePtr exchange) {
  submit_as(services, std::move(exchange), drover::linkis::parse_submit);
}
void execute(Services& services, ExchangePtr exchange) {
  submit_as(services, std::move(exchange), drover::linkis::parse_execute);
}

}  // namespace drover::server::api::linkis
