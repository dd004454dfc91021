// sched/entrance_limits.cpp - how large and of which characters a job's parts may be.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include "base/counted_words.hpp"
#include "base/units.hpp"
#include "rm/components.hpp"
#include "rm/licence.hpp"
#include "rm/node_expression.hpp"
#include "sched/components.hpp"
#include "sched/counterparts.hpp"
#include "sched/entrance.hpp"
#include "sched/output_path.hpp"

namespace drover::sched {
namespace {

constexpr std::size_t kStringMax =
    (128u << 10) - 1;                        // of one argument or variable: the kernel's own limit
constexpr std::size_t kStringsMax = 16'384;  // arguments, and variables
constexpr std::size_t kStringBytesMax = 2u << 20;  // of arguments and variables together
constexpr std::size_t kNameMax = 256;
constexpr std::size_t kCommentMax = 1024;
constexpr std::size_t kLabelsMax = 64;
constexpr std::size_t kLabelKeyMax = 63;
constexpr std::size_t kLabelValueMax = 256;
constexpr std::size_t kDependenciesMax = 1000;
constexpr std::int64_t kCpusMax = 1'000'000;
constexpr std::int64_t kGpusMax = 65'536;
constexpr std::int64_t kNodesMax = 100'000;
constexpr std::size_t kCountsMax = rm::kLicencesPerJob;
constexpr std::int64_t kMemMibMax = std::int64_t(1) << 40;
constexpr std::int32_t kSignalMax = 64;
constexpr std::int32_t kMinutesMax = 10 * 366 * 1440;
constexpr std::int32_t kNiceMax = 1'000'000;
constexpr std::int32_t kWarnSecondsMax = 65'535;

// The length of the UTF-8 sequence that starts `text`, or 0 when it is none (RFC 3629).
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return std::uint32_t(static_cast<unsigned char>(text[i]));
  };
  const std::uint32_t lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return 0;
  std::uint32_t point = lead & (0xFFu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
    point = point << 6 | (byte(i) & 0x3F);
  }
  constexpr std::uint32_t kFirstOfLength[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool is_surrogate = point >= 0xD800 && point <= 0xDFFF;
  return point < kFirstOfLength[length] || point > 0x10FFFF || is_surrogate ? 0 : length;
}

// Valid UTF-8 that can be shown on a terminal: no control characters of either range.
bool is_shown_text(std::string_view text) {
  while (!text.empty()) {
    const auto first = static_cast<unsigned char>(text[0]);
    const std::size_t length = utf8_length(text);
    if (length == 0 || first < 0x20 || first == 0x7F) return false;
    if (first == 0xC2 && static_cast<unsigned char>(text[1]) < 0xA0) return false;
    text.remove_prefix(length);
  }
  return true;
}

bool is_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}
bool is_made_of(std::string_view text, std::string_view more) {
  return std::ranges::all_of(
      text, [&](char c) { return is_alnum(c) || more.find(c) != std::string_view::npos; });
}

Result<void> check_size(std::size_t size, std::size_t limit, std::string_view what,
                        std::string_view hint, std::string_view field) {
  if (size <= limit) return {};
  return fail(Errc::Limit,
              std::string(what) + " has " + std::to_string(size) + " bytes; at most " +
                  std::to_string(limit) + " are allowed",
              std::string(hint), std::string(field));
}

Result<void> check_range(std::int64_t value, std::int64_t low, std::int64_t high,
                         std::string_view field) {
  if (value >= low && value <= high) return {};
  return fail(Errc::BadInput,
              std::string(field) + " is " + std::to_string(value) + "; allowed are " +
                  std::to_string(low) + " to " + std::to_string(high),
              "choose a number in this range", std::string(field));
}

Result<void> check_script(const JobSpec& spec, const EntranceConfig& config) {
  if (spec.script.empty()) {
    if (!spec.argv.empty() && !spec.argv.front().empty()) return {};
    return fail(Errc::BadInput, "the job has nothing to run", "give it a script or a command",
                "script");
  }
  if (auto size = check_size(spec.script.size(), config.script_bytes_max, "the script",
                             "keep data in files and let the script read them", "script");
      !size)
    return size;
  if (spec.script.find('\0') != std::string::npos)
    return fail(Errc::BadInput, "the script contains a NUL byte: it looks like a binary",
                "run a program with 'drover submit -- PROGRAM'", "script");
  if (spec.statement) return {};  // code of any language
  if (!spec.script.starts_with("#!"))
    return fail(Errc::BadInput, "the script does not start with #!",
                "make its first line #!/bin/sh, or the path of its interpreter", "script");
  if (spec.script.find("\r\n") != std::string::npos)
    return fail(Errc::BadInput, "the script has Windows line ends (CR LF)",
                "convert it with: sed -i 's/\\r$//' SCRIPT", "script");
  return {};
}

