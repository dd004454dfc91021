// server/config_policy.cpp - accounts, classes and partitions from TOML, by tables of keys.
// SPDX-License-Identifier: Apache-2.0
#include "server/config_policy.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/units.hpp"

namespace drover::server {
namespace {

constexpr std::size_t kListMax = 10'000;

std::string place(const std::string& path, const toml::node& node) {
  return path + ":" + std::to_string(node.source().begin.line);
}

// Readers answer what was wanted when the value is of another kind; "" when all is well.
std::string read(std::string& into, const toml::node& node) {
  const auto value = node.value_exact<std::string>();
  if (!value) return "a text";
  into = *value;
  return {};
}
std::string read(std::int64_t& into, const toml::node& node) {
  const auto value = node.value_exact<std::int64_t>();
  if (!value || *value < 0 || *value > (std::int64_t(1) << 40)) return "a whole number from 0";
  into = *value;
  return {};
}
std::string read(bool& into, const toml::node& node) {
  const auto value = node.value_exact<bool>();
  if (!value) return "true or false";
  into = *value;
  return {};
}
std::string read(Duration& into, const toml::node& node) {
  const auto text = node.value_exact<std::string>();
  const auto time = text ? parse_time_limit(*text) : Result<Duration>(Duration{});
  if (!text || !time) return "a time in quotes: \"30m\", \"1:00:00\", \"2-12\"";
  into = *time;
  return {};
}
std::string read(std::vector<std::string>& into, const toml::node& node) {
  const toml::array* array = node.as_array();
  if (array == nullptr || array->size() > kListMax) return "a list of texts";
  for (const toml::node& item : *array) {
    const auto value = item.value_exact<std::string>();
    if (!value) return "a list of texts";
    into.push_back(*value);
  }
  return {};
}
template <class Value>
std::string read(std::map<std::string, Value>& into, const toml::node& node) {
  const toml::table* table = node.as_table();
  const std::string wanted = "a table of " + std::string(sizeof(Value) == 8 ? "numbers" : "texts");
  if (table == nullptr) return wanted;
  for (const auto& [name, item] : *table)
    if (!read(into[std::string(name.str())], item).empty()) return wanted;
  return {};
}
std::string read(sched::PreemptMode& into, const toml::node& node) {
  const auto text = node.value_exact<std::string>();
  const auto mode = sched::parse_preempt_mode(text.value_or(""));
  if (!mode) return "\"off\", \"requeue\", \"suspend\" or \"cancel\"";
  into = *mode;
  return {};
}
std::string read(sched::PartitionPolicy& into, const toml::node& node) {
  const auto text = node.value_exact<std::string>();
  const auto policy = sched::parse_policy(text.value_or(""));
  if (!policy) return "a policy such as \"priority+easy\": " + policy.error().message;
  into = *policy;
  return {};
}

template <class Spec>
struct Key {
  std::string_view name;
  std::string (*set)(Spec& spec, const toml::node& node);
  std::string_view help;
};

using A = sched::AccountSpec;
using Q = sched::QosSpec;
using P = sched::PartitionSpec;

// clang-format off
constexpr Key<A> kAccountKeys[] = {
    {"name", [](A& s, const toml::node& n) { return read(s.name, n); }, "required"},
    {"parent", [](A& s, const toml::node& n) { return read(s.parent, n); }, "the account it belongs to"},
    {"shares", [](A& s, const toml::node& n) { return read(s.shares, n); }, "its part among its siblings; default 1"},
    {"users", [](A& s, const toml::node& n) { return read(s.users, n); }, "who may charge it; `\"*\"` = everybody"},
    {"user_shares", [](A& s, const toml::node& n) { return read(s.user_shares, n); }, "`{ann = 3}`; 1 for the others"},
};
constexpr Key<Q> kQosKeys[] = {
    {"name", [](Q& s, const toml::node& n) { return read(s.name, n); }, "required"},
    {"priority", [](Q& s, const toml::node& n) { return read(s.priority, n); }, "the highest of all classes scores the full weight"},
    {"max_jobs", [](Q& s, const toml::node& n) { return read(s.total.jobs, n); }, "running at once in the class"},
    {"max_cpus", [](Q& s, const toml::node& n) { return read(s.total.cpus, n); }, "the same of CPUs"},
    {"max_gpus", [](Q& s, const toml::node& n) { return read(s.total.gpus, n); }, "the same of GPUs"},
    {"max_submitted", [](Q& s, const toml::node& n) { return read(s.total.submitted, n); }, "open jobs"},
    {"max_jobs_per_user", [](Q& s, const toml::node& n) { return read(s.per_user.jobs, n); }, "the same for each user"},
    {"max_cpus_per_user", [](Q& s, const toml::node& n) { return read(s.per_user.cpus, n); }, ""},
    {"max_gpus_per_user", [](Q& s, const toml::node& n) { return read(s.per_user.gpus, n); }, ""},
    {"max_submitted_per_user", [](Q& s, const toml::node& n) { return read(s.per_user.submitted, n); }, ""},
    {"max_jobs_per_account", [](Q& s, const toml::node& n) { return read(s.per_account.jobs, n); }, "the same for each account"},
    {"max_cpus_per_account", [](Q& s, const toml::node& n) { return read(s.per_account.cpus, n); }, ""},
    {"max_gpus_per_account", [](Q& s, const toml::node& n) { return read(s.per_account.gpus, n); }, ""},
    {"max_submitted_per_account", [](Q& s, const toml::node& n) { return read(s.per_account.submitted, n); }, ""},
    {"max_wall", [](Q& s, const toml::node& n) { return read(s.max_wall, n); }, "longest time limit, and that of jobs that name none"},
    {"max_cpus_per_job", [](Q& s, const toml::node& n) { return read(s.max_cpus_per_job, n); }, "of one task, on all its nodes"},
    {"max_gpus_per_job", [](Q& s, const toml::node& n) { return read(s.max_gpus_per_job, n); }, ""},
    {"users", [](Q& s, const toml::node& n) { return read(s.users, n); }, "who may use it; with `accounts` empty too: everybody"},
    {"accounts", [](Q& s, const toml::node& n) { return read(s.accounts, n); }, "the same by account"},
    {"preempts", [](Q& s, const toml::node& n) { return read(s.preempts, n); }, "classes whose jobs give way to this one's"},
    {"preempt_mode", [](Q& s, const toml::node& n) { return read(s.preempt_mode, n); }, "how this one's jobs give way: `off`, `requeue` (default), `suspend`, `cancel`"},
    {"preempt_grace", [](Q& s, const toml::node& n) { return read(s.preempt_grace, n); }, "between their notice (`--signal`, else TERM) and their end: `\"5m\"`; default none"},
    {"usage_percent", [](Q& s, const toml::node& n) { return read(s.usage_percent, n); }, "what fair share counts of their use; default 100"},
};
constexpr Key<P> kPartitionKeys[] = {
    {"name", [](P& s, const toml::node& n) { return read(s.name, n); }, "required"},
    {"nodes", [](P& s, const toml::node& n) { return read(s.nodes, n); }, "labels of its nodes, `{kind = \"gpu\"}`; empty = all nodes"},
    {"priority", [](P& s, const toml::node& n) { return read(s.priority, n); }, "of its jobs, and who gives way to whom"},
    {"default_time", [](P& s, const toml::node& n) { return read(s.default_time, n); }, "time limit of jobs that name none"},
    {"max_time", [](P& s, const toml::node& n) { return read(s.max_time, n); }, "longest time limit"},
    {"max_cpus_per_job", [](P& s, const toml::node& n) { return read(s.max_cpus_per_job, n); }, "of one task, on all its nodes"},
    {"max_nodes_per_job", [](P& s, const toml::node& n) { return read(s.max_nodes_per_job, n); }, ""},
    {"accounts", [](P& s, const toml::node& n) { return read(s.accounts, n); }, "who may use it; empty = everybody"},
    {"users", [](P& s, const toml::node& n) { return read(s.users, n); }, "the same by user"},
    {"qos", [](P& s, const toml::node& n) { return read(s.qos, n); }, "the same by class"},
    {"policy", [](P& s, const toml::node& n) { return read(s.policy, n); }, "order and backfill, `priority+easy` (default)"},
    {"preempt_mode", [](P& s, const toml::node& n) { return read(s.preempt_mode, n); }, "how its jobs give way to partitions of higher priority: `off` (default), `requeue`, `suspend`, `cancel`"},
    {"preempt_grace", [](P& s, const toml::node& n) { return read(s.preempt_grace, n); }, "between their notice and their end, unless their class says"},
    {"exclusive_user", [](P& s, const toml::node& n) { return read(s.exclusive_user, n); }, "its jobs share nodes only with jobs of the same user, as with `--exclusive=user`"},
    {"default", [](P& s, const toml::node& n) { return read(s.is_default, n); }, "takes the jobs that name none"},
    {"open", [](P& s, const toml::node& n) { return read(s.is_open, n); }, "false: no new jobs; those queued go on"},
};
// clang-format on

template <class Spec, std::size_t N>
Result<void> read_list(std::vector<Spec>& into, const Key<Spec> (&keys)[N], const std::string& list,
                       const toml::node& node, const std::string& path) {
  const toml::array* array = node.as_array();
  const auto shape = [&](const toml::node& at) {
    return fail(Errc::BadInput,
                place(path, at) + ": " + list + " must be written as [[" + list + "]]",
                "docs/config.md shows an example", list);
  };
  if (array == nullptr || array->size() > kListMax) return shape(node);
  for (const toml::node& item : *array) {
    const toml::table* table = item.as_table();
    if (table == nullptr) return shape(item);
    Spec spec;
    for (const auto& [name, value] : *table) {
      const std::string full = list + "." + std::string(name.str());
      const auto* key = std::ranges::find(keys, name.str(), &Key<Spec>::name);
      if (key == std::end(keys)) {
        std::vector<std::string_view> known;
        for (const auto& one : keys) known.push_back(one.name);
        const std::string_view near = nearest_match(name.str(), known);
        return fail(Errc::BadInput, place(path, value) + ": unknown key " + full,
                    near.empty() ? "docs/config.md lists every key"
                                 : "did you mean " + std::string(near) + "?",
                    full);
      }
      const std::string wanted = key->set(spec, value);
      if (!wanted.empty())
        return fail(Errc::BadInput, place(path, value) + ": " + full + " must be " + wanted,
                    "docs/config.md lists every key", full);
    }
    if (spec.name.empty())
      return fail(Errc::BadInput, place(path, *table) + ": a [[" + list + "]] needs a name",
                  "name = \"...\"", list + ".name");
    into.push_back(std::move(spec));
  }
  return {};
}

template <class Spec, std::size_t N>
std::string table_of(const Key<Spec> (&keys)[N], const std::string& list) {
  std::string text = "\n### [[" + list + "]]\n\n| Key | Meaning |\n|---|---|\n";
  for (const auto& key : keys)
    text += "| `" + std::string(key.name) + "` | " + std::string(key.help) + " |\n";
  return text;
}

}  // namespace

bool is_policy_list(std::string_view name) {
  return name == "account" || name == "qos" || name == "partition";
}

Result<void> read_policy_list(Config& config, std::string_view name, const toml::node& node,
                              const std::string& path) {
  config.origin[std::string(name)] = place(path, node);
  if (name == "account") return read_list(config.accounts, kAccountKeys, "account", node, path);
  if (name == "qos") return read_list(config.qos, kQosKeys, "qos", node, path);
  return read_list(config.partitions, kPartitionKeys, "partition", node, path);
}

Result<sched::PolicyBook> policy_book(const Config& config) {
  using sched::Factor;
  sched::PolicyBook book;
  auto accounts = sched::AccountTree::make(config.accounts, config.default_account);
  if (!accounts) return fail(accounts.error());
  auto qos = sched::QosTable::make(config.qos, config.default_qos);
  if (!qos) return fail(qos.error());
  auto partitions = sched::PartitionTable::make(config.partitions);
  if (!partitions) return fail(partitions.error());
  book.accounts = *std::move(accounts);
  book.qos = *std::move(qos);
  book.partitions = *std::move(partitions);
  const std::pair<Factor, std::int64_t> weights[] = {
      {Factor::Age, config.weight_age},   {Factor::FairShare, config.weight_fair_share},
      {Factor::Qos, config.weight_qos},   {Factor::Partition, config.weight_partition},
      {Factor::Size, config.weight_size}, {Factor::User, config.weight_user},
      {Factor::Nice, config.weight_nice}, {Factor::CriticalPath, config.weight_critical_path},
  };
  for (const auto& [factor, points] : weights) book.weights.points[std::size_t(factor)] = points;
  if (config.size_favours != "big" && config.size_favours != "small")
    return fail(Errc::BadInput, "policy.size_favours must be big or small", {},
                "policy.size_favours");
  book.weights.big_first = config.size_favours == "big";
  if (config.fairness != "fair-tree" && config.fairness != "drf")
    return fail(Errc::BadInput, "policy.fairness must be fair-tree or drf", {}, "policy.fairness");
  book.weights.fairness =
      config.fairness == "drf" ? sched::Fairness::Drf : sched::Fairness::FairTree;
  book.usage = {config.usage_cpu, config.usage_mem_gib, config.usage_gpu};
  book.half_life = seconds(config.half_life_s);
  return sched::complete(std::move(book));
}

std::string policy_markdown() {
  return "\n## Accounts, classes of service and partitions\n\n```toml\n[[account]]\nname = "
         "\"physics\"\nshares = 60\nusers = [\"ann\", \"bob\"]\n\n[[qos]]\nname = \"urgent\"\n"
         "priority = 100\npreempts = [\"low\"]\nmax_cpus_per_user = 256\n\n[[qos]]\nname = "
         "\"low\"\npreempt_mode = \"cancel\"\n\n[[partition]]\nname = \"gpu\"\nnodes = {kind = "
         "\"gpu\"}\nmax_time = \"2-00\"\npolicy = \"saf-guard:24h+easy-sjbf\"\n```\n\nHow they "
         "work together is told in docs/policy.md. Numbers that are left out have no limit.\n" +
         table_of(kAccountKeys, "account") + table_of(kQosKeys, "qos") +
         table_of(kPartitionKeys, "partition");
}

}  // namespace drover::server
