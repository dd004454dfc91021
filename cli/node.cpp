// cli/node.cpp - `drover node`: what there is, and taking nodes out of service.
// SPDX-License-Identifier: Apache-2.0
#include "base/units.hpp"
#include "cli/command.hpp"
#include "cli/job_view.hpp"

namespace drover::cli {
namespace {

constexpr Option kDrainOptions[] = {
    {"reason", 0, Takes::Value, "TEXT", "why; shown to those whose jobs wait"},
};
OptionTable drain_options() { return kDrainOptions; }

Column column(std::string_view title, std::string_view path, bool wide = false,
              bool right = false) {
  Column made{title, path};
  made.wide = wide;
  made.right = right;
  return made;
}

std::string used_of(const Json& row, const std::string& what) {
  const std::int64_t all = number_of(row, what);
  return std::to_string(all - number_of(row, what + "_free")) + "/" + std::to_string(all);
}

std::vector<Column> node_columns() {
  std::vector<Column> columns{column("NAME", "name"), column("STATE", "state")};
  columns[1].color = [](const Json& row) { return state_color(text_of(row, "state")); };
  columns.push_back(column("CPUS", "cpus", false, true));
  columns.back().show = [](const Json& row, const Style&) { return used_of(row, "cpus"); };
  columns.push_back(column("MEM", "mem_mib", false, true));
  columns.back().show = [](const Json& row, const Style&) {
    const std::int64_t all = number_of(row, "mem_mib");
    return format_memory_mib(all - number_of(row, "mem_mib_free")) + "/" + format_memory_mib(all);
  };
  columns.push_back(column("GPUS", "gpus", false, true));
  columns.back().show = [](const Json& row, const Style&) {
    return number_of(row, "gpus") > 0 ? used_of(row, "gpus") : std::string();
  };
  columns.push_back(column("RUNNING", "running", false, true));
  columns.push_back(column("LOAD", "load1", false, true));
  columns.push_back(column("VERSION", "version", true));
  columns.push_back(column("BOOT", "boot_id", true));
  columns.push_back(column("REASON", "reason"));
  columns.back().stretch = true;
  return columns;
}

Result<int> run_ls(Context& context) {
  const Result<bool> words = context.at_most_words(0);
  if (!words) return fail(words.error());
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  const Result<Json> answer = (*api)->read("/api/v1/nodes");
  if (!answer) return fail(answer.error());
  std::vector<Json> nodes;
  for (const Json& node : member(*answer, "nodes")) nodes.push_back(node);
  if (nodes.empty() && is_terminal(2)) context.note("no node has registered yet");
  return context.print_rows(std::move(nodes), node_columns(), "nodes", "name");
}

void add_flat(std::vector<std::pair<std::string, std::string>>& pairs, const std::string& prefix,
              const Json& value) {
  if (value.is_object()) {
    for (const auto& [key, inner] : value.items())
      add_flat(pairs, prefix.empty() ? key : prefix + "." + key, inner);
    return;
  }
  if (value.is_null()) return;
  pairs.emplace_back(prefix, value.is_string() ? value.get<std::string>() : to_text(value));
}

Result<int> run_show(Context& context) {
  const Result<std::string> name = context.word(0, "the node's name");
  if (!name) return fail(name.error());
  const Result<bool> words = context.at_most_words(1);
  if (!words) return fail(words.error());
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  const Result<Json> answer = (*api)->read("/api/v1/nodes/" + percent_encode(*name));
  if (!answer) return fail(answer.error());
  const Json& list = member(*answer, "nodes");
  const Json& node = list.is_array() && !list.empty()      ? list[0]
                     : member(*answer, "node").is_object() ? member(*answer, "node")
                                                           : *answer;
  if (context.globals().table.format != Format::Table &&
      context.globals().table.format != Format::Wide) {
    if (context.globals().table.format == Format::JsonObject) {
      context.out(to_text(*answer, 2) + '\n');
      return kOk;
    }
    return context.print_rows({node}, node_columns(), "nodes", "name");
  }
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const auto& [key, value] : node.items())
    if (key != "v" && key != "topology") add_flat(pairs, key, value);
  context.out(render_pairs(pairs, context.style()));
  const Json& topology = member(node, "topology");
  if (!topology.is_null())
    context.out("topology\n" +
                clean_line(topology.is_string() ? topology.get<std::string>() : to_text(topology)) +
                '\n');
  return kOk;
}

Result<int> act(Context& context, const std::string& verb, const std::string& done) {
  const Result<std::string> name = context.word(0, "the node's name");
  if (!name) return fail(name.error());
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  Json body = Json::object();
  if (context.arguments().has("reason")) body["reason"] = context.arguments().text("reason");
  for (const std::string& node : context.arguments().words) {
    const Result<Json> answer =
        (*api)->post("/api/v1/nodes/" + percent_encode(node) + "/" + verb, body);
    if (!answer) return fail(answer.error());
    context.note("node " + node + " " + done);
  }
  return kOk;
}

Result<int> run_drain(Context& context) {
  return act(context, "drain", "takes no new jobs; what runs on it goes on");
}
Result<int> run_resume(Context& context) { return act(context, "resume", "takes jobs again"); }

}  // namespace

const Command kNodeLs = {
    .noun = "node",
    .verb = "ls",
    .summary = "list nodes: state, cores, memory, GPUs in use",
    .examples = "drover node ls\ndrover node ls -o wide",
    .run = run_ls,
};

const Command kNodeShow = {
    .noun = "node",
    .verb = "show",
    .operands = "NAME",
    .summary = "show a node: amounts, labels, topology, what it is capable of",
    .examples = "drover node show c1\ndrover node show c1 -o json",
    .complete = "node",
    .run = run_show,
};

const Command kNodeDrain = {
    .noun = "node",
    .verb = "drain",
    .operands = "NAME...",
    .summary = "give a node no new jobs",
    .examples = "drover node drain c1 --reason \"new disk\"",
    .complete = "node",
    .options = drain_options,
    .run = run_drain,
};

const Command kNodeResume = {
    .noun = "node",
    .verb = "resume",
    .operands = "NAME...",
    .summary = "give a drained node jobs again",
    .examples = "drover node resume c1",
    .complete = "node",
    .run = run_resume,
};

}  // namespace drover::cli
