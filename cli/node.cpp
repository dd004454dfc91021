// cli/node.cpp - `drover node`: what there is, and taking nodes out of service.
// SPDX-License-Identifier: Apache-2.0
#include "base/units.hpp"
#include "cli/cluster_toml.hpp"
#include "cli/command.hpp"
#include "cli/job_view.hpp"
#include "cli/resource_text.hpp"

namespace drover::cli {
namespace {

constexpr Option kDrainOptions[] = {
    {"reason", 0, Takes::Value, "TEXT", "why; shown to those whose jobs wait"},
};
OptionTable drain_options() { return kDrainOptions; }
constexpr Option kDownOptions[] = {
    {"reason", 0, Takes::Value, "TEXT", "why; shown to those whose jobs wait"},
    {"attempts-lost", 0, Takes::Nothing, "",
     "nothing runs there any more: what did is started elsewhere or has failed"},
};
OptionTable down_options() { return kDownOptions; }

Column column(std::string_view title, std::string_view path, bool wide = false,
              bool right = false) {
  Column made{title, path};
  made.wide = wide;
  made.right = right;
  return made;
}

// "1.5/4": GPUs may be shared.
std::string gpus_used(const Json& row) {
  const double all = double(number_of(row, "gpus"));
  const auto thousandths = std::int64_t((all - real_of(row, "gpus_free")) * 1000 + 0.5);
  return gpus_text(thousandths) + "/" + std::to_string(number_of(row, "gpus"));
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
    return number_of(row, "gpus") > 0 ? gpus_used(row) : std::string();
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

Result<int> run_export(Context& context) {
  const Result<bool> words = context.at_most_words(0);
  if (!words) return fail(words.error());
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  const Result<Json> answer = (*api)->read("/api/v1/nodes?topology=1");
  if (!answer) return fail(answer.error());
  context.out(cluster_toml(member(*answer, "nodes")));
  return kOk;
}

Result<int> act(Context& context, const std::string& verb, const std::string& done) {
  const Result<std::string> name = context.word(0, "the node's name");
  if (!name) return fail(name.error());
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  Json body = Json::object();
  if (context.arguments().has("attempts-lost")) body["attempts_lost"] = true;
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
Result<int> run_down(Context& context) { return act(context, "down", "is down"); }
Result<int> run_maintenance(Context& context) {
  return act(context, "maintenance", "is in maintenance; what runs on it goes on");
}

Result<int> run_label(Context& context) {
  const Result<std::string> name = context.word(0, "the node's name");
  if (!name) return fail(name.error());
  const Result<std::string> first = context.word(1, "a label: key=value, or key- to remove it");
  if (!first) return fail(first.error());
  Json body = Json::object();
  const std::vector<std::string>& words = context.arguments().words;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::size_t equals = words[i].find('=');
    if (equals != std::string::npos)
      body["set"][words[i].substr(0, equals)] = words[i].substr(equals + 1);
    else if (words[i].ends_with('-'))
      body["remove"].push_back(words[i].substr(0, words[i].size() - 1));
    else
      body["set"][words[i]] = "";
  }
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  const Result<Json> answer =
      (*api)->post("/api/v1/nodes/" + percent_encode(*name) + "/labels", body);
  if (!answer) return fail(answer.error());
  context.note("node " + *name + " is labelled");
  return kOk;
}

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

const Command kNodeExport = {
    .noun = "node",
    .verb = "export",
    .summary = "print the nodes as a cluster file for drover sim",
    .about =
        "Nodes that are alike in everything but their names become one class with a count: edit\n"
        "the counts and ask the simulator what more nodes would do. Nodes that are down are left\n"
        "out.",
    .examples =
        "drover node export > cluster.toml\n"
        "drover sim run mine.jsonl --cluster cluster.toml",
    .run = run_export,
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

const Command kNodeDown = {
    .noun = "node",
    .verb = "down",
    .operands = "NAME...",
    .summary = "say that a node does not work",
    .about =
        "What ran on it keeps what it holds until the node is heard of: it may still run. With\n"
        "--attempts-lost you promise that it does not, and it starts elsewhere. A node that is\n"
        "in contact is asked to end it first.",
    .examples = "drover node down c1 --reason \"no power\" --attempts-lost",
    .complete = "node",
    .options = down_options,
    .run = run_down,
};

const Command kNodeMaintenance = {
    .noun = "node",
    .verb = "maintenance",
    .operands = "NAME...",
    .summary = "give a node no new jobs while it is worked on",
    .examples = "drover node maintenance c1 --reason \"new kernel\"",
    .complete = "node",
    .options = drain_options,
    .run = run_maintenance,
};

const Command kNodeLabel = {
    .noun = "node",
    .verb = "label",
    .operands = "NAME KEY=VALUE... KEY-...",
    .summary = "set labels of a node, and remove those that end in -",
    .examples = "drover node label c1 disk=ssd rack=3 old-",
    .complete = "node",
    .run = run_label,
};

}  // namespace drover::cli
