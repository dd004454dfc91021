// linkis/submission.cpp - both styles of submission become one.
// SPDX-License-Identifier: Apache-2.0
#include "linkis/submission.hpp"

#include <algorithm>
#include <array>

namespace drover::linkis {
namespace {

constexpr std::int64_t kUsualPriority = 100, kTimeoutMax = 366LL * 86'400;
constexpr std::int64_t kRetriesMax = 1'000, kRetryDelay = 30;  // as with Linkis
constexpr std::size_t kGroupMax = 35;

Json object_or_empty(const Json& body, const char* name) {
  return object_of(body, name);  // anything else, null most of all, counts as not given
}

// What the runtime map says that Drover can do.
void read_runtime(Submission& out) {
  const Json& configuration = object_of(out.params, "configuration");
  const Json& runtime = object_of(configuration, "runtime");
  const std::int64_t priority =
      number_of(runtime, "wds.linkis.engine.runtime.priority", kUsualPriority);
  out.priority = std::int32_t(std::clamp<std::int64_t>(priority, 0, 1'000'000) - kUsualPriority);
  out.session = text_of(runtime, "drover.session");
  const auto of_retries = [&](const char* name, std::int64_t usual, std::int64_t most) {
    const std::int64_t given = number_of(out.labels, name, number_of(runtime, name, usual));
    return std::clamp<std::int64_t>(given, 0, most);
  };
  out.retries = of_retries("jobRetryCount", 0, kRetriesMax);
  out.retry_delay_s = of_retries("jobRetryTimeout", kRetryDelay, kTimeoutMax);
}

// {"jobGroupId":"g1",...}: the tasks of a group share an engine, one after the other. Here they
// share a session, which ends by itself when it has been idle.
Result<void> read_binding(Submission& out) {
  const Json& bind = object_of(out.labels, "bindEngine");
  const std::string group = text_of(bind, "jobGroupId");
  if (group.empty() || !out.session.empty()) return {};
  constexpr std::string_view kLetters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
  if (group.size() > kGroupMax || group.find_first_not_of(kLetters) != std::string::npos)
    return fail(Errc::BadInput, "the jobGroupId of bindEngine is '" + group.substr(0, 80) + "'",
                "up to 35 letters, digits, '-' and '_'", "labels");
  out.session = "bind-" + group;
  return {};
}

Result<void> check_code(const Submission& out) {
  if (out.code.find_first_not_of(" \t\r\n") == std::string::npos)
    return fail(Errc::BadInput, "there is no code to run", "give some", "script");
  if (out.code.find('\0') != std::string::npos)
    return fail(Errc::BadInput, "the code holds a NUL byte", "remove it", "script");
  return {};
}

// spark 2.4.3, hive 1.2.1 and python python2 of old; here the version decides nothing.
std::string engine_of_application(const std::string& application) {
  return application == "nodeexecution" || application.empty() ? "spark" : application;
}

}  // namespace

Result<Submission> parse_submit(const Json& body) {
  Submission out;
  out.execute_user = text_of(body, "executeUser");
  const Json& content = object_of(body, "executionContent");
  out.code = text_of(content, "code");
  out.run_type = text_of(content, "runType");
  out.labels = object_or_empty(body, "labels");
  out.params = object_or_empty(body, "params");
  out.source = object_or_empty(body, "source");
  if (auto code = check_code(out); !code) return fail(code.error());
  if (out.labels.empty())
    return fail(Errc::BadInput, "the labels are missing",
                "\"labels\":{\"engineType\":\"python-3\",\"userCreator\":\"user-IDE\"}", "labels");
  if (out.run_type.empty()) out.run_type = text_of(out.labels, "codeType");
  const std::string type = text_of(out.labels, "engineType");
  if (type.empty() || out.run_type.empty())
    return fail(Errc::BadInput, "the label engineType and a runType are needed",
                "engineType \"python-3\", runType \"python\"", "engine");
  auto engine = parse_engine_type(type);
  if (!engine) return fail(engine.error());
  out.engine = *std::move(engine);
  if (const std::string who = text_of(out.labels, "userCreator"); !who.empty()) {
    auto user_creator = parse_user_creator(who);
    if (!user_creator) return fail(user_creator.error());
    out.user_creator = *std::move(user_creator);
  }
  const auto timeout = [&](const char* label) {
    return std::clamp<std::int64_t>(number_of(out.labels, label, 0), 0, kTimeoutMax);
  };
  out.running_timeout_s = timeout("jobRunningTimeout");
  out.queuing_timeout_s = timeout("jobQueuingTimeout");
  read_runtime(out);
  if (auto bound = read_binding(out); !bound) return fail(bound.error());
  return out;
}

Result<Submission> parse_execute(const Json& body) {
  Submission out;
  out.execute_user = text_of(body, "umUser");
  out.code = text_of(body, "executionCode");
  out.run_type = text_of(body, "runType", "sql");
  if (out.run_type.empty()) out.run_type = "sql";
  out.params = object_or_empty(body, "params");
  out.source = object_or_empty(body, "source");
  if (const std::string path = text_of(body, "scriptPath"); !path.empty())
    out.source["scriptPath"] = path;
  if (auto code = check_code(out); !code) return fail(code.error());
  auto engine = parse_engine_type(engine_of_application(text_of(body, "executeApplicationName")));
  if (!engine) return fail(engine.error());
  out.engine = *std::move(engine);
  out.user_creator.creator = text_of(body, "requestApplicationName", "IDE");
  if (out.user_creator.creator.empty()) out.user_creator.creator = "IDE";
  out.labels = Json::object();
  out.labels["engineType"] = out.engine.type;
  out.labels["codeType"] = out.run_type;
  read_runtime(out);
  return out;
}

std::string to_origin(const Submission& submission, std::string_view request_host) {
  Json origin;
  origin["labels"] = submission.labels;
  origin["params"] = submission.params;
  origin["source"] = submission.source;
  origin["source"]["requestIP"] = request_host;
  return dump(origin);
}

}  // namespace drover::linkis
