// cli/spec_builder.cpp - one small function per option; a table says which.
// SPDX-License-Identifier: Apache-2.0
#include "cli/spec_builder.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <limits>

#include "base/index_set.hpp"
#include "base/units.hpp"
#include "cli/arguments.hpp"
#include "cli/components.hpp"
#include "cli/dependency_text.hpp"
#include "cli/layout_options.hpp"
#include "cli/resource_text.hpp"
#include "cli/retry_options.hpp"
#include "cli/script.hpp"

namespace drover::cli {
namespace {

struct Build {
  Json& spec;
  const SpecSource& source;
  Origin memory_origin = Origin::Directive;  // who set the member "mem_mib" or "mem_per_cpu_mib"
  bool memory_set = false;
};
using Setter = Result<bool> (*)(Build&, const Given&);

tl::unexpected<Error> bad(const Given& given, const std::string& what, std::string hint) {
  return fail(Errc::BadInput, what, std::move(hint), std::string(given.option->name));
}

template <std::int64_t Low, std::int64_t High>
Result<std::int64_t> integer(const Given& given) {
  return parse_integer(given.value, Low, High, given.option->name);
}

Result<bool> set_count(Build& build, const Given& given, const char* key, std::int64_t low,
                       std::int64_t high) {
  const Result<std::int64_t> value = parse_integer(given.value, low, high, given.option->name);
  if (!value) return fail(value.error());
  build.spec[key] = *value;
  return true;
}

Result<bool> set_name(Build& build, const Given& given) {
  build.spec["name"] = given.value;
  return true;
}
Result<bool> set_ntasks(Build& build, const Given& given) {
  return set_count(build, given, "ntasks", 1, 1'000'000);
}
Result<bool> set_cpus(Build& build, const Given& given) {
  return set_count(build, given, "cpus_per_task", 1, 1'000'000);
}

Result<bool> set_ntasks_per_node(Build& build, const Given& given) {
  return set_count(build, given, "ntasks_per_node", 1, 1'000'000);
}

// "4", or a range "2-4".
Result<bool> set_nodes(Build& build, const Given& given) {
  const std::size_t dash = given.value.find('-');
  const auto least =
      parse_integer(std::string_view(given.value).substr(0, dash), 1, 100'000, "nodes");
  if (!least) return fail(least.error());
  build.spec.erase("nodes_max");
  if (dash != std::string::npos) {
    const auto most =
        parse_integer(std::string_view(given.value).substr(dash + 1), *least, 100'000, "nodes");
    if (!most) return fail(most.error());
    build.spec["nodes_max"] = *most;
  }
  build.spec["nodes"] = *least;
  return true;
}

Result<bool> set_memory(Build& build, const Given& given, const char* key, const char* other) {
  const Result<std::int64_t> mib = parse_memory_mib(given.value);
  if (!mib) return fail(mib.error());
  if (build.spec.contains(other)) {
    if (build.memory_set && build.memory_origin == given.origin) {
      return bad(given, "--mem and --mem-per-cpu exclude each other", "give one of them");
    }
    build.spec.erase(other);
  }
  build.spec[key] = *mib;
  build.memory_set = true;
  build.memory_origin = given.origin;
  return true;
}
Result<bool> set_mem(Build& build, const Given& given) {
  return set_memory(build, given, "mem_mib", "mem_per_cpu_mib");
}
Result<bool> set_mem_per_cpu(Build& build, const Given& given) {
  return set_memory(build, given, "mem_per_cpu_mib", "mem_mib");
}

// "2", "a100:2", "a100"; with `colon_model` a lone word is a model with one GPU.
Result<bool> set_gpu_amount(Build& build, const Given& given, std::string_view text,
                            const char* key = "gpus") {
  const std::size_t colon = text.rfind(':');
  std::string_view model, number = text;
  if (colon != std::string_view::npos) {
    model = text.substr(0, colon);
    number = text.substr(colon + 1);
  }
  if (model.find(':') != std::string_view::npos || text.find(',') != std::string_view::npos)
    return bad(given, "\"" + given.value + "\" asks for more than one kind of GPU",
               "use [MODEL:]N");
  const bool is_share = number.find('.') != std::string_view::npos;
  const Result<std::int64_t> gpus =
      is_share ? read_gpu_share(number) : parse_integer(number, 0, 1024, given.option->name);
  if (!gpus) return fail(gpus.error());
  for (const char* other : {"gpus", "gpus_total", "gpu_model", "gpu_share"})
    build.spec.erase(other);
  build.spec[is_share ? "gpu_share" : key] = *gpus;
  if (!model.empty()) build.spec["gpu_model"] = std::string(model);
  return true;
}
Result<bool> set_gpus(Build& build, const Given& given) {
  return set_gpu_amount(build, given, given.value, "gpus_total");
}
Result<bool> set_gpus_per_node(Build& build, const Given& given) {
  return set_gpu_amount(build, given, given.value);
}

// One of "gpu", "gpu:2", "gpu:a100:0.5" and "fpga:2", "fpga".
Result<bool> add_gres(Build& build, const Given& given, std::string_view text) {
  if (text.starts_with("gres/")) text.remove_prefix(5);
  if (text == "gpu") return set_gpu_amount(build, given, "1");
  if (text.starts_with("gpu:")) {
    text.remove_prefix(4);
    const bool is_model = text.find(':') == std::string_view::npos && !text.empty() &&
                          text[0] != '.' && (text[0] < '0' || text[0] > '9');
    return set_gpu_amount(build, given, is_model ? std::string(text) + ":1" : std::string(text));
  }
  const std::size_t sign = text.find_first_of(":=");
  const std::string name(text.substr(0, sign));
  if (name.empty())
    return bad(given, "\"" + given.value + "\" names no resource", "use NAME:N, like fpga:2");
  Result<std::int64_t> count = 1;
  if (sign != std::string_view::npos)
    count = parse_integer(text.substr(sign + 1), 1, 1 << 30, given.option->name);
  if (!count) return fail(count.error());
  Json& resources = build.spec["resources"];
  if (resources.contains(name)) return bad(given, name + " is given twice", "say once how many");
  resources[name] = *count;
  return true;
}

// Replaces what a directive or an earlier option of this kind has said.
Result<bool> set_gres(Build& build, const Given& given) {
  build.spec.erase("resources");
  std::string_view text = given.value;
  if (text == "none") return set_gpu_amount(build, given, "0");
  for (bool more = true; more;) {
    const std::size_t comma = text.find(',');
    more = comma != std::string_view::npos;
    if (auto set = add_gres(build, given, text.substr(0, comma)); !set) return set;
    if (more) text.remove_prefix(comma + 1);
  }
  return true;
}

Result<bool> add_resource(Build& build, const Given& given) {
  return add_gres(build, given, given.value);
}

Result<bool> set_time(Build& build, const Given& given) {
  const Result<Duration> limit = parse_time_limit(given.value);
  if (!limit) return fail(limit.error());
  build.spec["time_limit_s"] = (limit->us + 999'999) / 1'000'000;
  return true;
}

Result<bool> set_out(Build& build, const Given& given) {
  build.spec["out"] = given.value;
  return true;
}
Result<bool> set_err(Build& build, const Given& given) {
  build.spec["err"] = given.value;
  return true;
}
Result<bool> set_in(Build& build, const Given& given) {
  build.spec["in"] = given.value;
  return true;
}

Result<bool> set_open_mode(Build& build, const Given& given) {
  if (given.value != "append" && given.value != "truncate")
    return bad(given, "\"" + given.value + "\" is no open mode", "use append or truncate");
  build.spec["append_output"] = given.value == "append";
  return true;
}

Result<bool> set_chdir(Build& build, const Given& given) {
  const bool absolute = given.value.starts_with('/');
  build.spec["cwd"] = absolute ? given.value : build.source.cwd + "/" + given.value;
  return true;
}

Result<bool> set_array(Build& build, const Given& given) {
  const std::size_t percent = given.value.find('%');
  const Result<IndexSet> set = IndexSet::parse(std::string_view(given.value).substr(0, percent));
  if (!set) return fail(set.error());
  if (percent != std::string::npos) {
    const auto throttle = parse_integer(std::string_view(given.value).substr(percent + 1), 0,
                                        std::numeric_limits<std::int32_t>::max(), "array");
    if (!throttle) return fail(throttle.error());
  }
  build.spec["array"] = given.value;
  return true;
}

Result<bool> set_throttle(Build& build, const Given& given) {
  return set_count(build, given, "array_throttle", 0, std::numeric_limits<std::uint32_t>::max());
}
Result<bool> set_begin(Build& build, const Given& given) {
  const Result<Time> begin =
      parse_begin(given.value, Time{build.source.now_us}, build.source.utc_offset_s);
  if (!begin) return fail(begin.error());
  build.spec["begin_us"] = begin->us;
  return true;
}

Result<bool> set_hold(Build& build, const Given&) {
  build.spec["hold"] = true;
  return true;
}
Result<bool> set_priority(Build& build, const Given& given) {
  if (given.value == "TOP") {
    return fail(Errc::Unsupported, "--priority=TOP is not supported", "give a number", "priority");
  }
  return set_count(build, given, "priority", -1'000'000'000, 1'000'000'000);
}
Result<bool> set_nice(Build& build, const Given& given) {
  std::int64_t nice = 100;
  if (!given.value.empty()) {
    const auto value = integer<-1'000'000'000, 1'000'000'000>(given);
    if (!value) return fail(value.error());
    nice = *value;
  }
  build.spec["nice"] = nice;
  return true;
}
Result<bool> set_comment(Build& build, const Given& given) {
  build.spec["comment"] = given.value;
  return true;
}

Result<bool> add_pairs(Json& object, const Given& given, std::string_view text, char separator) {
  for (const std::string& piece : split_list(text, separator)) {
    const std::size_t equals = piece.find('=');
    if (equals == std::string::npos || equals == 0)
      return bad(given, "\"" + piece + "\" is not KEY=VALUE",
                 "for example --" + std::string(given.option->name) + " disk=ssd");
    object[piece.substr(0, equals)] = piece.substr(equals + 1);
  }
  return true;
}
Result<bool> add_label(Build& build, const Given& given) {
  return add_pairs(build.spec["labels"], given, given.value, ',');
}
Result<bool> set_constraint(Build& build, const Given& given) {
  if (given.value.empty())
    return bad(given, "an empty constraint", "for example --constraint \"disk=ssd&rack=3\"");
  build.spec["constraints"] = given.value;
  return true;
}

Result<bool> set_requeue(Build& build, const Given&) {
  build.spec["requeue"] = true;
  return true;
}
Result<bool> set_no_requeue(Build& build, const Given&) {
  build.spec["requeue"] = false;
  return true;
}

struct SignalName {
  std::string_view name;
  int number;
};
constexpr auto kSignals = std::to_array<SignalName>({
    {"HUP", SIGHUP},
    {"INT", SIGINT},
    {"QUIT", SIGQUIT},
    {"ABRT", SIGABRT},
    {"KILL", SIGKILL},
    {"USR1", SIGUSR1},
    {"USR2", SIGUSR2},
    {"ALRM", SIGALRM},
    {"TERM", SIGTERM},
    {"CONT", SIGCONT},
    {"STOP", SIGSTOP},
    {"TSTP", SIGTSTP},
    {"URG", SIGURG},
    {"XCPU", SIGXCPU},
});

Result<bool> set_signal(Build& build, const Given& given) {
  std::string_view text = given.value;
  if (text.starts_with("R:")) text.remove_prefix(2);
  if (text.starts_with("B:")) text.remove_prefix(2);
  const std::size_t at = text.find('@');
  const Result<std::int64_t> signal = parse_signal(text.substr(0, at));
  if (!signal) return fail(signal.error());
  std::int64_t before = 60;
  if (at != std::string_view::npos) {
    const auto value = parse_integer(text.substr(at + 1), 0, 65535, "signal");
    if (!value) return fail(value.error());
    before = *value;
  }
  build.spec["signal"] = Json{{"signal", *signal}, {"before_s", before}};
  return true;
}

Result<bool> set_dependency(Build& build, const Given& given) {
  const Result<DependencyText> read = parse_dependency(given.value);
  if (!read) return fail(read.error());
  build.spec.erase("dependency");
  build.spec.erase("singleton");
  if (!read->jobs.empty()) build.spec["dependency"] = read->jobs;
  if (read->singleton) build.spec["singleton"] = true;
  return true;
}

Result<bool> set_partition(Build& build, const Given& given) {
  if (given.value.find(',') != std::string::npos)
    return fail(Errc::Unsupported, "a job goes to one partition", "name one", "partition");
  build.spec["partition"] = given.value;
  return true;
}
Result<bool> set_text(Build& build, const Given& given) {
  build.spec[std::string(given.option->name)] = given.value;
  return true;
}
Result<bool> set_deadline(Build& build, const Given& given) {
  const Result<Time> deadline =
      parse_begin(given.value, Time{build.source.now_us}, build.source.utc_offset_s);
  if (!deadline) return fail(deadline.error());
  build.spec["deadline_us"] = deadline->us;
  return true;
}
Result<bool> set_max_failures(Build& build, const Given& given) {
  return set_count(build, given, "max_failures", 0, std::numeric_limits<std::uint32_t>::max());
}
Result<bool> set_kill_on_invalid(Build& build, const Given& given) {
  if (given.value != "yes" && given.value != "no")
    return bad(given, "\"" + given.value + "\" is neither yes nor no", "use yes or no");
  build.spec["kill_on_invalid_dependency"] = given.value == "yes";
  return true;
}

Result<bool> set_licences(Build& build, const Given& given) {
  Result<Json> licences = read_licences(given.value);
  if (!licences) return fail(std::move(licences.error()));
  build.spec["licences"] = std::move(*licences);
  return true;
}

Result<bool> set_retry(Build& build, const Given& given) {
  return set_retry_option(build.spec, given);
}
Result<bool> set_exclusive(Build& build, const Given& given) {
  if (!given.value.empty() && given.value != "user")
    return bad(given, "\"" + given.value + "\" is not offered", "--exclusive, or --exclusive=user");
  build.spec["exclusive"] = given.value.empty() ? Json(true) : Json("user");
  return true;
}
Result<bool> ignore(Build&, const Given&) { return true; }

struct SetterRow {
  std::string_view option;
  Setter set;
};
constexpr auto kSetters = std::to_array<SetterRow>({
    {"job-name", set_name},
    {"ntasks", set_ntasks},
    {"ntasks-per-node", set_ntasks_per_node},
    {"cpus-per-task", set_cpus},
    {"mem", set_mem},
    {"mem-per-cpu", set_mem_per_cpu},
    {"gpus", set_gpus},
    {"gpus-per-node", set_gpus_per_node},
    {"gres", set_gres},
    {"resource", add_resource},
    {"time", set_time},
    {"output", set_out},
    {"error", set_err},
    {"input", set_in},
    {"open-mode", set_open_mode},
    {"chdir", set_chdir},
    {"export", ignore},
    {"array", set_array},
    {"throttle", set_throttle},
    {"begin", set_begin},
    {"hold", set_hold},
    {"priority", set_priority},
    {"nice", set_nice},
    {"partition", set_partition},
    {"account", set_text},
    {"qos", set_text},
    {"reservation", set_text},
    {"deadline", set_deadline},
    {"max-failures", set_max_failures},
    {"kill-on-invalid-dep", set_kill_on_invalid},
    {"retry", set_retry},
    {"retry-delay", set_retry},
    {"retry-backoff", set_retry},
    {"retry-max-delay", set_retry},
    {"retry-on", set_retry},
    {"comment", set_comment},
    {"label", add_label},
    {"constraint", set_constraint},
    {"requeue", set_requeue},
    {"no-requeue", set_no_requeue},
    {"signal", set_signal},
    {"dependency", set_dependency},
    {"exclusive", set_exclusive},
    {"licenses", set_licences},
    {"nodes", set_nodes},
});

Result<bool> apply(Build& build, const std::vector<Given>& options) {
  for (const Given& given : options) {
    const auto row = std::ranges::find(kSetters, given.option->name, &SetterRow::option);
    const Result<bool> set =
        row != kSetters.end() ? row->set(build, given) : set_layout_option(build.spec, given);
    if (!set) {
      Error error = set.error();
      if (error.field.empty()) error.field = std::string(given.option->name);
      const std::string where = given.where.empty() ? "" : given.where + ", ";
      return fail(std::move(error), where + "option --" + std::string(given.option->name));
    }
    if (find_bad_utf8(given.value)) {
      return bad(given, "the value of --" + std::string(given.option->name) + " is not UTF-8 text",
                 "use UTF-8 file names and texts");
    }
  }
  for (const Given& given : options)
    if (given.option->name == "use-min-nodes") build.spec.erase("nodes_max");
  return true;
}

}  // namespace

Result<std::int64_t> parse_signal(std::string_view text) {
  if (text.starts_with("SIG")) text.remove_prefix(3);
  for (const SignalName& row : kSignals)
    if (row.name == text) return row.number;
  const auto number = parse_integer(text, 1, 64, "signal");
  if (number) return *number;
  std::vector<std::string_view> names;
  names.reserve(std::size(kSignals));
  for (const SignalName& row : kSignals) names.push_back(row.name);
  const std::string_view near = nearest_match(text, names);
  return fail(Errc::BadInput, "\"" + std::string(text) + "\" is no signal",
              near.empty() ? "use a name such as USR1 or TERM, or a number"
                           : "did you mean " + std::string(near) + "?",
              "signal");
}

Result<bool> overlay_options(Json& spec, const std::vector<Given>& options,
                             const SpecSource& source) {
  Build build{spec, source};
  return apply(build, options);
}

Result<Json> build_spec(const std::vector<Given>& options, const SpecSource& source,
                        std::vector<std::string>& warnings) {
  Json spec = Json::object();
  spec["name"] = source.name;
  if (!source.script.empty()) spec["script"] = source.script;
  spec["argv"] = source.argv;
  spec["cwd"] = source.cwd;
  if (auto laid = overlay_components(spec, options, source); !laid) return fail(laid.error());
  if (spec.contains("nodes") && spec.contains("ntasks") && spec["nodes"] > spec["ntasks"]) {
    warnings.push_back("more nodes than tasks: --nodes is lowered to " + spec["ntasks"].dump());
    spec["nodes"] = spec["ntasks"];
  }
  std::string choice = "ALL";
  for (const Given& given : options)
    if (given.option->name == "export") choice = given.value;
  Result<Json> environment = build_environment(choice, source.environment, warnings);
  if (!environment) return fail(environment.error());
  if (!environment->is_null()) spec["env"] = std::move(*environment);
  for (const std::string& word : source.argv) {
    if (find_bad_utf8(word)) {
      return fail(Errc::BadInput, "an argument is not UTF-8 text", "put it into a script file");
    }
  }
  return spec;
}

}  // namespace drover::cli
