// server/api_groups.cpp - the groups that jobs queue in, and limits of single ones.
// SPDX-License-Identifier: Apache-2.0
#include <simdjson.h>

#include <array>
#include <limits>
#include <utility>

#include "server/api.hpp"
#include "server/job_json_in.hpp"
#include "server/json_fields.hpp"
#include "server/json_writer.hpp"

namespace drover::server::api {
namespace {

constexpr std::array<std::string_view, 2> kFields = {"queued_jobs", "running_jobs"};

// {"running_jobs": 5, "queued_jobs": 0}; 0 = no limit.
Result<void> read_edit(std::string body, sched::EditGroup& edit) {
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document;
  const std::size_t size = body.size();
  body.reserve(size + kJsonPadding);
  simdjson::ondemand::value value;
  if (auto error = parser.iterate(body.data(), size, size + kJsonPadding).get(document))
    return json_broken(error, "the limits must be a JSON object");
  if (auto error = document.get_value().get(value))
    return json_broken(error, "the limits must be a JSON object");
  return json_object(value, "limits", [&](std::string_view name, JsonValue item) -> Result<void> {
    const bool running = name == "running_jobs";
    if (!running && name != "queued_jobs") return json_unknown(name, kFields);
    const auto most = json_integer(item, name, 0,
                                   running ? std::numeric_limits<std::uint32_t>::max()
                                           : std::numeric_limits<std::int64_t>::max());
    if (!most) return fail(most.error());
    if (running)
      edit.running = std::uint32_t(*most);
    else
      edit.queued = std::uint64_t(*most);
    return {};
  });
}

void edit(Services& services, ExchangePtr exchange, sched::EditGroup input) {
  if (services.turn.is_full())
    return exchange->refuse(
        {Errc::Unavailable, "too many requests wait", "try again in a moment", ""});
  input.actor = exchange->caller.actor();
  input.name = exchange->name;
  services.turn.edit_group(std::move(input), [exchange](const Result<sched::Done>& result) {
    if (!result) return exchange->refuse(result.error());
    exchange->json("{\"v\":1,\"changed\":" + std::string(result->touched > 0 ? "true" : "false") +
                   "}");
  });
}

}  // namespace

void list_groups(Services& services, ExchangePtr exchange) {
  const auto offset = exchange->number("offset", 0, INT64_MAX, 0);
  if (!offset) return exchange->refuse(offset.error());
  const auto limit = exchange->number("limit", 1, 1000, 100);
  if (!limit) return exchange->refuse(limit.error());
  const auto groups = services.controller.groups(std::uint64_t(*offset), std::uint64_t(*limit));
  // A group's name may hold its user's: others are not shown to those who are no operators.
  const std::string mine = "user=" + exchange->caller.user;
  std::string body;
  JsonWriter out(body);
  out.begin_object();
  out.field("v", 1);
  out.key("groups");
  out.begin_array();
  for (const sched::GroupView& group : groups) {
    const bool own = ("," + group.name + ",").find("," + mine + ",") != std::string::npos;
    if (!exchange->caller.is_operator && !own) continue;
    out.begin_object();
    out.field("name", group.name);
    out.field("open", group.open);
    out.field("queued", group.queued);
    out.field("active", group.active);
    out.field("running_limit", group.limits.running_jobs);
    out.field("queue_limit", group.limits.queued_jobs);
    out.field("own_limits", group.has_own_limits);
    out.end_object();
  }
  out.end_array();
  out.end_object();
  exchange->json(std::move(body));
}

void edit_group(Services& services, ExchangePtr exchange) {
  sched::EditGroup input;
  if (auto read = read_edit(std::move(exchange->request.body), input); !read)
    return exchange->refuse(read.error());
  edit(services, std::move(exchange), std::move(input));
}

void reset_group(Services& services, ExchangePtr exchange) {
  sched::EditGroup input;
  input.reset = true;
  edit(services, std::move(exchange), std::move(input));
}

}  // namespace drover::server::api