Result<void> check_strings(const std::vector<std::string>& strings, std::size_t& total,
                           std::string_view field) {
  if (strings.size() > kStringsMax)
    return fail(Errc::Limit,
                std::string(field) + " has " + std::to_string(strings.size()) +
                    " entries; at most " + std::to_string(kStringsMax) + " are allowed",
                "pass a file with the list instead", std::string(field));
  for (const std::string& string : strings) {
    if (auto size = check_size(string.size(), kStringMax, "one entry of " + std::string(field),
                               "pass a file with the text instead", field);
        !size)
      return size;
    if (string.find('\0') != std::string::npos)
      return fail(Errc::BadInput, std::string(field) + " contains a NUL byte",
                  "programs cannot receive it: remove it", std::string(field));
    total += string.size() + 1;
  }
  return check_size(total, kStringBytesMax, "arguments and environment together",
                    "pass files, or a smaller --export", field);
}

Result<void> check_command(const JobSpec& spec) {
  std::size_t total = 0;
  if (auto argv = check_strings(spec.argv, total, "argv"); !argv) return argv;
  if (auto env = check_strings(spec.env, total, "env"); !env) return env;
  for (const std::string& variable : spec.env)
    if (const std::size_t sign = variable.find('='); sign == 0 || sign == std::string::npos)
      return fail(Errc::BadInput, "'" + variable.substr(0, 64) + "' is not a variable",
                  "write NAME=value", "env");
  return {};
}

Result<void> check_texts(const JobSpec& spec) {
  struct Text {
    const std::string& value;
    std::size_t limit;
    const char* field;
  };
  for (const Text& text :
       {Text{spec.name, kNameMax, "name"}, Text{spec.comment, kCommentMax, "comment"},
        Text{spec.user, kNameMax, "user"},
        Text{spec.request.gpu_model, kLabelValueMax, "gpu_model"}}) {
    if (auto size =
            check_size(text.value.size(), text.limit, text.field, "use a shorter text", text.field);
        !size)
      return size;
    if (!is_shown_text(text.value))
      return fail(Errc::BadInput, std::string(text.field) + " is not plain text",
                  "use UTF-8 without control characters", text.field);
  }
  return {};
}

Result<void> check_paths(const JobSpec& spec) {
  if (!spec.cwd.starts_with('/'))
    return fail(Errc::BadInput,
                "the working directory '" + spec.cwd.substr(0, 64) + "' is not absolute",
                "start it with /", "cwd");
  struct Path {
    const std::string& value;
    const char* field;
  };
  for (const Path& path :
       {Path{spec.cwd, "cwd"}, Path{spec.out, "out"}, Path{spec.err, "err"}, Path{spec.in, "in"}})
    if (auto good = check_path_pattern(path.value, path.field); !good) return good;
  return {};
}

}  // namespace

Result<void> check_label_map(const rm::Labels& labels, const char* field) {
  if (labels.size() > kLabelsMax)
    return fail(Errc::Limit,
                std::to_string(labels.size()) + " labels; at most " + std::to_string(kLabelsMax) +
                    " are allowed",
                "drop some", field);
  for (const auto& [key, value] : labels) {
    if (key.empty() || key.size() > kLabelKeyMax || !is_alnum(key.front()) ||
        !is_made_of(key, "-_./"))
      return fail(
          Errc::BadInput, "'" + key.substr(0, 64) + "' is not a valid name of a label",
          "start with a letter or digit; use up to 63 letters, digits, '-', '_', '.' and '/'",
          field);
    // Groups are named by their labels' values: ',' and '=' would let one group pose as another.
    if (value.size() > kLabelValueMax || !is_made_of(value, "-_./@:+$\\~"))
      return fail(Errc::BadInput, "the value of label '" + key + "' is not valid",
                  "use up to 256 letters, digits and -_./@:+$\\~", field);
  }
  return {};
}

