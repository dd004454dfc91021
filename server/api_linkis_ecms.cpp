// server/api_linkis_ecms.cpp - linkisManager: nodes, records of engines, and what engines are told.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "base/units.hpp"
#include "linkis/log_text.hpp"
#include "server/advice.hpp"
#include "server/api_linkis.hpp"
#include "server/linkis_answer.hpp"
#include "server/linkis_desk.hpp"
#include "server/linkis_engines.hpp"
#include "server/linkis_log.hpp"
#include "server/linkis_tasks.hpp"
#include "server/result_place.hpp"

namespace drover::server::api::linkis {
namespace {

using drover::linkis::Json;
using drover::linkis::number_of;
using drover::linkis::object_of;
using drover::linkis::text_of;

constexpr std::int64_t kLinesUsual = 100, kLinesMax = 5'000;
constexpr std::size_t kTailBytes = 1 << 20;
constexpr std::size_t kWordsMax = 16, kWordMax = 256;  // of a filter; bytes of a word
constexpr int kPiecesMax = 64;  // that are looked through for one page, from its first line on

Error for_operators(const char* what) {
  return {Errc::Denied, std::string("only operators ") + what, "server.operators lists them", ""};
}

// ---- the log of an engine

struct LogWish {
  std::int64_t from = 1, count = kLinesUsual, last = 0;  // last: so many lines at the end
  std::vector<std::string> only, ignored;                // words
};

Result<std::vector<std::string>> words_of(const Json& parameters, const char* key) {
  const std::string csv = text_of(parameters, key);
  std::vector<std::string> words;
  for (std::size_t at = 0; at < csv.size();) {
    const std::size_t comma = std::min(csv.find(',', at), csv.size());
    if (words.size() == kWordsMax || comma - at > kWordMax)
      return fail(Errc::Limit, std::string(key) + " has too many words or too long ones",
                  "at most 16 words of at most 256 bytes", key);
    if (comma > at) words.push_back(csv.substr(at, comma - at));
    at = comma + 1;
  }
  return words;
}

Result<LogWish> log_wish(const Json& parameters) {
  LogWish wish;
  wish.from = std::max<std::int64_t>(number_of(parameters, "fromLine", 1), 1);
  wish.count =
      std::clamp<std::int64_t>(number_of(parameters, "pageSize", kLinesUsual), 1, kLinesMax);
  wish.last = std::clamp<std::int64_t>(number_of(parameters, "lastRows", 0), 0, kLinesMax);
  if (parameters.contains("enableTail") &&
      (parameters["enableTail"] == true || parameters["enableTail"] == "true") && wish.last == 0)
    wish.last = wish.count;
  auto only = words_of(parameters, "onlyKeywords");
  if (!only) return fail(only.error());
  auto ignored = words_of(parameters, "ignoreKeywords");
  if (!ignored) return fail(ignored.error());
  wish.only = *std::move(only);
  wish.ignored = *std::move(ignored);
  return wish;
}

// Piece by piece up to the lines that are asked for; of the end, the last MiB. A page that ends
// early, for its bytes or because few lines have the words, says where the next one begins.
class EngineLog : public std::enable_shared_from_this<EngineLog> {
 public:
  EngineLog(Services& services, ExchangePtr exchange, PlacedFiles files, LogWish wish)
      : services_(services),
        exchange_(std::move(exchange)),
        files_(std::move(files)),
        wish_(std::move(wish)) {
    ++services_.streams;
  }
  ~EngineLog() { --services_.streams; }
  EngineLog(const EngineLog&) = delete;
  EngineLog& operator=(const EngineLog&) = delete;

  void step() {
    if (exchange_->answer->is_gone()) return;
    const std::int64_t offset =
        wish_.last > 0 ? -std::int64_t(kTailBytes) : offset_ + std::int64_t(carry_.size());
    files_.read(files_.place().log, offset, PlacedFiles::kPiece,
                [self = shared_from_this()](const Result<LogPiece>& piece) { self->take(piece); });
  }

 private:
  bool is_wanted(std::string_view line) const {
    const auto has = [&](const std::string& word) { return line.find(word) != line.npos; };
    if (std::ranges::any_of(wish_.ignored, has)) return false;
    return wish_.only.empty() || std::ranges::any_of(wish_.only, has);
  }
  void add(std::string_view line) {
    ++line_;
    if (wish_.last == 0 && (line_ < wish_.from || is_full())) return;
    end_line_ = line_;
    if (!is_wanted(line)) return;
    bytes_ += line.size();
    lines_.emplace_back(line);
  }
  // Lines that are left out count, so that the next page begins behind them.
  bool is_full() const {
    return wish_.last == 0 &&
           (std::int64_t(lines_.size()) >= wish_.count || bytes_ >= kLogBytesMax);
  }

