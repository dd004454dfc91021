// server/api_linkis_once.cpp - linkisManager: an engine for one job, which comes with it.
//
// The client uploads the job's content, and asks for an engine that has it. Here that is a
// statement on an engine of its own, which carries the engine's ticket: it is queued, limited and
// accounted as any other, and known after its end.
// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <utility>

#include "linkis/multipart.hpp"
#include "server/api_linkis.hpp"
#include "server/linkis_answer.hpp"
#include "server/linkis_desk.hpp"
#include "server/linkis_draft.hpp"
#include "server/linkis_engines.hpp"

namespace drover::server::api::linkis {
namespace {

using drover::linkis::Json;
using drover::linkis::text_of;

constexpr const char* kContent = "onceExecutorContent";

// "resource_" LENGTH ID VERSION, the length in three digits: what was uploaded. A JSON object: the
// content itself.
Result<std::string> content_of(Services& services, const Exchange& exchange, const Json& body) {
  const std::string given = text_of(drover::linkis::object_of(body, "properties"), kContent);
  if (given.starts_with('{')) return given;
  constexpr std::string_view kHead = "resource_";
  std::size_t length = 0;
  const std::string_view rest =
      given.starts_with(kHead) ? std::string_view(given).substr(kHead.size()) : std::string_view();
  const std::string_view digits = rest.substr(0, 3);
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (digits.size() != 3 || read.ptr != digits.data() + 3 || rest.size() < 3 + length)
    return fail(Errc::BadInput, "the engine is to run once, and what is not said",
                "properties.onceExecutorContent is what bml/upload answered, or the JSON itself",
                kContent);
  return services.linkis->uploads.find(exchange.caller.uid, rest.substr(3, length),
                                       net::Loop::now());
}

Result<drover::linkis::Submission> once_of(Services& services, const Exchange& exchange,
                                           const Json& body) {
  auto text = content_of(services, exchange, body);
  if (!text) return fail(text.error());
  const auto content = drover::linkis::parse_object(*text);
  if (!content) return fail(content.error(), kContent);
  return drover::linkis::parse_once(body, *content);
}

}  // namespace

bool is_once(const Json& body) {
  return drover::linkis::is_once(drover::linkis::object_of(body, "labels"));
}

void create_once(Services& services, ExchangePtr exchange, const Json& body) {
  const auto refuse = [exchange, &services](const Error& error) {
    services.metrics.add(metrics::FamilyId::JobsRejected, {to_string(error.code)});
    refuse_start(*exchange, error, error.code == Errc::Unavailable);
  };
  auto given = once_of(services, *exchange, body);
  if (!given) return refuse(given.error());
  int code = 0;
  auto draft = draft_of(services, *exchange, *std::move(given), code);
  if (!draft) return refuse(draft.error());
  std::optional<store::Snapshot> snapshot;
  services.admission.submit(
      std::move(draft->spec), draft->caller, {}, {}, snapshot,
      [&services, exchange](const Result<Admitted>& result) {
        if (!result) {
          const Error& error = result.error();
          return refuse_start(*exchange, error, error.code == Errc::Unavailable);
        }
        const auto engine = find_engine(services, *exchange, "", std::to_string(raw(result->job)));
        if (!engine) return exchange->refuse(engine.error());
        Json data;
        data["engine"] = engine_node(*engine, services.linkis->instance());
        answer_linkis(*exchange, data);
      });
}

// A form with one file.
void upload(Services& services, ExchangePtr exchange) {
  const net::HttpRequest& request = exchange->request;
  const auto file = drover::linkis::uploaded_file(request.header("content-type"), request.body);
  if (!file) return exchange->refuse(file.error());
  const auto id = services.linkis->uploads.put(exchange->caller.uid, *file, net::Loop::now());
  if (!id) return exchange->refuse(id.error());
  Json data;
  data["resourceId"] = *id;
  data["version"] = "v000001";
  data["taskId"] = 0;
  answer_linkis(*exchange, data);
}

}  // namespace drover::server::api::linkis
