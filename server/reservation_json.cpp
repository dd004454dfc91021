// server/reservation_json.cpp - reservations in JSON; every field is checked by name.
// SPDX-License-Identifier: Apache-2.0
#include "server/reservation_json.hpp"

#include <array>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/name_list.hpp"
#include "base/units.hpp"
#include "server/job_json_in.hpp"
#include "server/job_json_out.hpp"
#include "server/json_fields.hpp"

namespace drover::server {
namespace {

using rm::Kind;

constexpr std::size_t kNamesMax = 1'000;   // users, accounts
constexpr std::size_t kListMax = 1 << 20;  // bytes of a folded list of nodes
constexpr std::int64_t kSecondsMax = 4'000'000'000;
constexpr std::array kFields = {
    std::string_view("accounts"),    std::string_view("comment"),     std::string_view("cpus"),
    std::string_view("end"),         std::string_view("end_us"),      std::string_view("gpus"),
    std::string_view("ignore_jobs"), std::string_view("licences"),    std::string_view("magnetic"),
    std::string_view("flexible"),    std::string_view("maintenance"), std::string_view("mem_mib"),
    std::string_view("node_count"),  std::string_view("nodes"),       std::string_view("only_new"),
    std::string_view("overlap"),     std::string_view("repeat"),      std::string_view("start"),
    std::string_view("start_us"),    std::string_view("time"),        std::string_view("time_s"),
    std::string_view("users")};

struct Reading {
  sched::PutReservation put;
  Time now, end;
  std::optional<std::vector<std::string>> nodes;
  rm::Amounts amounts;  // of each node
};

template <class Value, class Into>
Result<void> keep(Result<Value> read, Into& into) {
  if (!read) return fail(std::move(read.error()));
  into = std::move(*read);
  return {};
}

Result<void> read_moment(Time now, std::string_view name, JsonValue v, Time& into) {
  auto text = json_line(v, name, 64);
  if (!text) return fail(text.error());
  auto at = parse_begin(*text, now, 0);
  if (!at) return fail(Errc::BadInput, at.error().message, at.error().hint, std::string(name));
  into = *at;
  return {};
}

Result<void> read_us(std::string_view name, JsonValue v, Time& into) {
  auto us = json_integer(v, name, 0, INT64_MAX / 2);
  if (!us) return fail(us.error());
  into.us = *us;
  return {};
}

Result<void> read_amount(std::string_view name, JsonValue v, std::int64_t unit,
                         std::int64_t& into) {
  auto amount = json_integer(v, name, 0, rm::kMaxAmount / unit);
  if (!amount) return fail(amount.error());
  into = *amount * unit;
  return {};
}

// "n[1-4]" or ["n1","n2"].
Result<void> read_nodes(Reading& r, JsonValue v) {
  simdjson::ondemand::json_type type{};
  if (v.type().get(type)) return json_wrong("nodes", "a list");
  if (type == simdjson::ondemand::json_type::array)
    return keep(json_texts(v, "nodes", sched::ReservationCalendar::kNodesMax, 256), r.nodes);
  auto text = json_line(v, "nodes", kListMax);
  if (!text) return fail(text.error());
  return keep(unfold_names(*text, sched::ReservationCalendar::kNodesMax), r.nodes);
}

Result<void> read_time(Reading& r, JsonValue v) {
  auto text = json_line(v, "time", 64);
  if (!text) return fail(text.error());
  auto length = parse_time_limit(*text);
  if (!length) return fail(Errc::BadInput, length.error().message, length.error().hint, "time");
  r.put.reservation.length = *length;
  return {};
}

Result<void> read_repeat(Reading& r, JsonValue v) {
  auto word = json_line(v, "repeat", 16);
  if (!word) return fail(word.error());
  return keep(sched::parse_repeat(*word), r.put.reservation.repeat);
}

Result<void> read_seconds(Reading& r, JsonValue v) {
  auto length = json_integer(v, "time_s", 0, kSecondsMax);
  if (!length) return fail(length.error());
  r.put.reservation.length = seconds(*length);
  return {};
}

Result<void> read_count(Reading& r, JsonValue v) {
  auto count = json_integer(v, "node_count", 0, sched::ReservationCalendar::kNodesMax);
  if (!count) return fail(count.error());
  r.put.node_count = std::uint32_t(*count);
  return {};
}

Result<void> read_licences(Reading& r, JsonValue v) {
  rm::Counts& licences = r.put.reservation.licences;
  return json_object(v, "licences", [&](std::string_view name, JsonValue item) -> Result<void> {
    const std::string full = "licences." + std::string(name.substr(0, 64));
    auto count = json_integer(item, full, 1, rm::kMaxAmount);
    if (!count) return fail(count.error());
    if (!licences.emplace(name, *count).second)
      return fail(Errc::BadInput, full + " is given twice", "say once how many", full);
    return {};
  });
}

Result<void> read_field(Reading& r, std::string_view name, JsonValue v) {
  sched::Reservation& made = r.put.reservation;
  if (name == "start") return read_moment(r.now, name, v, made.start);
  if (name == "start_us") return read_us(name, v, made.start);
  if (name == "end") return read_moment(r.now, name, v, r.end);
  if (name == "end_us") return read_us(name, v, r.end);
  if (name == "time") return read_time(r, v);
  if (name == "time_s") return read_seconds(r, v);
  if (name == "repeat") return read_repeat(r, v);
  if (name == "nodes") return read_nodes(r, v);
  if (name == "node_count") return read_count(r, v);
  if (name == "cpus") return read_amount(name, v, 1000, r.amounts[Kind::CpuMilli]);
  if (name == "mem_mib") return read_amount(name, v, 1, r.amounts[Kind::MemMib]);
  if (name == "gpus") return read_amount(name, v, 1000, r.amounts[Kind::GpuMilli]);
  if (name == "licences") return read_licences(r, v);
  if (name == "users") return keep(json_texts(v, name, kNamesMax, 256), made.users);
  if (name == "accounts") return keep(json_texts(v, name, kNamesMax, 256), made.accounts);
  if (name == "comment") return keep(json_line(v, name, 1024), made.comment);
  if (name == "maintenance") return keep(json_bool(v, name), made.maintenance);
  if (name == "overlap") return keep(json_bool(v, name), made.overlap);
  if (name == "magnetic") return keep(json_bool(v, name), made.magnetic);
  if (name == "flexible") return keep(json_bool(v, name), made.flexible);
  if (name == "ignore_jobs") return keep(json_bool(v, name), r.put.ignore_jobs);
  if (name == "only_new") return keep(json_bool(v, name), r.put.only_new);
  return json_unknown(name, kFields);
}

// What follows from the fields together.
Result<void> complete(Reading& r) {
  sched::Reservation& made = r.put.reservation;
  if (!made.start.is_set()) made.start = r.now;
  if (r.end.is_set()) {
    if (made.length.us > 0)
      return fail(Errc::BadInput, "both an end and a length are given", "leave one of them out",
                  "end");
    if (r.end <= made.start)
      return fail(Errc::BadInput, "it would end before it begins", "choose a later end", "end");
    made.length = r.end - made.start;
  }
  const bool whole = r.amounts.is_zero();
  if (r.put.node_count > 0) {
    if (r.nodes)
      return fail(Errc::BadInput, "nodes are either named or counted", "leave one of them out",
                  "nodes");
    made.nodes.push_back({"", whole, r.amounts});
    return {};
  }
  if (r.nodes)
    for (std::string& node : *r.nodes) made.nodes.push_back({std::move(node), whole, r.amounts});
  return {};
}

}  // namespace

Result<sched::PutReservation> read_reservation(std::string json, std::string name, Time now) {
  Reading r;
  r.now = now;
  r.put.reservation.name = std::move(name);
  const std::size_t size = json.size();
  json.reserve(size + kJsonPadding);
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document;
  JsonValue root;
  if (auto error = parser.iterate(json.data(), size, size + kJsonPadding).get(document))
    return json_broken(error, {});
  if (auto error = document.get_value().get(root))
    return json_broken(error, "the body must be a JSON object");
  auto read = json_object(root, "the body", [&](std::string_view field, JsonValue v) {
    return read_field(r, field, v);
  });
  if (!read) return fail(read.error());
  if (auto ok = complete(r); !ok) return fail(ok.error());
  return std::move(r.put);
}

void append_reservation(JsonWriter& out, const sched::ReservationView& view) {
  const sched::Reservation& it = *view.reservation;
  out.begin_object();
  out.field("name", it.name);
  out.field("state", view.goes_on ? "active" : "planned");
  append_time(out, "start", view.span ? view.span->from : it.start);
  append_time(out, "end", view.span ? view.span->until : it.start + it.length);
  out.field("time_s", it.length.us / 1'000'000);
  out.field("repeat", to_string(it.repeat));
  append_time(out, "first", it.start);
  out.field("maintenance", it.maintenance);
  out.field("overlap", it.overlap);
  out.field("magnetic", it.magnetic);
  out.field("flexible", it.flexible);
  std::vector<std::string> names;
  for (const sched::ReservedNode& node : it.nodes) names.push_back(node.node);
  out.field("nodes", fold_names(names));
  out.field("node_count", names.size());
  const rm::Amounts& each =
      it.nodes.empty() || it.nodes.front().whole ? rm::Amounts{} : it.nodes.front().amounts;
  out.field("whole_nodes", it.nodes.empty() || it.nodes.front().whole);
  out.field("cpus", each[Kind::CpuMilli] / 1000);
  out.field("mem_mib", each[Kind::MemMib]);
  out.field("gpus", each[Kind::GpuMilli] / 1000);
  out.key("licences");
  out.begin_object();
  for (const auto& [licence, count] : it.licences) {
    out.text_key(licence);
    out.value(count);
  }
  out.end_object();
  for (const auto* list : {&it.users, &it.accounts}) {
    out.key(list == &it.users ? "users" : "accounts");
    out.begin_array();
    for (const std::string& who : *list) out.value(who);
    out.end_array();
  }
  out.field("jobs_waiting", view.jobs_waiting);
  out.field("jobs_running", view.jobs_running);
  out.field("comment", it.comment);
  out.end_object();
}

}  // namespace drover::server