  void take(const Result<LogPiece>& piece) {
    if (!piece) return exchange_->refuse(piece.error());
    if (piece->not_found) return send();
    const bool at_end =
        piece->data.empty() || piece->offset + std::int64_t(piece->data.size()) >= piece->size;
    carry_ += piece->data;
    // Beside the loop: a piece may have a million lines, and each is compared with each word.
    services_.loop.offload([self = shared_from_this(), at_end] { self->take_lines(at_end); },
                           [self = shared_from_this(), at_end] { self->go_on(at_end); });
  }

  void take_lines(bool at_end) {
    std::size_t at = 0;
    while (!is_full() && at < carry_.size()) {
      const std::size_t end = std::min(carry_.find('\n', at), at + kLogLineMax);
      if (end >= carry_.size()) break;
      add(std::string_view(carry_).substr(at, end - at));
      at = carry_[end] == '\n' ? end + 1 : end;
    }
    carry_.erase(0, at);
    offset_ += std::int64_t(at);
    if (at_end && !is_full() && !carry_.empty()) add(carry_);
    if (line_ + 1 >= wish_.from) ++pieces_;
  }

  void go_on(bool at_end) {
    if (is_full() || at_end || wish_.last > 0 || pieces_ >= kPiecesMax) return send();
    step();
  }

  void send() {
    if (wish_.last > 0 && std::int64_t(lines_.size()) > wish_.last)
      lines_.erase(lines_.begin(), lines_.end() - wish_.last);
    Json data;
    data["result"]["logPath"] = files_.place().log;
    data["result"]["logs"] = lines_;
    data["result"]["endLine"] = std::max(end_line_, wish_.from - 1);
    data["result"]["rows"] = lines_.size();
    data["errorMsg"] = "";
    data["isError"] = false;
    answer_linkis(*exchange_, data);
  }