namespace {

// Whether there are such things is for the controller to say.
Result<void> check_counts(const rm::Counts& counts, const char* field) {
  if (counts.size() > kCountsMax)
    return fail(Errc::Limit, std::to_string(counts.size()) + " kinds of " + field,
                "at most " + std::to_string(kCountsMax) + " are allowed", field);
  for (const auto& [name, count] : counts) {
    if (name.empty() || name.size() > kLabelKeyMax || !is_made_of(name, "-_.@"))
      return fail(Errc::BadInput, "'" + name.substr(0, 64) + "' cannot be a name in " + field,
                  "use up to 63 letters, digits, '-', '_', '.' and '@'", field);
    if (count < 1 || count > rm::kMaxAmount)
      return fail(Errc::BadInput, std::to_string(count) + " of " + name + " cannot be asked for",
                  "ask for 1 to " + std::to_string(rm::kMaxAmount), field);
  }
  return {};
}

Result<void> check_resources(JobSpec& spec) {
  if (auto good = check_range(spec.ntasks, 1, kCpusMax, "ntasks"); !good) return good;
  if (auto good = check_range(spec.cpus_per_task, 1, kCpusMax, "cpus_per_task"); !good) return good;
  if (auto good = check_range(spec.ntasks_per_node, 0, kCpusMax, "ntasks_per_node"); !good)
    return good;
  if (auto good = check_range(spec.request.nodes, 1, kNodesMax, "nodes"); !good) return good;
  if (spec.ntasks < spec.request.nodes)
    return fail(Errc::BadInput,
                counted(spec.ntasks, "task") + " cannot use " + counted(spec.request.nodes, "node"),
                "ask for at most as many nodes as tasks", "nodes");
  spec.request.cpus = spec.tasks_on_node() * spec.cpus_per_task;
  if (spec.ntasks_per_node > 0 && spec.tasks_on_node() > spec.ntasks_per_node)
    return fail(Errc::BadInput,
                counted(spec.ntasks, "task") + " on " + counted(spec.request.nodes, "node") +
                    " are more than " + std::to_string(spec.ntasks_per_node) + " on each",
                "ask for more nodes or fewer tasks", "ntasks_per_node");
  if (spec.request.cpus > kCpusMax)
    return fail(Errc::Limit,
                "tasks x cpus_per_task is " + std::to_string(spec.request.cpus) +
                    " CPUs on a node; at most " + std::to_string(kCpusMax) + " are allowed",
                "ask for fewer, or use an array", "ntasks");
  if (auto good = check_range(spec.request.mem_mib, 0, kMemMibMax, "mem"); !good) return good;
  if (auto good = check_counts(spec.request.licences, "licences"); !good) return good;
  if (auto good = check_counts(spec.request.resources, "resources"); !good) return good;
  if (auto good = check_range(spec.request.gpu_share, 0, 999, "gpu_share"); !good) return good;
  if (spec.request.gpu_share > 0 && spec.request.gpus > 0)
    return fail(Errc::BadInput, "a share of one GPU and whole GPUs exclude each other",
                "ask for a share, or for whole GPUs", "gpu_share");
  return check_range(spec.request.gpus, 0, kGpusMax, "gpus");
}

// Kept as it is printed, so that equal constraints are one.
Result<void> check_constraint(rm::Request& request) {
  if (request.constraint.empty()) return {};
  auto parsed = rm::parse_constraint(request.constraint);
  if (!parsed) return fail(parsed.error());
  const std::uint64_t counted = parsed->counted_nodes();
  if (counted > std::uint64_t(request.nodes))
    return fail(Errc::BadInput,
                "the constraint counts " + std::to_string(counted) + " nodes, the job has " +
                    std::to_string(request.nodes),
                "ask for --nodes=" + std::to_string(counted), "constraints");
  request.constraint = rm::to_text(*parsed);
  if (request.constraint.size() > rm::kExpressionMaxBytes)
    return fail(Errc::Limit, "the constraint is too long", "use up to 1024 characters",
                "constraints");
  return {};
}

// What it asks for and its tasks.
Result<void> check_component(JobSpec& spec) {
  if (auto good = check_label_map(spec.request.node_labels, "constraints"); !good) return good;
  if (auto good = check_resources(spec); !good) return good;
  if (auto good = check_layout(spec); !good) return good;
  return check_constraint(spec.request);
}

// Each on nodes of its own, dealt out by what they have: rules over several nodes at once would
// need another search.
Result<void> check_alone(const rm::Request& request) {
  const auto refuse = [](const std::string& what, std::string hint, const char* field) {
    return fail(Errc::Unsupported, what + " is not offered for jobs of several components",
                std::move(hint), field);
  };
  if (request.nodes_max > 0) return refuse("a range of nodes", "ask for a fixed number", "nodes");
  if (request.contiguous) return refuse("--contiguous", "leave it out", "contiguous");
  if (request.constraint.empty()) return {};
  const auto parsed = rm::parse_constraint(request.constraint);
  if (!parsed || (parsed->counted.empty() && parsed->alternatives.empty())) return {};
  return refuse("a constraint with brackets or counts", "give each kind of nodes a component",
                "constraints");
}

Result<void> check_components(JobSpec& spec) {
  if (spec.more_tasks.empty() && spec.request.more.empty()) return {};
  if (spec.more_tasks.size() != spec.request.more.size())
    return fail(Errc::BadInput, "components without tasks, or tasks without a component", {},
                "components");
  if (spec.statement || spec.engine)
    return fail(Errc::Unsupported, "what an engine runs has no components", "leave them out",
                "components");
  if (spec.more_tasks.size() >= rm::kComponentsMax)
    return fail(Errc::Limit,
                std::to_string(spec.more_tasks.size() + 1) + " components; at most " +
                    std::to_string(rm::kComponentsMax) + " are allowed",
                "put equal ones together: --nodes", "components");
  if (auto good = check_alone(spec.request); !good) return good;
  for (std::size_t at = 1; at <= spec.more_tasks.size(); ++at) {
    JobSpec part = component_of(spec, at);
    auto good = check_component(part);
    if (good) good = check_alone(part.request);
    if (good && !is_shown_text(part.request.gpu_model))
      good = fail(Errc::BadInput, "gpu_model is not plain text",
                  "use UTF-8 without control characters", "gpu_model");
    if (!good) return fail(std::move(good.error()), "component " + std::to_string(at + 1));
    set_component(spec, at, part);
  }
  const std::int64_t nodes = rm::nodes_of(spec.request);
  if (auto good = check_range(nodes, 1, kNodesMax, "nodes"); !good) return good;
  return check_counts(rm::licences_of(spec.request), "licences");
}

Result<void> check_items(const JobSpec& spec) {
  const Items& items = spec.items;
  if (items.empty()) return {};
  if (items.size() > Items::kMax || items.bytes() > Items::kBytesMax)
    return fail(Errc::Limit,
                std::to_string(items.size()) + " items of " + std::to_string(items.bytes()) +
                    " bytes; at most " + std::to_string(Items::kMax) + " of " +
                    std::to_string(Items::kBytesMax) + " bytes together are allowed",
                "submit several arrays", "items");
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (items[i].size() > Items::kItemMax)
      return fail(Errc::Limit,
                  "item " + std::to_string(i) + " has " + std::to_string(items[i].size()) +
                      " bytes; at most " + std::to_string(Items::kItemMax) + " are allowed",
                  "pass the name of a file", "items");
    if (items[i].find('\0') != std::string_view::npos)
      return fail(Errc::BadInput, "item " + std::to_string(i) + " has a NUL byte",
                  "no argument and no variable can", "items");
  }
  if (spec.is_array && !spec.array.empty() && spec.array.max() < items.size()) return {};
  return fail(Errc::BadInput, "the array has elements without an item",
              "leave the array out: the items make one", "items");
}

