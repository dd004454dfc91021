// server/job_json_in.cpp - one job's JSON, field by field through a table, by simdjson on demand.
// SPDX-License-Identifier: Apache-2.0
#include "server/job_json_in.hpp"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <bitset>

#include "base/units.hpp"
#include "rm/components.hpp"
#include "server/alter_fields.hpp"
#include "server/items_json.hpp"
#include "server/job_reading.hpp"
#include "server/json_fields.hpp"
#include "server/layout_words.hpp"
#include "server/retry_json.hpp"
#include "server/statement_json.hpp"

namespace drover::server {
namespace {

using simdjson::ondemand::value;
constexpr std::size_t kScriptMax = 4 << 20;

using ReadField = Result<void> (*)(Reading&, value);
struct Field {
  std::string_view name;
  ReadField read;
};

template <class T>
Result<void> keep(Result<T> read, T& into) {
  if (!read) return fail(read.error());
  into = std::move(*read);
  return {};
}

Result<void> keep_int(Result<std::int64_t> read, std::int32_t& into) {
  if (!read) return fail(read.error());
  into = std::int32_t(*read);
  return {};
}

template <class Parse>
auto parse_text_field(value v, std::string_view field, const Parse& parse)
    -> decltype(parse(std::string_view{})) {
  auto text = json_text(v, field, 4096);
  if (!text) return fail(text.error());
  auto parsed = parse(*text);
  if (!parsed) {
    Error error = parsed.error();
    if (error.field.empty()) error.field = field;
    return fail(std::move(error), field);
  }
  return parsed;
}

Result<void> read_env(Reading& r, value v) {
  simdjson::ondemand::json_type type;
  if (v.type().get(type)) return json_wrong("env", "an object or a list of \"NAME=value\"");
  if (type == simdjson::ondemand::json_type::array)
    return keep(json_texts(v, "env", 10'000, 128 << 10), r.spec.env);
  auto pairs = json_pairs(v, "env", 10'000, 128 << 10);
  if (!pairs) return fail(pairs.error());
  for (auto& [name, text] : *pairs) r.spec.env.push_back(name + "=" + text);
  return {};
}

Result<void> read_labels(value v, std::string_view field, rm::Labels& into) {
  auto pairs = json_pairs(v, field, 64, 256);
  if (!pairs) return fail(pairs.error());
  for (auto& [name, text] : *pairs) into[name] = text;
  return {};
}

// {"matlab": 2}
Result<void> read_counts(value v, std::string_view field, rm::Counts& into) {
  return json_object(v, field, [&](std::string_view name, value item) -> Result<void> {
    const std::string full = std::string(field) + "." + std::string(name.substr(0, 64));
    const auto count = json_integer(item, full, 1, rm::kMaxAmount);
    if (!count) return fail(count.error());
    if (into.size() >= 64)
      return fail(Errc::Limit, std::string(field) + " has more than 64 entries", "ask for fewer",
                  std::string(field));
    if (!into.emplace(name, *count).second)
      return fail(Errc::BadInput, full + " is given twice", "say once how many", full);
    return {};
  });
}

// An expression, or an object of labels that must all be there.
Result<void> read_constraints(Reading& r, value v) {
  simdjson::ondemand::json_type type;
  if (v.type().get(type)) return json_wrong("constraints", "an expression or an object");
  if (type != simdjson::ondemand::json_type::string)
    return read_labels(v, "constraints", r.spec.request.node_labels);
  return keep(json_line(v, "constraints", 4096), r.spec.request.constraint);
}

Result<void> read_signal(Reading& r, value v) {
  return json_object(v, "signal", [&r](std::string_view name, value item) -> Result<void> {
    if (name == "signal")
      return keep_int(json_integer(item, "signal.signal", 1, 64), r.spec.warn.signal);
    if (name == "before_s")
      return keep_int(json_integer(item, "signal.before_s", 0, 65535), r.spec.warn.before_s);
    return json_unknown(name, std::array<std::string_view, 2>{"signal", "before_s"});
  });
}

constexpr std::int64_t kMinutesMax = 10LL * 366 * 1440;

Result<void> read_dependency(sched::JobSpec& spec, value v) {
  sched::Dependency dependency;
  bool has_kind = false;
  auto read =
      json_object(v, "dependencies", [&](std::string_view name, value item) -> Result<void> {
        if (name == "job") {
          auto job = json_integer(item, "dependencies.job", 1, INT64_MAX);
          if (!job) return fail(job.error());
          dependency.job = JobId(std::uint64_t(*job));
          return {};
        }
        if (name == "minutes")
          return keep_int(json_integer(item, "dependencies.minutes", 0, kMinutesMax),
                          dependency.minutes);
        if (name != "kind")
          return json_unknown(name, std::array<std::string_view, 3>{"kind", "job", "minutes"});
        auto kind = json_text(item, "dependencies.kind", 64);
        if (!kind) return fail(kind.error());
        auto parsed = read_dependency_kind(*kind);
        if (!parsed) return fail(parsed.error());
        dependency.kind = *parsed;
        has_kind = true;
        return {};
      });
  if (!read) return read;
  if (!has_kind || raw(dependency.job) == 0)
    return json_wrong("dependencies", "a list of {\"kind\":\"afterok\",\"job\":12}");
  spec.dependencies.push_back(dependency);
  return {};
}

Result<void> read_dependencies(Reading& r, value v) {
  return json_array(v, "dependencies", 1000,
                    [&r](value item) { return read_dependency(r.spec, item); });
}

Result<void> read_time_limit(Reading& r, value v) {
  auto limit = parse_text_field(v, "time", [](std::string_view t) { return parse_time_limit(t); });
  return keep(std::move(limit), r.spec.time_limit);
}

Result<void> read_array(Reading& r, value v) {
  auto text = json_text(v, "array", 1 << 20);
  return text ? read_array_text(*text, r.spec) : Result<void>(fail(text.error()));
}

Result<void> read_throttle(Reading& r, value v) {
  auto most = json_integer(v, "array_throttle", 0, UINT32_MAX);
  if (!most) return fail(most.error());
  r.spec.array_throttle = std::uint32_t(*most);
  return {};
}

Result<void> read_begin(Reading& r, value v) {
  const Time now = r.now;
  return keep(
      parse_text_field(v, "begin", [now](std::string_view t) { return parse_begin(t, now, 0); }),
      r.spec.begin);
}

Result<void> read_deadline(Reading& r, value v) {
  const Time now = r.now;
  return keep(
      parse_text_field(v, "deadline", [now](std::string_view t) { return parse_begin(t, now, 0); }),
      r.spec.deadline);
}

Result<void> read_max_failures(Reading& r, value v) {
  auto read = json_integer(v, "max_failures", 0, UINT32_MAX);
  if (!read) return fail(read.error());
  r.spec.max_failures = std::uint32_t(*read);
  return {};
}

Result<void> read_kill_on_invalid(Reading& r, value v) {
  auto read = json_bool(v, "kill_on_invalid_dependency");
  if (!read) return fail(read.error());
  r.spec.keep_invalid = !*read;
  return {};
}

// true, false, or "user": the entrance knows which.
Result<void> read_exclusive(Reading& r, value v) {
  rm::Request& request = r.spec.request;
  request.sole_user = 0;
  simdjson::ondemand::json_type type;
  if (!v.type().get(type) && type == simdjson::ondemand::json_type::boolean)
    return keep(json_bool(v, "exclusive"), request.exclusive);
  const auto word = json_line(v, "exclusive", 64);
  if (!word || *word != "user") return json_wrong("exclusive", "true, false or \"user\"");
  request.exclusive = false;
  request.sole_user = 1;
  return {};
}

Result<void> read_mem(value v, std::string_view field, std::int64_t& into) {
  return keep(parse_text_field(v, field, [](std::string_view t) { return parse_memory_mib(t); }),
              into);
}

Result<void> read_seconds(value v, std::string_view field, Duration& into) {
  auto read = json_integer(v, field, 0, std::int64_t(1) << 40);
  if (!read) return fail(read.error());
  into = seconds(*read);
  return {};
}

template <class Read>
Result<void> read_words(value v, std::string_view field, rm::TaskRules& rules, const Read& read) {
  auto text = json_line(v, field, 1024);
  return text ? read(*text, rules) : Result<void>(fail(text.error()));
}

constexpr std::int64_t kMibMax = std::int64_t(1) << 40;

Result<void> read_components(Reading& r, value v);

// clang-format off
constexpr Field kFields[] = {  // sorted by name
    {"account", [](Reading& r, value v) { return keep(json_line(v, "account", 256), r.account); }},
    {"append_output", [](Reading& r, value v) { return keep(json_bool(v, "append_output"), r.spec.append_output); }},
    {"argv", [](Reading& r, value v) { return keep(json_texts(v, "argv", 10'000, 128 << 10), r.spec.argv); }},
    {"array", read_array},
    {"array_throttle", read_throttle},
    {"begin", read_begin},
    {"begin_us", [](Reading& r, value v) { return keep(json_integer(v, "begin_us", 0, INT64_MAX / 2), r.spec.begin.us); }},
    {"comment", [](Reading& r, value v) { return keep(json_line(v, "comment", 1024), r.spec.comment); }},
    {"components", read_components},
    {"constraints", read_constraints},
    {"contiguous", [](Reading& r, value v) { return keep(json_bool(v, "contiguous"), r.spec.request.contiguous); }},
    {"cores_per_socket", [](Reading& r, value v) { return keep_int(json_integer(v, "cores_per_socket", 1, 65'536), r.spec.layout.cores_per_socket); }},
    {"cpu_bind", [](Reading& r, value v) { return read_words(v, "cpu_bind", r.spec.layout, read_cpu_bind); }},
    {"cpus_per_task", [](Reading& r, value v) { return keep_int(json_integer(v, "cpus_per_task", 1, 1'000'000), r.spec.cpus_per_task); }},
    {"cwd", [](Reading& r, value v) { return keep(json_line(v, "cwd", 4096), r.spec.cwd); }},
    {"deadline", read_deadline},
    {"deadline_us", [](Reading& r, value v) { return keep(json_integer(v, "deadline_us", 0, INT64_MAX / 2), r.spec.deadline.us); }},
    {"dependencies", read_dependencies},
    {"dependency", [](Reading& r, value v) { auto text = json_text(v, "dependency", 64 << 10); return text ? read_dependency_text(*text, r.spec) : Result<void>(fail(text.error())); }},
    {"dependency_any", [](Reading& r, value v) { return keep(json_bool(v, "dependency_any"), r.spec.dependency_any); }},
    {"distribution", [](Reading& r, value v) { return read_words(v, "distribution", r.spec.layout, read_distribution); }},
    {"engine", [](Reading& r, value v) { return read_statement(v, "engine", r.spec); }},
    {"env", read_env},
    {"err", [](Reading& r, value v) { return keep(json_line(v, "err", 4096), r.spec.err); }},
    {"exclusive", read_exclusive},
    {"gpu_model", [](Reading& r, value v) { return keep(json_line(v, "gpu_model", 256), r.spec.request.gpu_model); }},
    {"gpu_share", [](Reading& r, value v) { return keep(json_integer(v, "gpu_share", 1, 999), r.spec.request.gpu_share); }},
    {"gpus", [](Reading& r, value v) { return keep(json_integer(v, "gpus", 0, 100'000), r.spec.request.gpus); }},
    {"gpus_total", [](Reading& r, value v) { return keep(json_integer(v, "gpus_total", 0, 1'000'000), r.gpus_total); }},
    {"hint", [](Reading& r, value v) { return keep(json_line(v, "hint", 64), r.hint); }},
    {"hold", [](Reading& r, value v) { return keep(json_bool(v, "hold"), r.spec.hold); }},
    {"in", [](Reading& r, value v) { return keep(json_line(v, "in", 4096), r.spec.in); }},
    {"items", [](Reading& r, value v) { return read_items(v, r.spec.items); }},
    {"items_run", [](Reading& r, value v) { return keep(json_bool(v, "items_run"), r.spec.items_run); }},
    {"kill_on_invalid_dependency", read_kill_on_invalid},
    {"labels", [](Reading& r, value v) { return read_labels(v, "labels", r.spec.labels); }},
    {"language", [](Reading& r, value v) { return read_statement(v, "language", r.spec); }},
    {"licences", [](Reading& r, value v) { return read_counts(v, "licences", r.spec.request.licences); }},
    {"max_failures", read_max_failures},
    {"mem", [](Reading& r, value v) { return read_mem(v, "mem", r.spec.request.mem_mib); }},
    {"mem_bind", [](Reading& r, value v) { return read_words(v, "mem_bind", r.spec.layout, read_mem_bind); }},
    {"mem_mib", [](Reading& r, value v) { return keep(json_integer(v, "mem_mib", 0, kMibMax), r.spec.request.mem_mib); }},
    {"mem_per_cpu", [](Reading& r, value v) { return read_mem(v, "mem_per_cpu", r.mem_per_cpu_mib); }},
    {"mem_per_cpu_mib", [](Reading& r, value v) { return keep(json_integer(v, "mem_per_cpu_mib", 0, kMibMax), r.mem_per_cpu_mib); }},
    {"name", [](Reading& r, value v) { return keep(json_line(v, "name", 256), r.spec.name); }},
    {"nice", [](Reading& r, value v) { return keep_int(json_integer(v, "nice", -1'000'000'000, 1'000'000'000), r.spec.nice); }},
    {"nodes", [](Reading& r, value v) { return keep(json_integer(v, "nodes", 1, 100'000), r.nodes); }},
    {"nodes_max", [](Reading& r, value v) { return keep(json_integer(v, "nodes_max", 1, 100'000), r.nodes_max); }},
    {"ntasks", [](Reading& r, value v) { return keep(json_integer(v, "ntasks", 1, 1'000'000), r.ntasks); }},
    {"ntasks_per_core", [](Reading& r, value v) { return keep_int(json_integer(v, "ntasks_per_core", 1, 1'024), r.spec.layout.ntasks_per_core); }},
    {"ntasks_per_node", [](Reading& r, value v) { return keep_int(json_integer(v, "ntasks_per_node", 1, 1'000'000), r.spec.ntasks_per_node); }},
    {"ntasks_per_socket", [](Reading& r, value v) { return keep_int(json_integer(v, "ntasks_per_socket", 1, 1'000'000), r.spec.layout.ntasks_per_socket); }},
    {"once", [](Reading& r, value v) { return read_once(v, r.spec); }},
    {"out", [](Reading& r, value v) { return keep(json_line(v, "out", 4096), r.spec.out); }},
    {"partition", [](Reading& r, value v) { return keep(json_line(v, "partition", 256), r.partition); }},
    {"priority", [](Reading& r, value v) { return keep_int(json_integer(v, "priority", -1'000'000'000, 1'000'000'000), r.spec.priority); }},
    {"qos", [](Reading& r, value v) { return keep(json_line(v, "qos", 256), r.qos); }},
    {"requeue", [](Reading& r, value v) { return keep(json_bool(v, "requeue"), r.spec.requeue); }},
    {"reservation", [](Reading& r, value v) { return keep(json_line(v, "reservation", 64), r.spec.reservation); }},
    {"reset", [](Reading& r, value v) { return read_statement(v, "reset", r.spec); }},
    {"resources", [](Reading& r, value v) { return read_counts(v, "resources", r.spec.request.resources); }},
    {"retry", [](Reading& r, value v) { return read_retry(v, r.spec.retry); }},
    {"reuse", [](Reading& r, value v) { return read_reuse(v, r.spec); }},
    {"script", [](Reading& r, value v) { return keep(json_text(v, "script", kScriptMax), r.spec.script); }},
    {"session", [](Reading& r, value v) { return read_statement(v, "session", r.spec); }},
    {"signal", read_signal},
    {"singleton", [](Reading& r, value v) { return keep(json_bool(v, "singleton"), r.spec.singleton); }},
    {"sockets_per_node", [](Reading& r, value v) { return keep_int(json_integer(v, "sockets_per_node", 1, 1'024), r.spec.layout.sockets_per_node); }},
    {"spread", [](Reading& r, value v) { return keep(json_bool(v, "spread"), r.spread); }},
    {"threads_per_core", [](Reading& r, value v) { return keep_int(json_integer(v, "threads_per_core", 1, 1'024), r.spec.layout.threads_per_core); }},
    {"time", read_time_limit},
    {"time_limit_s", [](Reading& r, value v) { return read_seconds(v, "time_limit_s", r.spec.time_limit); }},
    {"variables", [](Reading& r, value v) { return read_variables(v, r.spec); }},
};
// clang-format on
static_assert(std::is_sorted(std::begin(kFields), std::end(kFields),
                             [](const Field& a, const Field& b) { return a.name < b.name; }));

const Field* find_field(std::string_view name) {
  const auto* field =
      std::lower_bound(std::begin(kFields), std::end(kFields), name,
                       [](const Field& f, std::string_view n) { return f.name < n; });
  return field != std::end(kFields) && field->name == name ? field : nullptr;
}

// The first component is the job itself.
Result<void> read_components(Reading& r, value v) {
  std::size_t number = 0;
  return json_array(v, "components", rm::kComponentsMax, [&](value item) -> Result<void> {
    Reading& part = number++ == 0 ? r : r.components.emplace_back();
    std::vector<const Field*> seen;
    auto read =
        json_object(item, "components", [&](std::string_view name, value one) -> Result<void> {
          const Field* field = find_field(name);
          if (field == nullptr || !is_of_component(name))
            return json_unknown(name, component_fields());
          if (std::ranges::find(seen, field) != seen.end())
            return fail(Errc::BadInput, "field " + std::string(name) + " is given twice",
                        "remove one", std::string(name));
          seen.push_back(field);
          return field->read(part, one);
        });
    return read ? read : fail(std::move(read.error()), "component " + std::to_string(number));
  });
}

}  // namespace

Result<void> make_way(Reading& r, std::string_view field) {
  if (field == "components")
    return fail(Errc::Unsupported, "the components of a job cannot be altered",
                "cancel the job and submit it again", "components");
  if (field == "nodes" || field == "nodes_max") r.nodes_max = 0;
  return clear_altered(r.spec, field);
}

struct JobReader::State {
  simdjson::ondemand::parser parser;

  Result<void> read_object(simdjson::ondemand::document& document, Reading& reading) {
    simdjson::ondemand::object object;
    if (auto error = document.get_object().get(object))
      return json_broken(error, "a job must be a JSON object");
    std::bitset<std::size(kFields)> seen;
    for (auto item : object) {
      std::string_view name;
      value v;
      if (auto error = item.unescaped_key().get(name)) return json_broken(error, {});
      if (auto error = item.value().get(v)) return json_broken(error, {});
      const Field* field = find_field(name);
      if (field == nullptr) return unknown(name);
      const std::size_t index = std::size_t(field - std::begin(kFields));
      if (seen.test(index))
        return fail(Errc::BadInput, "field " + std::string(name) + " is given twice", "remove one",
                    std::string(name));
      seen.set(index);
      if (reading.alters)
        if (auto room = make_way(reading, name); !room) return room;
      if (auto read = field->read(reading, v); !read) return read;
    }
    if (seen.test(std::size_t(find_field("components") - kFields)))
      for (const Field& field : kFields)
        if (seen.test(std::size_t(&field - kFields)) && is_of_component(field.name))
          return fail(Errc::BadInput, std::string(field.name) + " stands beside components",
                      "say it in the components that it is for", std::string(field.name));
    const char* rest = nullptr;
    if (!document.current_location().get(rest))
      return fail(Errc::BadInput, "there is more after the job's closing brace");
    return {};
  }

  static tl::unexpected<Error> unknown(std::string_view name) {
    std::array<std::string_view, std::size(kFields)> known;
    std::transform(std::begin(kFields), std::end(kFields), known.begin(),
                   [](const Field& f) { return f.name; });
    return json_unknown(name, known);
  }
};

JobReader::JobReader() : state_(std::make_unique<State>()) {}
JobReader::~JobReader() = default;
JobReader::JobReader(JobReader&&) noexcept = default;

Result<sched::JobSpec> JobReader::read_padded(std::string_view json, Time now_wall) {
  static_assert(kJsonPadding >= simdjson::SIMDJSON_PADDING);
  if (json.empty()) return fail(Errc::BadInput, "the job is empty", "send one JSON object");
  simdjson::ondemand::document document;
  const auto error =
      state_->parser.iterate(json.data(), json.size(), json.size() + kJsonPadding).get(document);
  if (error) return json_broken(error, "a job must be a JSON object");
  Reading reading;
  reading.now = now_wall;
  if (auto read = state_->read_object(document, reading); !read) return fail(read.error());
  if (auto checked = complete(reading); !checked) return fail(checked.error());
  return std::move(reading.spec);
}

Result<sched::JobSpec> JobReader::read(std::string json, Time now_wall) {
  json.reserve(json.size() + kJsonPadding);
  return read_padded(json, now_wall);
}

Result<sched::JobSpec> JobReader::alter(std::string json, sched::JobSpec job, Time now_wall) {
  const std::size_t size = json.size();
  json.reserve(size + kJsonPadding);
  simdjson::ondemand::document document;
  const auto error = state_->parser.iterate(json.data(), size, size + kJsonPadding).get(document);
  if (error) return json_broken(error, "the changes must be a JSON object");
  const rm::Labels labels = job.labels;
  Reading reading;
  reading.alters = true;
  reading.now = now_wall;
  reading.nodes = job.request.nodes;
  reading.nodes_max = job.request.nodes_max;
  reading.ntasks = job.ntasks;
  reading.spec = std::move(job);
  if (auto read = state_->read_object(document, reading); !read) return fail(read.error());
  if (auto kept = check_altered_labels(reading.spec, labels); !kept) return fail(kept.error());
  if (auto checked = complete(reading); !checked) return fail(checked.error());
  return std::move(reading.spec);
}

}  // namespace drover::server