  Services& services_;
  ExchangePtr exchange_;
  PlacedFiles files_;
  LogWish wish_;
  std::vector<std::string> lines_;
  std::string carry_;
  std::size_t bytes_ = 0;
  int pieces_ = 0;
  std::int64_t line_ = 0, end_line_ = 0, offset_ = 0;
};

void send_log(Services& services, ExchangePtr exchange, const LinkisEngine& engine,
              const Json& parameters) {
  auto wish = log_wish(parameters);
  if (!wish) return exchange->refuse(wish.error());
  if (services.streams >= std::size_t(services.config.streams))
    return exchange->refuse(
        {Errc::Unavailable, "too many logs are being read", "try again in a moment", ""});
  auto snapshot = services.store.snapshot();
  if (!snapshot) return exchange->refuse(snapshot.error());
  const auto spec = snapshot->spec(engine.view.job, false);
  if (!spec) return exchange->refuse(spec.error());
  auto place = result_place(services, *spec, engine.view.job);
  if (!place) return exchange->refuse(place.error());
  std::make_shared<EngineLog>(services, std::move(exchange),
                              PlacedFiles(services, spec->owner, *std::move(place)),
                              *std::move(wish))
      ->step();
}

// ---- operators

void answer_result(const Exchange& exchange, Json result) {
  Json data;
  data["result"] = std::move(result);
  data["errorMsg"] = "";
  data["isError"] = false;
  answer_linkis(exchange, data);
}

Json progress_result(const Services& services, const Exchange& exchange,
                     const LinkisEngine& engine) {
  Json result;
  result["progress"] = 0.0;
  result["progressInfo"] = Json::array();
  if (engine.is_over) result["progress"] = 1.0;
  if (engine.is_over || raw(engine.view.running) == 0) return result;
  const auto task = find_task(services, exchange, std::to_string(raw(engine.view.running)));
  if (!task) return result;
  result["progress"] = progress_of(services, *task);
  result["progressInfo"] = progress_info(services, *task);
  return result;
}

void operate(Services& services, ExchangePtr exchange) {
  const auto body = linkis_body(*exchange);
  if (!body) return exchange->refuse(body.error());
  const Json& parameters = object_of(*body, "parameters");
  const std::string verb = text_of(parameters, "__operator_name__");
  // An ECM is told which engine is meant by the parameters.
  std::string instance = text_of(parameters, "engineConnInstance");
  if (instance.empty()) instance = text_of(*body, "instance");
  const auto engine = find_engine(services, *exchange, instance, text_of(parameters, "ticketId"));
  if (!engine) return exchange->refuse(engine.error());
  Json result;
  if (verb == "engineConnLog") return send_log(services, exchange, *engine, parameters);
  if (verb == "engineConnProgress")
    return answer_result(*exchange, progress_result(services, *exchange, *engine));
  if (verb == "engineConnMetrics") {
    result["metrics"] = Json::object();
    return answer_result(*exchange, std::move(result));
  }
  if (verb == "engineConnDiagnosis") {
    result["diagnosis"] = std::string(node_status(*engine)) +
                          advice_on_engine(services, engine->view.job, exchange->caller);
    return answer_result(*exchange, std::move(result));
  }
  if (verb == "engineConnYarnApplication") {
    for (const char* name : {"applicationId", "url", "queue"}) result[name] = "";
    return answer_result(*exchange, std::move(result));
  }
  static constexpr std::array<std::string_view, 5> kVerbs{
      "engineConnLog", "engineConnProgress", "engineConnMetrics", "engineConnDiagnosis",
      "engineConnYarnApplication"};
  const std::string_view near = nearest_match(verb, kVerbs);
  exchange->refuse({Errc::Unsupported, "there is no operator " + verb.substr(0, 64),
                    near.empty() ? "engineConnLog, engineConnProgress, ..."
                                 : "did you mean " + std::string(near) + "?",
                    "__operator_name__"});
}

}  // namespace

void operate_engine(Services& services, ExchangePtr exchange) {
  operate(services, std::move(exchange));
}

void open_engine_log(Services& services, ExchangePtr exchange) {
  const auto body = linkis_body(*exchange);
  if (!body) return exchange->refuse(body.error());
  const Json& parameters = object_of(*body, "parameters");
  std::string ticket = text_of(*body, "ticketId");
  if (ticket.empty()) ticket = text_of(parameters, "ticketId");  // where pages put it
  const auto engine = find_engine(services, *exchange, text_of(*body, "instance"), ticket);
  if (!engine) return exchange->refuse(engine.error());
  // Both streams are one file; of the rest an engine has none.
  const std::string type = text_of(parameters, "logType");
  if (!type.empty() && type != "stdout" && type != "stderr") {
    Json result;
    result["logPath"] = "";
    result["logs"] = Json::array();
    result["endLine"] = 0;
    result["rows"] = 0;
    return answer_result(*exchange, std::move(result));
  }
  send_log(services, std::move(exchange), *engine, parameters);
}

void list_ecms(Services& services, ExchangePtr exchange) {
  const net::HttpRequest& request = exchange->request;
  const std::string_view instance = request.query_value("instance");
  const std::string_view health = request.query_value("nodeHealthy");
  const std::string_view owner = request.query_value("owner");
  const auto engines = engines_for(services, *exchange);
  Json rows = Json::array();
  for (const rm::NodeView& node : services.controller.resources().nodes()) {
    if (node.spec == nullptr || node.spec->seats > 0) continue;
    Json row = ecm_row(services, node, engines);
    if ((!instance.empty() && node.spec->name.find(instance) == std::string::npos) ||
        (!health.empty() && row["nodeHealthy"] != health) ||
        (!owner.empty() && row["owner"] != owner))
      continue;
    rows.push_back(std::move(row));
  }
  Json data;
  data["EMs"] = rows;
  data["tasks"] = rows;  // the Java client looks here
  data["totalPage"] = rows.size();
  answer_linkis(*exchange, data);
}

void list_ecm_states(Services&, ExchangePtr exchange) {
  Json data;
  data["nodeHealthy"] = {"Healthy", "UnHealthy", "WARN", "StockAvailable", "StockUnavailable"};
  if (exchange->request.query_value("onlyEditable") == "true")
    data["nodeHealthy"] = {"Healthy", "UnHealthy", "StockAvailable", "StockUnavailable"};
  answer_linkis(*exchange, data);
}

// Healthy takes work again; every other word lets the node do what it has and take nothing new.
void modify_ecm(Services& services, ExchangePtr exchange) {
  const auto body = linkis_body(*exchange);
  if (!body) return exchange->refuse(body.error());
  if (!exchange->caller.is_operator) return exchange->refuse(for_operators("change nodes"));
  const std::string state = text_of(*body, "emStatus"), name = text_of(*body, "instance");
  static constexpr std::array<std::string_view, 4> kStates{"Healthy", "UnHealthy", "StockAvailable",
                                                           "StockUnavailable"};
  if (std::ranges::find(kStates, state) == kStates.end())
    return exchange->refuse({Errc::BadInput, "emStatus is none of those that can be set",
                             "Healthy, UnHealthy, StockAvailable or StockUnavailable", "emStatus"});
  if (services.turn.is_full())
    return exchange->refuse(
        {Errc::Unavailable, "too many requests wait", "try again in a moment", ""});
  sched::ServeNode input;
  input.actor = exchange->caller.actor();
  input.node = name;
  input.service = state == "Healthy" ? sched::Service::InService : sched::Service::Draining;
  input.reason = text_of(*body, "description");
  if (input.reason.empty() && state != "Healthy") input.reason = state;
  services.turn.serve_node(std::move(input), [exchange](const Result<sched::Done>& done) {
    if (!done) return exchange->refuse(done.error());
    answer_linkis(*exchange, Json::object());
  });
}

void refuse_engine_change(Services&, ExchangePtr exchange) {
  exchange->refuse({Errc::Unsupported, "labels and health of an engine follow from what it does",
                    "kill it, or let it end with batchSetEngineToUnHealthy", ""});
}

}  // namespace drover::server::api::linkis