Result<void> check_array(const JobSpec& spec, const EntranceConfig& config) {
  const std::uint64_t count = spec.array.count();
  if (count == 0)
    return fail(Errc::BadInput, "the array has no elements", "write it as 0-9, 1,3,5 or 0-99:10%4",
                "array");
  if (count > config.array_size_max)
    return fail(Errc::Limit,
                "the array has " + std::to_string(count) + " elements; at most " +
                    std::to_string(config.array_size_max) + " are allowed",
                "split it into several arrays", "array");
  return {};
}

Result<void> check_time(const JobSpec& spec, const EntranceConfig& config) {
  if (spec.time_limit.us < 0 || spec.begin.us < 0)
    return fail(Errc::BadInput, "a time is negative", "write it as 30m, 1:00:00 or 2-12", "time");
  if (config.time_limit_max.us > 0 && spec.time_limit > config.time_limit_max)
    return fail(Errc::Limit,
                "the time limit " + format_duration(spec.time_limit) + " is above " +
                    format_duration(config.time_limit_max) + ", the longest allowed here",
                "ask for --time=" + format_duration(config.time_limit_max) + " or less", "time");
  if (auto good = check_range(spec.warn.signal, 0, kSignalMax, "signal"); !good) return good;
  return check_range(spec.warn.before_s, 0, kWarnSecondsMax, "signal");
}

