// cli/engine_lock.cpp - `drover engine ask|lock|unlock`: an engine for oneself, for a while.
// SPDX-License-Identifier: Apache-2.0
#include "base/units.hpp"
#include "cli/engine_commands.hpp"
#include "cli/job_view.hpp"
#include "cli/waiting.hpp"

namespace drover::cli {
namespace {

constexpr Option kAskOptions[] = {
    {"lease", 0, Takes::Value, "TIME", "how long it stays yours (default 10 minutes)"},
    {"wait", 'w', Takes::Nothing, "", "wait until it is ready"},
    {"account", 'A', Takes::Value, "NAME",
     "account that an engine is charged to if one is started"},
    {"partition", 'p', Takes::Value, "NAME", "where it is started"},
    {"qos", 'q', Takes::Value, "NAME", "its class of service"},
};
OptionTable ask_options() { return kAskOptions; }
constexpr Option kLockOptions[] = {
    {"lease", 0, Takes::Value, "TIME", "from now on (default 10 minutes)"},
};
OptionTable lock_options() { return kLockOptions; }

Result<bool> add_lease(const Arguments& arguments, Json& body) {
  if (!arguments.has("lease")) return true;
  const Result<Duration> lease = parse_time_limit(arguments.text("lease"));
  if (!lease) return fail(lease.error(), "--lease");
  body["lease_s"] = (lease->us + 999'999) / 1'000'000;
  return true;
}

// Its start has a limit of its own: then the engine is gone, and with it the lock.
Result<Json> await_ready(ApiClient& api, Json answer) {
  const std::string path = "/api/v1/engines/" + percent_encode(text_of(answer, "engine.name"));
  const std::string lock = text_of(answer, "engine.lock.name");
  while (text_of(answer, "engine.state") == "starting") {
    sleep_ms(100);
    Result<Json> next = api.read(path);
    if (!next) return fail(next.error(), "the engine did not start");
    answer = *std::move(next);
    if (text_of(answer, "engine.lock.name") != lock)
      return fail(Errc::Unavailable, "the engine did not start", "drover engine log shows why");
  }
  return answer;
}

Result<int> print_engine(Context& context, const Json& answer) {
  if (context.globals().json()) {
    context.out(to_text(answer) + '\n');
    return kOk;
  }
  const std::string cold = text_of(answer, "engine.lock.why_cold");
  const std::string lock = text_of(answer, "engine.lock.name");
  if (!lock.empty()) context.out(lock + '\n');
  context.note(text_of(answer, "engine.name") + " is " + text_of(answer, "engine.state") +
               (cold.empty() ? "" : " (" + cold + ")"));
  return kOk;
}

Result<int> run_ask(Context& context) {
  const Result<std::string> type = context.word(0, "the type of engine");
  if (!type) return fail(type.error());
  const Result<bool> words = context.at_most_words(1);
  if (!words) return fail(words.error());
  const Arguments& arguments = context.arguments();
  Json body{{"engine", *type}};
  if (const auto good = add_lease(arguments, body); !good) return fail(good.error());
  for (const char* name : {"account", "partition", "qos"})
    if (arguments.has(name)) body[name] = arguments.text(name);
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  Result<Json> answer = (*api)->post("/api/v1/engines/ask", body);
  if (answer && arguments.has("wait")) answer = await_ready(**api, *std::move(answer));
  if (!answer) return fail(answer.error());
  return print_engine(context, *answer);
}

Result<int> act(Context& context, const std::string& verb) {
  const Result<std::string> name = context.word(0, "the engine");
  if (!name) return fail(name.error());
  const Result<bool> words = context.at_most_words(1);
  if (!words) return fail(words.error());
  Json body = Json::object();
  if (verb == "lock")
    if (const auto good = add_lease(context.arguments(), body); !good) return fail(good.error());
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  const Result<Json> answer =
      (*api)->post("/api/v1/engines/" + percent_encode(*name) + "/" + verb, body);
  if (!answer) return fail(answer.error());
  return print_engine(context, *answer);
}

Result<int> run_lock(Context& context) { return act(context, "lock"); }
Result<int> run_unlock(Context& context) { return act(context, "unlock"); }

}  // namespace

const Command kEngineAsk = {
    .noun = "engine",
    .verb = "ask",
    .operands = "TYPE",
    .summary = "lock an engine for yourself, a warm one if there is one; prints the lock",
    .about =
        "Statements that name the lock as their session run on that engine, one after the other, "
        "and "
        "keep names; nobody else's do. When the lease is over, or with drover engine unlock, it "
        "serves all your statements again.",
    .examples =
        "lock=$(drover engine ask python --lease 5m --wait)\ndrover exec -e python -s \"$lock\" 'x "
        "= 1'",
    .complete = "engine-type",
    .options = ask_options,
    .run = run_ask};
const Command kEngineLock = {.noun = "engine",
                             .verb = "lock",
                             .operands = "NAME",
                             .summary = "renew the lease of a locked engine",
                             .examples = "drover engine lock engine-7 --lease 1h",
                             .complete = "engine",
                             .options = lock_options,
                             .run = run_lock};
const Command kEngineUnlock = {.noun = "engine",
                               .verb = "unlock",
                               .operands = "NAME",
                               .summary = "give a locked engine back before its lease is over",
                               .examples = "drover engine unlock engine-7",
                               .complete = "engine",
                               .run = run_unlock};

}  // namespace drover::cli
