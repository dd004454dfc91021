// server/api_linkis_engines.cpp - linkisManager: engines are asked for, shown, listed and ended.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "linkis/labels.hpp"
#include "server/api_linkis.hpp"
#include "server/linkis_answer.hpp"
#include "server/linkis_desk.hpp"
#include "server/linkis_draft.hpp"
#include "server/linkis_engines.hpp"

namespace drover::server::api::linkis {
namespace {

using drover::linkis::Json;
using drover::linkis::number_of;
using drover::linkis::object_of;
using drover::linkis::text_of;
using pool::EngineState;

constexpr std::int64_t kWaitUsualMs = 40'000, kWaitMaxMs = 600'000;
constexpr std::size_t kKillsMax = 1'000;

}  // namespace

// The envelope of an error that says whether asking once more may help.
void refuse_start(const Exchange& exchange, const Error& error, bool can_retry) {
  const std::string text = error.message + (error.hint.empty() ? "" : "; " + error.hint);
  Json data;
  data["errorMsg"]["errCode"] = drover::linkis::error_code(error);
  data["errorMsg"]["desc"] = text;
  data["errorMsg"]["ip"] = "";
  data["errorMsg"]["port"] = 0;
  data["errorMsg"]["serviceKind"] = "drover";
  data["canRetry"] = can_retry;
  exchange.answer->send(
      linkis_response(exchange.linkis, drover::linkis::status_of(error.code), text, data));
}

namespace {

bool may_retry(const Error& error) {
  return error.code == Errc::Unavailable || error.code == Errc::Limit ||
         error.code == Errc::Conflict;
}

void answer_engine(const Services& services, const Exchange& exchange, const LinkisEngine& engine) {
  Json data;
  data["engine"] = engine_node(engine, services.linkis->instance());
  // Once jobs read it when they have ended.
  if (engine.is_over) data["ecMetrics"] = "{}";
  answer_linkis(exchange, data);
}

// Until the engine is there, has ended, or the time is over.
class EngineWait : public std::enable_shared_from_this<EngineWait> {
 public:
  EngineWait(Services& services, ExchangePtr exchange, JobId job, std::int64_t wait_ms)
      : services_(services),
        exchange_(std::move(exchange)),
        ticket_(std::to_string(raw(job))),
        until_(net::Loop::now().mono + millis(wait_ms)),
        timer_(services.loop, [this] { look(); }) {}
  void begin() {
    self_ = shared_from_this();
    look();
  }

 private:
  void look() {
    const auto alive = shared_from_this();
    if (exchange_->answer->is_gone()) return end();
    const auto engine = find_engine(services_, *exchange_, "", ticket_);
    if (!engine || engine->is_over) {
      refuse_start(*exchange_,
                   {Errc::Unavailable, "the engine has ended before it was ready",
                    "engineConnLog says why", ""},
                   true);
      return end();
    }
    const EngineState state = engine->view.state;
    if (state == EngineState::Idle || state == EngineState::Busy) {
      answer_engine(services_, *exchange_, *engine);
      return end();
    }
    if (net::Loop::now().mono >= until_) {
      refuse_start(*exchange_,
                   {Errc::Unavailable, "the engine is not ready yet",
                    "it waits for room or starts: ask again with ticketId " + ticket_, ""},
                   true);
      return end();
    }
    timer_.start(millis(20));
  }
  void end() {
    timer_.stop();
    if (self_) services_.loop.post([last = std::exchange(self_, nullptr)] {});
  }

