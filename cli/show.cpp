// cli/show.cpp - `drover show`: everything about one job.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/counted_words.hpp"
#include "base/units.hpp"
#include "cli/command.hpp"
#include "cli/job_view.hpp"
#include "cli/resource_text.hpp"

namespace drover::cli {
namespace {

constexpr Option kOptions[] = {
    {"tasks", 0, Takes::Nothing, "", "the elements of an array that were started or touched"},
    {"script", 0, Takes::Nothing, "", "the script as it was submitted"},
    {"items", 0, Takes::Nothing, "",
     "what the elements of an array work on: drover submit --each-line"},
    {"spec", 0, Takes::Nothing, "", "what was asked for, as JSON"},
    {"state", 0, Takes::Value, "STATE", "with --tasks: only these"},
    {"limit", 'n', Takes::Value, "N", "with --tasks and --items: at most N (default 1000)"},
};
OptionTable options() { return kOptions; }

std::string join_pairs(const Json& object) {
  std::string out;
  if (object.is_object())
    for (const auto& [key, value] : object.items())
      out += (out.empty() ? "" : " ") + key + "=" +
             (value.is_string() ? value.get<std::string>() : to_text(value));
  return out;
}

std::string counts(const Json& job) {
  std::string out;
  for (const char* name : {"waiting", "active", "succeeded", "failed", "cancelled", "timed_out"}) {
    const std::int64_t n = number_of(job, std::string("tasks.") + name);
    if (n > 0) out += (out.empty() ? "" : ", ") + std::to_string(n) + " " + name;
  }
  return std::to_string(number_of(job, "tasks.total")) + (out.empty() ? "" : " (" + out + ")");
}

using Pairs = std::vector<std::pair<std::string, std::string>>;

void add_task(Pairs& pairs, const Json& task) {
  if (!task.is_object()) return;
  pairs.emplace_back("node", text_of(task, "node"));
  pairs.emplace_back("cores", cpu_list(member(task, "cpus")));
  pairs.emplace_back("gpus", cpu_list(member(task, "gpus")));
  if (number_of(task, "attempt") > 1) pairs.emplace_back("attempt", text_of(task, "attempt"));
  if (number_of(task, "signal") > 0) pairs.emplace_back("signal", text_of(task, "signal"));
  if (member(task, "user_s").is_number())
    pairs.emplace_back("cpu time",
                       show_short_seconds(real_of(task, "user_s") + real_of(task, "system_s")));
  const std::int64_t rss = number_of(task, "max_rss_kib");
  if (rss > 0) pairs.emplace_back("peak memory", format_memory_mib((rss + 1023) / 1024));
  pairs.emplace_back("stdout", text_of(task, "out"));
  if (text_of(task, "err") != text_of(task, "out"))
    pairs.emplace_back("stderr", text_of(task, "err"));
}

// "0 on n1 cores 0-1; 1 on n1 cores 2-3", of a job with several tasks.
std::string tasks_of(const Json& layout) {
  constexpr std::size_t kShown = 8;
  std::vector<std::string> all;
  if (layout.is_array())
    for (const Json& node : layout)
      for (const Json& task : member(node, "tasks")) {
        const std::string cpus = text_of(task, "cpus");
        all.push_back(text_of(task, "task") + " on " + text_of(node, "node") +
                      (cpus.empty() ? "" : " cores " + cpus));
      }
  if (all.size() < 2) return {};
  std::string text;
  for (std::size_t i = 0; i < std::min(all.size(), kShown); ++i)
    text += (i > 0 ? "; " : "") + all[i];
  if (all.size() > kShown) text += "; ... (all: -o json)";
  return text;
}

// "2 nodes of ", "2 to 4 nodes of ": what follows is of each; nothing of a single one.
std::string nodes_of(const Json& of) {
  const std::int64_t nodes = number_of(of, "nodes");
  const std::int64_t most = std::max(number_of(of, "spec.nodes_max"), nodes);
  if (most <= 1) return {};
  return std::to_string(nodes) + (most > nodes ? " to " + std::to_string(most) : "") + " nodes of ";
}

// "2 nodes of 4 cpus, 8G, 1 gpu on n[1-2]"
std::string asks_of(const Json& of) {
  std::string text = nodes_of(of) + counted(number_of(of, "cpus"), "cpu");
  if (number_of(of, "mem_mib") > 0) text += ", " + format_memory_mib(number_of(of, "mem_mib"));
  if (number_of(of, "gpus") > 0) text += ", " + counted(number_of(of, "gpus"), "gpu");
  if (const std::int64_t share = number_of(of, "gpu_share"); share > 0)
    text += ", " + gpus_text(share) + " of a gpu";
  const std::string licences = join_pairs(member(of, "licences"));
  if (!licences.empty()) text += ", licences " + licences;
  const std::string constraint = text_of(of, "constraint");
  if (!constraint.empty()) text += ", " + constraint;
  const std::string node = text_of(of, "node");
  return text + (node.empty() ? "" : " on " + node);
}

void add_components(Pairs& pairs, const Json& job) {
  const Json& all = member(job, "components");
  if (!all.is_array()) return;
  std::size_t number = 0;
  for (const Json& one : all)
    pairs.emplace_back("component " + std::to_string(++number), asks_of(one));
}

void add_advice(Pairs& pairs, const Json& advices, const std::string& why) {
  for (const Json& advice : advices) {
    if (text_of(advice, "text") == why) continue;  // it is said already
    pairs.emplace_back("advice", text_of(advice, "text"));
    pairs.emplace_back("  hint", text_of(advice, "hint"));
  }
}

Result<int> show_job(Context& context, const Json& job, const Json& layout, const Json& advices) {
  const Style style = context.style();
  if (context.globals().table.format != Format::Table &&
      context.globals().table.format != Format::Wide)
    return context.print_rows({job}, job_columns(), "jobs", "id");
  const bool is_array = !member(job, "array").is_null();
  const std::string state = text_of(job, "state");
  Pairs pairs{{"job", text_of(job, "id")},
              {"name", text_of(job, "name")},
              {"user", text_of(job, "user")},
              {"state", state},
              {"reason", job_reason(job)}};
  if (is_array) {
    pairs.emplace_back("array", text_of(job, "array"));
    pairs.emplace_back("tasks", counts(job));
  }
  if (is_final(state) && !text_of(job, "exit_code").empty())
    pairs.emplace_back("exit code", text_of(job, "exit_code"));
  pairs.emplace_back("submitted", show_time(member(job, "submitted"), style));
  pairs.emplace_back("started", show_time(member(job, "started"), style));
  pairs.emplace_back("ended", show_time(member(job, "ended"), style));
  pairs.emplace_back("wait", show_seconds(member(job, "wait_s")));
  pairs.emplace_back("run", show_seconds(member(job, "run_s")));
  std::string asks = nodes_of(job) + counted(number_of(job, "cpus"), "cpu");
  if (number_of(job, "mem_mib") > 0) asks += ", " + format_memory_mib(number_of(job, "mem_mib"));
  if (number_of(job, "gpus") > 0) asks += ", " + counted(number_of(job, "gpus"), "gpu");
  const std::int64_t share = number_of(job, "spec.gpu_share");
  if (share > 0) asks += ", " + gpus_text(share) + " of a gpu";
  const std::string resources = join_pairs(member(job, "spec.resources"));
  if (!resources.empty()) asks += ", " + resources;
  const std::string licences = join_pairs(member(job, "spec.licences"));
  if (!licences.empty()) asks += ", licences " + licences;
  if (number_of(job, "time_limit_s") > 0)
    asks += ", at most " + show_short_seconds(real_of(job, "time_limit_s"));
  pairs.emplace_back("asks for", asks);
  add_components(pairs, job);
  pairs.emplace_back("retries", text_of(job, "spec.retry.text"));
  add_task(pairs, member(job, "task"));
  pairs.emplace_back("tasks", tasks_of(layout));
  if (number_of(job, "priority") != 0) pairs.emplace_back("priority", text_of(job, "priority"));
  pairs.emplace_back("group", text_of(job, "group"));
  pairs.emplace_back("labels", join_pairs(member(job, "labels")));
  pairs.emplace_back("variables", join_pairs(member(job, "spec.variables")));
  if (const std::int64_t age = number_of(job, "spec.reuse.ttl_s"); age > 0)
    pairs.emplace_back("reuse", "of results up to " + show_short_seconds(double(age)) + " old");
  pairs.emplace_back("engine of its own", text_of(job, "spec.once") == "true" ? "yes" : "");
  if (const Json& wish = member(job, "spec.wish"); wish.is_object()) {
    std::string size = counted(number_of(wish, "cpus"), "CPU") + ", " +
                       format_memory_mib(number_of(wish, "mem_mib"));
    if (number_of(wish, "gpus") > 0) size += ", " + counted(number_of(wish, "gpus"), "GPU");
    pairs.emplace_back("its engine has at least", size);
  }
  pairs.emplace_back("runs as", text_of(job, "spec.runs_as"));
  pairs.emplace_back("comment", text_of(job, "comment"));
  pairs.emplace_back("directory", text_of(job, "spec.cwd"));
  if (!is_final(state)) {
    pairs.emplace_back("why", text_of(job, "why.text"));
    pairs.emplace_back("  hint", text_of(job, "why.hint"));
  }
  add_advice(pairs, advices, is_final(state) ? std::string() : text_of(job, "why.text"));
  context.out(render_pairs(pairs, style));
  return kOk;
}

Result<int> show_tasks(Context& context, ApiClient& api, const OneJob& which) {
  const auto limit =
      parse_integer(context.arguments().text("limit", "1000"), 1, 10'000'000, "limit");
  if (!limit) return fail(limit.error());
  std::vector<Json> tasks;
  std::string from = which.element ? std::to_string(*which.element) : "0";
  const auto wanted = which.element ? 1 : std::size_t(*limit);
  while (tasks.size() < wanted) {
    const std::string page = std::to_string(std::min<std::size_t>(wanted - tasks.size(), 1000));
    const Result<Json> answer = api.read(with_query(
        which.path() + "/tasks",
        {{"from", from}, {"limit", page}, {"state", context.arguments().text("state")}}));
    if (!answer) return fail(answer.error());
    for (const Json& task : member(*answer, "tasks")) tasks.push_back(task);
    const std::string next = text_of(*answer, "next");
    if (next.empty() || next == from) break;
    from = next;
  }
  if (which.element)
    std::erase_if(tasks, [&](const Json& task) {
      return number_of(task, "index", -1) != std::int64_t(*which.element);
    });
  if (which.element && tasks.empty()) {
    return fail(Errc::NotFound,
                "element " + std::to_string(*which.element) + " of job " +
                    std::to_string(which.id) + " was not started yet",
                "see the whole job: drover show " + std::to_string(which.id));
  }
  return context.print_rows(std::move(tasks), task_columns(), "tasks", "index");
}

Result<int> show_items(Context& context, ApiClient& api, const OneJob& which) {
  const auto limit =
      parse_integer(context.arguments().text("limit", "1000"), 1, 10'000'000, "limit");
  if (!limit) return fail(limit.error());
  std::size_t wanted = which.element ? 1 : std::size_t(*limit);
  std::string from = which.element ? std::to_string(*which.element) : "0";
  while (wanted > 0 && !from.empty()) {
    const Result<Json> page = api.read(with_query(
        which.path() + "/items",
        {{"from", from}, {"limit", std::to_string(std::min<std::size_t>(wanted, 1000))}}));
    if (!page) return fail(page.error());
    if (number_of(*page, "total") == 0)
      return fail(Errc::NotFound, "the job has no items",
                  "they are given at submission: drover submit --each-line");
    for (const Json& entry : member(*page, "items")) {
      context.out(context.globals().json()
                      ? to_text(entry) + '\n'
                      : text_of(entry, "index") + '\t' + clean_line(text_of(entry, "item")) + '\n');
      --wanted;
    }
    from = text_of(*page, "next");
  }
  return kOk;
}

Result<int> run_show(Context& context) {
  const Result<std::string> word = context.word(0, "the job's id");
  if (!word) return fail(word.error());
  const Arguments& arguments = context.arguments();
  for (std::size_t i = 0; i < arguments.words.size(); ++i) {
    const Result<OneJob> which = one_job(context, arguments.words[i]);
    if (!which) return fail(which.error());
    const Result<ApiClient*> api = context.api();
    if (!api) return fail(api.error());
    if (arguments.has("script")) {
      net::HttpClient::Call call;
      call.target = which->path() + "/script";
      const Result<net::ClientResponse> script = (*api)->call(call);
      if (!script) return fail(script.error());
      context.out(script->body);
      continue;
    }
    if (arguments.has("items")) {
      if (auto shown = show_items(context, **api, *which); !shown) return shown;
      continue;
    }
    if (which->element || arguments.has("tasks")) {
      const Result<int> shown = show_tasks(context, **api, *which);
      if (!shown) return shown;
      continue;
    }
    const Result<Json> answer = (*api)->read(which->path());
    if (!answer) return fail(answer.error());
    const Json job = job_of(*answer);
    if (i > 0) context.out("\n");
    if (arguments.has("spec")) {
      context.out(to_text(member(job, "spec"), 2) + '\n');
    } else if (context.globals().table.format == Format::JsonObject) {
      context.out(to_text(*answer, 2) + '\n');
    } else if (const Result<int> shown =
                   show_job(context, job, member(*answer, "layout"), member(*answer, "advice"));
               !shown) {
      return shown;
    }
  }
  return kOk;
}

}  // namespace

const Command kShow = {
    .noun = "job",
    .verb = "show",
    .is_shortcut = true,
    .operands = "ID[.INDEX]...",
    .summary = "show a job, or an element of an array",
    .examples =
        "drover show 12\ndrover show last -o json\ndrover show 12 --tasks --state failed\n"
        "drover show 12.3\ndrover show 12 --script\n"
        "drover show 12 --items -n 20",
    .complete = "job",
    .options = options,
    .run = run_show,
};

}  // namespace drover::cli