Result<void> check_elementwise(const JobSpec& spec) {
  std::set<JobId> targets;
  for (const Dependency& dependency : spec.dependencies) {
    if (dependency.kind != DependencyKind::AfterCorr) continue;
    if (!targets.insert(dependency.job).second)
      return fail(Errc::BadInput,
                  "aftercorr names job " + std::to_string(raw(dependency.job)) + " twice",
                  "name it once", "dependency");
  }
  if (targets.empty()) return {};
  if (!spec.is_array)
    return fail(Errc::BadInput, "aftercorr is for arrays, and the job is none",
                "add --array with the indexes of the other job, or use afterok", "dependency");
  if (spec.dependency_any)
    return fail(Errc::Unsupported, "aftercorr cannot be one of several choices",
                "use `,` between the dependencies", "dependency");
  if (targets.size() > kCounterpartJobsMax)
    return fail(Errc::Limit,
                "aftercorr names " + std::to_string(targets.size()) + " jobs; at most " +
                    std::to_string(kCounterpartJobsMax) + " are allowed",
                "let an array in between gather some", "dependency");
  return {};
}

Result<void> check_dependencies(const JobSpec& spec) {
  if (spec.dependencies.size() > kDependenciesMax)
    return fail(Errc::Limit,
                std::to_string(spec.dependencies.size()) + " dependencies; at most " +
                    std::to_string(kDependenciesMax) + " are allowed",
                "wait for the last job of a chain only", "dependency");
  for (const Dependency& dependency : spec.dependencies)
    if (raw(dependency.job) == 0)
      return fail(Errc::BadInput, "a dependency names job 0", "write it as afterok:12:13",
                  "dependency");
  if (auto good = check_elementwise(spec); !good) return good;
  for (const Dependency& dependency : spec.dependencies) {
    if (dependency.minutes == 0) continue;
    if (dependency.minutes < 0 || dependency.minutes > kMinutesMax ||
        dependency.kind != DependencyKind::After)
      return fail(Errc::BadInput, "only `after` takes a delay, in minutes",
                  "write it as after:12+30", "dependency");
    if (spec.dependency_any)
      return fail(Errc::Unsupported, "a delay cannot be one of several choices",
                  "use `,` between the dependencies", "dependency");
  }
  return {};
}

Result<void> check_retry(const RetryRule& rule) {
  if (rule == RetryRule{}) return {};
  if (rule.max == 0)
    return fail(Errc::BadInput, "it is said how to retry, and not how often",
                "say so: --retry=3, or {\"max\":3}", "retry");
  if (auto good = check_range(rule.max, 1, RetryRule::kMax, "retry"); !good) return good;
  if (auto good = check_range(rule.factor_percent, 100, RetryRule::kFactorMax, "retry"); !good)
    return good;
  for (const Duration delay : {rule.delay, rule.delay_max})
    if (auto good = check_range(delay.us / 1'000'000, 0, 366LL * 86'400, "retry"); !good)
      return good;
  if (rule.on != 0 && rule.on <= (kRetryAny | kRetryLost)) return {};
  return fail(Errc::BadInput, "there is no end to retry on",
              "leave `on` out, or name some: exit, signal, timeout, oom, launch, unknown, lost",
              "retry");
}

Result<void> check_ends(const JobSpec& spec) {
  if (auto good = check_retry(spec.retry); !good) return good;
  if (spec.deadline.us < 0)
    return fail(Errc::BadInput, "the deadline is before the epoch", "write it like --begin",
                "deadline");
  if (spec.max_failures > 0 && !spec.is_array)
    return fail(Errc::BadInput, "max_failures is for arrays, and the job is none",
                "add --array, or leave it out", "max_failures");
  if (spec.array_throttle > 0 && !spec.is_array)
    return fail(Errc::BadInput, "array_throttle is for arrays, and the job is none",
                "add --array, or leave --throttle out", "array_throttle");
  return check_range(spec.nice, -kNiceMax, kNiceMax, "nice");
}

}  // namespace

Result<void> check_limits(JobSpec& spec, const EntranceConfig& config) {
  if (auto good = check_script(spec, config); !good) return good;
  if (auto good = check_command(spec); !good) return good;
  if (auto good = check_texts(spec); !good) return good;
  if (auto good = check_paths(spec); !good) return good;
  if (auto good = check_label_map(spec.labels, "labels"); !good) return good;
  if (auto good = check_component(spec); !good) return good;
  if (auto good = check_components(spec); !good) return good;
  if (auto good = check_array(spec, config); !good) return good;
  if (auto good = check_items(spec); !good) return good;
  if (auto good = check_time(spec, config); !good) return good;
  if (auto good = check_dependencies(spec); !good) return good;
  if (auto good = check_ends(spec); !good) return good;
  return check_range(spec.priority, config.priority_min, config.priority_max, "priority");
}

}  // namespace drover::sched