  Services& services_;
  ExchangePtr exchange_;
  std::string ticket_;
  Time until_;
  net::Timer timer_;
  std::shared_ptr<EngineWait> self_;
};

struct Wanted {
  std::string type, session;
  std::int64_t wait_ms = kWaitUsualMs;
  bool ignores_timeout = false;
};

Result<Wanted> wanted(const Services& services, const Exchange& exchange, const Json& body) {
  const Json& labels = object_of(body, "labels");
  const std::string given = text_of(labels, "engineType");
  if (given.empty())
    return fail(Errc::BadInput, "the label engineType is missing",
                "\"labels\":{\"engineType\":\"python-3\"}", "labels");
  const auto type = drover::linkis::parse_engine_type(given);
  if (!type) return fail(type.error());
  if (const std::string who = text_of(labels, "userCreator"); !who.empty()) {
    const auto user = drover::linkis::parse_user_creator(who);
    if (!user) return fail(user.error());
    if (user->user != exchange.caller.user)
      return fail(Errc::Denied, "the label userCreator names somebody else",
                  exchange.caller.user + "-" + user->creator, "labels");
  }
  Wanted out;
  out.type = to_drover_engine(*type, "", services.config.linkis_engines).engine;
  out.session = text_of(object_of(body, "properties"), "drover.session");
  if (!out.session.empty())
    if (auto good = sched::check_session_name(out.session); !good) return fail(good.error());
  const std::int64_t wait = number_of(body, "timeout", number_of(body, "timeOut", kWaitUsualMs));
  out.wait_ms = wait <= 0 ? kWaitUsualMs : std::min(wait, kWaitMaxMs);
  out.ignores_timeout = body.contains("ignoreTimeout") && body["ignoreTimeout"] == true;
  return out;
}

void start(Services& services, ExchangePtr exchange, const Wanted& what) {
  if (services.turn.is_full())
    return refuse_start(*exchange,
                        {Errc::Unavailable, "too many requests wait", "try again in a moment", ""},
                        true);
  pool::StartEngines start;
  start.type = what.type;
  start.wish.owner = {exchange->caller.uid, exchange->caller.gid};
  start.wish.user = exchange->caller.user;
  start.wish.session = what.session;
  services.turn.engines(
      std::move(start), [&services, exchange, what](const Result<sched::Done>& done) {
        if (!done) return refuse_start(*exchange, done.error(), may_retry(done.error()));
        if (what.ignores_timeout) {
          const auto engine = find_engine(services, *exchange, "", std::to_string(raw(done->job)));
          if (!engine) return exchange->refuse(engine.error());
          return answer_engine(services, *exchange, *engine);
        }
        std::make_shared<EngineWait>(services, exchange, done->job, what.wait_ms)->begin();
      });
}

std::optional<LinkisEngine> idle_engine(const Services& services, const Exchange& exchange,
                                        const Wanted& what) {
  for (LinkisEngine& engine : engines_for(services, exchange))
    if (engine.view.uid == exchange.caller.uid && engine.view.type == what.type &&
        engine.view.session == what.session && engine.view.state == EngineState::Idle)
      return std::move(engine);
  return std::nullopt;
}

void end_one(Services& services, const Exchange& exchange, const LinkisEngine& engine, bool at_once,
             std::function<void(const Result<sched::Done>&)> done) {
  if (!engine.is_once())
    return services.turn.engines(
        pool::DrainEngine{exchange.caller.actor(), engine.view.name, at_once, engine.view.job},
        std::move(done));
  sched::Command command;
  command.verb = sched::Verb::Cancel;
  command.actor = exchange.caller.actor();
  command.target.job = engine.view.job;
  services.turn.command(std::move(command), std::move(done));
}

// One answer for all, when each of them is being ended.
void kill_all(Services& services, ExchangePtr exchange, const std::vector<LinkisEngine>& engines,
              bool at_once, Json data) {
  auto left = std::make_shared<std::size_t>(engines.size());
  auto answer = std::make_shared<Json>(std::move(data));
  if (engines.empty()) return answer_linkis(*exchange, *answer);
  if (services.turn.is_full())
    return exchange->refuse(
        {Errc::Unavailable, "too many requests wait", "try again in a moment", ""});
  for (const LinkisEngine& engine : engines)
    end_one(services, *exchange, engine, at_once,
            // One that has ended meanwhile is what was wanted.
            [left, answer, exchange](const Result<sched::Done>&) {
              if (--*left == 0) answer_linkis(*exchange, *answer);
            });
}

Result<std::vector<LinkisEngine>> named_engines(const Services& services, const Exchange& exchange,
                                                const Json& list) {
  std::vector<LinkisEngine> found;
  if (!list.is_array() || list.empty())
    return fail(Errc::BadInput, "the list of engines is missing", "see listUserEngines",
                "instances");
  if (list.size() > kKillsMax)
    return fail(Errc::Limit, "more than 1,000 engines at once", "send several calls", "instances");
  for (const Json& item : list) {
    std::string name = item.is_string() ? item.get<std::string>() : text_of(item, "engineInstance");
    if (name.empty()) name = text_of(item, "instance");
    auto engine = find_engine(services, exchange, name, "");
    if (!engine) return fail(engine.error());
    found.push_back(*std::move(engine));
  }
  return found;
}

// The body as a list; some clients send it bare.
Result<Json> listed(const Exchange& exchange, const char* name) {
  const std::string& body = exchange.request.body;
  const std::size_t first = body.find_first_not_of(" \t\r\n");
  const bool is_bare = first != std::string::npos && body[first] == '[';
  auto read = drover::linkis::parse_object(is_bare ? "{\"list\":" + body + "}" : body);
  if (!read) return fail(read.error());
  const auto found = read->find(is_bare ? "list" : name);
  return found == read->end() ? Json::array() : *found;
}

void kill_listed(Services& services, ExchangePtr exchange, bool at_once) {
  const auto list = listed(*exchange, "instances");
  if (!list) return exchange->refuse(list.error());
  const auto engines = named_engines(services, *exchange, *list);
  if (!engines) return exchange->refuse(engines.error());
  kill_all(services, exchange, *engines, at_once, Json::object());
}

void list_rows(const Exchange& exchange, const std::vector<LinkisEngine>& engines) {
  Json data;
  data["engines"] = Json::array();
  for (const LinkisEngine& engine : engines) data["engines"].push_back(engine_row(engine));
  answer_linkis(exchange, data);
}

}  // namespace

void create_engine(Services& services, ExchangePtr exchange) {
  const auto body = linkis_body(*exchange);
  if (!body) return exchange->refuse(body.error());
  if (is_once(*body)) return create_once(services, std::move(exchange), *body);
  const auto what = wanted(services, *exchange, *body);
  if (!what) return refuse_start(*exchange, what.error(), false);
  start(services, std::move(exchange), *what);
}

// One that is idle, else a new one. It is not locked: who sends code first has it.
void ask_engine(Services& services, ExchangePtr exchange) {
  const auto body = linkis_body(*exchange);
  if (!body) return exchange->refuse(body.error());
  if (is_once(*body)) return create_once(services, std::move(exchange), *body);
  const auto what = wanted(services, *exchange, *body);
  if (!what) return refuse_start(*exchange, what.error(), false);
  if (const auto engine = idle_engine(services, *exchange, *what))
    return answer_engine(services, *exchange, *engine);
  start(services, std::move(exchange), *what);
}

void show_engine(Services& services, ExchangePtr exchange) {
  const auto body = linkis_body(*exchange);
  if (!body) return exchange->refuse(body.error());
  const auto engine =
      find_engine(services, *exchange, text_of(*body, "instance"), text_of(*body, "ticketId"));
  if (!engine) return exchange->refuse(engine.error());
  answer_engine(services, *exchange, *engine);
}

void kill_engine(Services& services, ExchangePtr exchange) {
  const auto body = linkis_body(*exchange);
  if (!body) return exchange->refuse(body.error());
  const auto engine =
      find_engine(services, *exchange, text_of(*body, "instance"), text_of(*body, "ticketId"));
  if (!engine) return exchange->refuse(engine.error());
  if (engine->is_over) return answer_linkis(*exchange, Json::object());
  kill_all(services, exchange, {*engine}, true, Json::object());
}

void list_user_engines(Services& services, ExchangePtr exchange) {
  auto engines = engines_for(services, *exchange);
  std::erase_if(
      engines, [&](const LinkisEngine& engine) { return engine.view.uid != exchange->caller.uid; });
  list_rows(*exchange, engines);
}

void list_em_engines(Services& services, ExchangePtr exchange) {
  const auto body = linkis_body(*exchange);
  if (!body) return exchange->refuse(body.error());
  const std::string node =
      text_of(object_of(object_of(*body, "em"), "serviceInstance"), "instance");
  const std::string part = text_of(*body, "emInstance");  // of an engine's name, whatever it says
  const std::string status = text_of(*body, "nodeStatus"), owner = text_of(*body, "owner");
  const std::string type = text_of(*body, "engineType");
  auto engines = engines_for(services, *exchange);
  std::erase_if(engines, [&](const LinkisEngine& engine) {
    return (!node.empty() && engine.node != node) ||
           (!part.empty() && engine.instance().find(part) == std::string::npos &&
            engine.node != part) ||
           (!status.empty() && node_status(engine) != status) ||
           (!owner.empty() && engine.view.user != owner) ||
           (!type.empty() && engine.view.type != type.substr(0, type.find('-')));
  });
  list_rows(*exchange, engines);
}

void list_node_states(Services&, ExchangePtr exchange) {
  Json data;
  data["nodeStatus"] = {"Starting", "Unlock",       "Locked", "Idle",   "Busy",
                        "Running",  "ShuttingDown", "Failed", "Success"};
  answer_linkis(*exchange, data);
}

void kill_engines(Services& services, ExchangePtr exchange) {
  kill_listed(services, std::move(exchange), true);
}
// They take nothing new, and end when they have done what they run.
void retire_engines(Services& services, ExchangePtr exchange) {
  kill_listed(services, std::move(exchange), false);
}

// Those that do nothing, on one node.
void kill_unlocked(Services& services, ExchangePtr exchange) {
  const auto body = linkis_body(*exchange);
  if (!body) return exchange->refuse(body.error());
  if (!exchange->caller.is_operator)
    return exchange->refuse({Errc::Denied, "only operators end the engines of a node", "", ""});
  const std::string node = text_of(*body, "instance");
  auto engines = engines_for(services, *exchange);
  std::erase_if(engines, [&](const LinkisEngine& engine) {
    return engine.node != node || node_status(engine) != "Unlock";
  });
  std::int64_t mem_mib = 0, cpus = 0;
  std::string types;
  for (const LinkisEngine& engine : engines) {
    mem_mib += engine.mem_mib;
    cpus += engine.cpus;
    if (("," + types + ",").find("," + engine.view.type + ",") == std::string::npos)
      types += (types.empty() ? "" : ",") + engine.view.type;
  }
  Json data;
  data["result"]["killEngineNum"] = engines.size();
  data["result"]["memory"] = mem_mib << 20;
  data["result"]["cores"] = cpus;
  data["result"]["batchKillEngineType"] = types;
  kill_all(services, std::move(exchange), engines, false, std::move(data));
}

// An engine has no creator here, so only "*" and none name any.
void kill_by_type(Services& services, ExchangePtr exchange) {
  const auto body = linkis_body(*exchange);
  if (!body) return exchange->refuse(body.error());
  const std::string creator = text_of(*body, "creator"), type = text_of(*body, "engineType");
  if (type.empty() || !(creator.empty() || creator == "*"))
    return exchange->refuse({Errc::BadInput, "engines belong to a user and a type, to no creator",
                             "\"creator\":\"*\",\"engineType\":\"python\"", "creator"});
  auto engines = engines_for(services, *exchange);
  std::erase_if(engines, [&](const LinkisEngine& engine) {
    return engine.view.type != type.substr(0, type.find('-'));
  });
  Json data;
  data["result"]["killEngineNum"] = engines.size();
  kill_all(services, std::move(exchange), engines, true, std::move(data));
}

}  // namespace drover::server::api::linkis
