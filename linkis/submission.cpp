// linkis/submission.cpp - both styles of submission become one.
// SPDX-License-Identifier: Apache-2.0
#include "linkis/submission.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace drover::linkis {
namespace {

constexpr std::int64_t kUsualPriority = 100, kTimeoutMax = 366LL * 86'400;
constexpr std::int64_t kRetriesMax = 1'000, kRetryDelay = 30;  // as with Linkis
constexpr std::size_t kSessionMax = 40;  // letters of its name, as sched has it

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
  out.directory = text_of(runtime, "wds.linkis.shell.runtime.working.directory");
  if (const auto given = runtime.find("extraArguments");
      given != runtime.end() && given->is_array())
    for (const Json& one : *given)
      out.arguments.push_back(one.is_string() ? one.get<std::string>() : dump(one));
  const auto of_retries = [&](const char* name, std::int64_t usual, std::int64_t most) {
    const std::int64_t given = number_of(out.labels, name, number_of(runtime, name, usual));
    return std::clamp<std::int64_t>(given, 0, most);
  };
  out.retries = of_retries("jobRetryCount", 0, kRetriesMax);
  out.retry_delay_s = of_retries("jobRetryTimeout", kRetryDelay, kTimeoutMax);
}

// "2g", "2048m", "2GB", and "2" as well, which is 2g: as Linkis reads them. In MiB.
Result<std::int64_t> memory_of(const std::string& text, const char* key) {
  const std::size_t end = text.find_first_not_of("0123456789");
  std::int64_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + std::min(end, text.size()), number);
  std::string unit = end == std::string::npos ? "g" : text.substr(end);
  if (unit.size() == 2 && (unit[1] == 'b' || unit[1] == 'B')) unit.pop_back();
  constexpr std::string_view kUnits = "kmgt";
  const std::size_t at =
      unit.size() == 1 ? kUnits.find(char(unit[0] | 0x20)) : std::string_view::npos;
  if (read.ec != std::errc() || end == 0 || at == std::string_view::npos || number > 1'000'000'000)
    return fail(Errc::BadInput, std::string(key) + " is '" + text.substr(0, 40) + "'",
                "a whole number and k, m, g or t", "params");
  constexpr std::int64_t kKib[] = {1, 1 << 10, 1 << 20, 1 << 30};
  return (number * kKib[at] + 1023) / 1024;
}

// What the engine must have; a driver is an engine here.
Result<void> read_startup(Submission& out) {
  const Json& startup = object_of(object_of(out.params, "configuration"), "startup");
  for (const char* key : {"wds.linkis.engineconn.java.driver.memory", "spark.driver.memory",
                          "python.java.client.memory"}) {
    const std::string text = text_of(startup, key);
    if (text.empty()) continue;
    const auto mib = memory_of(text, key);
    if (!mib) return fail(mib.error());
    out.mem_mib = std::max(out.mem_mib, *mib);
  }
  for (const char* key : {"wds.linkis.engineconn.java.driver.cores", "spark.driver.cores"})
    out.cpus = std::max(out.cpus, std::clamp<std::int64_t>(number_of(startup, key, 0), 0, 100'000));
  return {};
}

// A session that a label names: its prefix keeps it apart from those that users name.
Result<std::string> session_of(const char* label, std::string_view prefix,
                               const std::string& name) {
  constexpr std::string_view kLetters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
  const std::size_t most = kSessionMax - prefix.size();
  if (name.size() > most || name.find_first_not_of(kLetters) != std::string::npos)
    return fail(Errc::BadInput, std::string(label) + " is '" + name.substr(0, 80) + "'",
                "up to " + std::to_string(most) + " letters, digits, '-' and '_'", "labels");
  return std::string(prefix) + name;
}

// bindEngine {"jobGroupId":"g1",...}: the tasks of a group share an engine, one after the other.
// fixedEngineConn "id": those of a connection, which is what the JDBC driver's fixedSession=true
// sends. Here they share a session, which ends by itself when it has been idle.
Result<void> read_binding(Submission& out) {
  if (!out.session.empty()) return {};
  const std::string group = text_of(object_of(out.labels, "bindEngine"), "jobGroupId");
  const std::string fixed = text_of(out.labels, "fixedEngineConn");
  if (group.empty() && fixed.empty()) return {};
  auto session = group.empty() ? session_of("the label fixedEngineConn", "fix-", fixed)
                               : session_of("the jobGroupId of bindEngine", "bind-", group);
  if (!session) return fail(session.error());
  out.session = *std::move(session);
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
  out.once = is_once(out.labels);
  if (auto size = read_startup(out); !size) return fail(size.error());
  if (auto bound = read_binding(out); !bound) return fail(bound.error());
  return out;
}

bool is_once(const Json& labels) {
  return text_of(labels, "engineConnMode") == "once" ||
         text_of(labels, "engingeConnRuntimeMode") == "once";
}

Result<Submission> parse_once(const Json& body, const Json& content) {
  const Json& job = object_of(content, "jobContent");
  const Json& properties = object_of(body, "properties");
  Json as_submitted;
  as_submitted["labels"] = object_of(body, "labels");
  as_submitted["source"] = object_of(content, "source");
  as_submitted["params"]["variable"] = object_of(content, "variable");
  Json& configuration = as_submitted["params"]["configuration"];
  configuration["runtime"] = object_of(content, "runtime");
  configuration["startup"] = properties;
  configuration["startup"].erase("onceExecutorContent");
  std::string code = text_of(job, "code");
  if (!job.contains("code") && !job.empty()) code = dump(job);
  std::string run_type = text_of(job, "runType", text_of(properties, "label.codeType"));
  if (run_type.empty()) run_type = text_of(as_submitted["labels"], "codeType");
  if (run_type.empty()) {  // the engine's first language
    const std::string type = text_of(as_submitted["labels"], "engineType");
    run_type = type.substr(0, type.find('-'));
  }
  as_submitted["executionContent"]["code"] = std::move(code);
  as_submitted["executionContent"]["runType"] = std::move(run_type);
  auto out = parse_submit(as_submitted);
  if (out) out->once = true;
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
  if (auto size = read_startup(out); !size) return fail(size.error());
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
