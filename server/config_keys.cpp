// server/config_keys.cpp - the table of configuration keys and the page made from it.
// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "server/config_policy.hpp"

namespace drover::server {
namespace {

using C = Config;
constexpr std::int64_t kBig = std::int64_t(1) << 40, kWeight = 1'000'000;

// clang-format off
const std::array kKeys = std::to_array<ConfigKey>({
    {"server.log_level", &C::log_level, 0, 0, true, "`trace`, `debug`, `info`, `warn` or `error`"},
    {"server.port", &C::port, -1, 65535, false, "TCP port on 127.0.0.1; 0 = any free one, -1 = none"},
    {"server.shared_socket", &C::shared_socket, 0, 0, false, "let every local user connect to the unix socket (mode 0666); else only the daemon's own"},
    {"server.allowed_hosts", &C::allowed_hosts, 0, 0, true, "values of the Host header accepted over TCP"},
    {"server.operators", &C::operators, 0, 0, true, "user ids (numbers) that may act on everybody's jobs, besides root and the daemon's own"},
    {"limits.body_mib", &C::body_mib, 1, 64, false, "largest request body; bulk submission streams and is not bound by it"},
    {"limits.connections", &C::connections, 8, 100'000, false, "HTTP connections in total"},
    {"limits.connections_per_address", &C::connections_per_address, 1, 100'000, false, "HTTP connections from one TCP address"},
    {"limits.header_timeout_s", &C::header_timeout_s, 1, 600, false, "a request's header must be complete in this time"},
    {"limits.idle_timeout_s", &C::idle_timeout_s, 1, 86400, false, "a connection with nothing to do is closed after this"},
    {"limits.page_scan", &C::page_scan, 100, 1'000'000, true, "records that one page of a list may scan"},
    {"limits.bulk_in_flight", &C::bulk_in_flight, 1, 1'000'000, true, "unanswered lines of one bulk submission before its reading pauses"},
    {"limits.streams", &C::streams, 1, 100'000, true, "followers of events and logs at once, together"},
    {"turn.inputs_per_turn", &C::inputs_per_turn, 1, 1'000'000, true, "inputs applied before a turn decides"},
    {"turn.inputs_waiting", &C::inputs_waiting, 100, 10'000'000, true, "inputs that may wait; more are refused with 503"},
    {"turn.pending_records", &C::pending_records, 1000, 100'000'000, true, "records that may wait for the disk before turns pause"},
    {"scheduler.group_by", &C::group_by, 0, 0, false, "labels whose values name a job's group"},
    {"scheduler.group_running_jobs", &C::group_running_jobs, 0, kBig, true, "jobs of one group past its queue at once; 0 = no limit"},
    {"scheduler.group_queued_jobs", &C::group_queued_jobs, 0, kBig, true, "open jobs of one group; 0 = no limit"},
    {"scheduler.open_jobs", &C::open_jobs, 1, kBig, false, "open jobs of the whole controller"},
    {"scheduler.array_size", &C::array_size, 1, 10'000'000, false, "elements of one array"},
    {"scheduler.node_losses", &C::node_losses, 0, 1000, false, "lost nodes after which a task fails instead of running again"},
    {"scheduler.node_timeout_s", &C::node_timeout_s, 5, 86400, false, "a node out of contact for so long is shown as lost"},
    {"scheduler.consumer_threads", &C::consumer_threads, 0, 256, false, "threads that compile jobs; 0 = by the machine"},
    {"policy.default_account", &C::default_account, 0, 0, false, "account of users whom no account lists"},
    {"policy.default_qos", &C::default_qos, 0, 0, false, "class of jobs that name none"},
    {"policy.fairness", &C::fairness, 0, 0, false, "`fair-tree` (decayed usage by accounts) or `drf` (what is held now, by dominant share)"},
    {"policy.half_life_s", &C::half_life_s, 1, kBig, false, "after so long, past usage counts half"},
    {"policy.size_favours", &C::size_favours, 0, 0, false, "`big` or `small` jobs"},
    {"policy.usage_cpu", &C::usage_cpu, 0, 1'000'000, false, "usage of a CPU second, in milli-CPU seconds"},
    {"policy.usage_gpu", &C::usage_gpu, 0, 1'000'000, false, "usage of a GPU second"},
    {"policy.usage_mem_gib", &C::usage_mem_gib, 0, 1'000'000, false, "usage of a GiB second of memory"},
    {"policy.weight_age", &C::weight_age, 0, kWeight, false, "points for each day waited"},
    {"policy.weight_critical_path", &C::weight_critical_path, 0, kWeight, false, "points of a job that a chain of 1,000 jobs waits for"},
    {"policy.weight_fair_share", &C::weight_fair_share, 0, kWeight, false, "points of the user who is owed most"},
    {"policy.weight_nice", &C::weight_nice, 0, kWeight, false, "points that one unit of --nice costs"},
    {"policy.weight_partition", &C::weight_partition, 0, kWeight, false, "points of the partition with the highest priority"},
    {"policy.weight_qos", &C::weight_qos, 0, kWeight, false, "points of the class with the highest priority"},
    {"policy.weight_size", &C::weight_size, 0, kWeight, false, "points of the largest (or smallest) jobs"},
    {"policy.weight_user", &C::weight_user, 0, kWeight, false, "points of one unit of --priority, between groups"},
    {"quotas.resources", &C::resources, 0, 0, false, "names that quotas count beside the built-in ones: `gpu:MODEL`, `licence:NAME`, custom ones; with the licences of [licences] at most 17"},
    {"quotas.levels", &C::quota_levels, 0, 0, false, "what lies inside what, outermost first; `user+creator` makes one level of two labels (docs/quotas.md)"},
    {"quotas.label_metrics", &C::label_metrics, 0, 0, true, "export `drover_label_*`: one series per quota and state"},
    {"quotas.audit_nodes", &C::audit_nodes, 0, 1'000'000, true, "nodes, and 16 times as many quotas, whose books are checked every second; 0 = off"},
    {"jobs.out", &C::out, 0, 0, true, "output file of jobs that name none"},
    {"jobs.array_out", &C::array_out, 0, 0, true, "output file of array elements that name none"},
    {"jobs.default_time_limit_s", &C::default_time_limit_s, 0, kBig, true, "time limit of jobs that name none; 0 = none"},
    {"jobs.max_time_limit_s", &C::max_time_limit_s, 0, kBig, true, "largest time limit a job may ask for; 0 = any"},
    {"jobs.default_mem_mib", &C::default_mem_mib, 0, kBig, true, "memory of jobs that name none; 0 = not limited, not counted"},
    {"jobs.kill_grace_s", &C::kill_grace_s, 0, 3600, true, "seconds between TERM and KILL"},
    {"engines.plugins", &C::engine_plugins, 0, 0, false, "folder of the engines' plugins, one folder each; empty = `../share/drover/engines` beside droverd"},
    {"engines.results", &C::engine_results, 0, 0, false, "folder of a user's logs and results of statements; `%h` is the home directory"},
    {"engines.log_mib", &C::engine_log_mib, 1, 1 << 20, true, "log of one statement; what is beyond is dropped and counted"},
    {"engines.result_mib", &C::engine_result_mib, 1, 1 << 20, true, "results of one statement; what is beyond is cut, and the statement fails"},
    {"engines.result_rows", &C::engine_result_rows, 1, kBig, true, "rows of the tables of one statement, likewise"},
    {"advice.notes", &C::advice_notes, 0, 0, true, "what a job's owner should know goes into its log too, each kind once (docs/diagnosis.md)"},
    {"interceptors.code_kib", &C::code_kib, 1, 4096, true, "code of one statement"},
    {"interceptors.forbidden", &C::code_forbidden, 0, 0, true, "what code must not contain: `shell: rm`, `sql: drop database`, `python: os.system` (docs/engines.md)"},
    {"interceptors.labels", &C::code_labels, 0, 0, true, "labels of statements that do not say them, the first that fits: `creator=IDE`, `sql: partition=short`"},
    {"interceptors.row_limits", &C::code_row_limits, 0, 0, true, "rows of a query of SQL by creator, the first that fits: `IDE=5000`, `IDE/spark=1000`, `*=100000`; 0 = no limit"},
    {"interceptors.strip_comments", &C::code_strip_comments, 0, 0, true, "languages whose comments are left out: `sql`, `python`, `shell` (with all that are like them), or one language"},
    {"linkis.enabled", &C::linkis_enabled, 0, 0, false, "serve the Linkis REST contract under `/api/rest_j/v1/` (docs/linkis.md)"},
    {"linkis.tokens", &C::linkis_tokens, 0, 0, false, "file of the tokens by which programs act for users, mode 0600; empty = `linkis.tokens` in the data directory. It is made with one random token, and read again on SIGHUP"},
    {"linkis.session_s", &C::linkis_session_s, 60, 30LL * 86400, true, "a login is over after so long without a request"},
    {"linkis.engines", &C::linkis_engines, 0, 0, true, "types of engines under other names, as in `jdbc=sql`"},
    {"linkis.origins", &C::linkis_origins, 0, 0, true, "web pages that may use the contract: values of the Origin header"},
    {"linkis.silence_creators", &C::linkis_silence_creators, 0, 0, true, "creators whose tasks are cancelled when nobody asks for them any more: command line clients"},
    {"linkis.silence_s", &C::linkis_silence_s, 0, 86400, true, "after so long; 0 = never"},
    {"store.map_initial_mib", &C::map_initial_mib, 16, kBig, false, "address space of the store at start; it grows by itself"},
    {"store.map_max_mib", &C::map_max_mib, 16, kBig, false, "largest size of the store"},
    {"store.reserve_mib", &C::reserve_mib, 0, kBig, false, "with less free disk than this new jobs are refused"},
    {"store.events_kept", &C::events_kept, 1000, kBig, false, "events kept in the log"},
    {"store.closed_jobs_kept", &C::closed_jobs_kept, 100, kBig, false, "ended jobs kept"},
});
// clang-format on

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out += '"';
}

}  // namespace

std::span<const ConfigKey> config_keys() { return kKeys; }

std::string print_value(const Config& config, const ConfigKey& key) {
  struct Printer {
    const Config& config;
    std::string operator()(std::int64_t Config::*member) const {
      return std::to_string(config.*member);
    }
    std::string operator()(std::string Config::*member) const { return quoted(config.*member); }
    std::string operator()(bool Config::*member) const { return config.*member ? "true" : "false"; }
    std::string operator()(std::vector<std::string> Config::*member) const {
      std::string out = "[";
      for (const std::string& item : config.*member) {
        if (out.size() > 1) out += ", ";
        out += quoted(item);
      }
      return out += "]";
    }
  };
  return std::visit(Printer{config}, key.member);
}

std::string config_markdown() {
  const Config defaults;
  std::string text =
      "# Configuration\n\n`droverd --config FILE` reads TOML. Everything has a default; an unknown "
      "key is an error.\n"
      "`droverd --check-config FILE` checks a file without starting. Keys marked *live* take "
      "effect on SIGHUP.\n"
      "This page is generated from the table in `server/config_keys.cpp`; a test compares the two "
      "(`BLESS=1`\n"
      "rewrites it).\n\n| Key | Default | Live | Meaning |\n|---|---|---|---|\n";
  for (const ConfigKey& key : config_keys())
    text += "| `" + std::string(key.name) + "` | `" + print_value(defaults, key) + "` | " +
            (key.live ? "live" : "") + " | " + std::string(key.help) + " |\n";
  return text +
         "\n## Quotas\n\n```toml\n[[quota]]\nmatch = {user = \"*\"}   # one counter per user; an "
         "exact value names one; {} is every job\nmax = {cpus = 64, mem_mib = 262144, "
         "running_jobs = 1000}\n\n[[quota]]\nmatch = {account = \"physics\"}\nmax = {cpus = 512, "
         "\"gpu:h100\" = 8}\nguaranteed = {cpus = 128}\nreclaim = \"wait\"         # or "
         "\"preempt\"\nlend = true             # siblings may use what is guaranteed and not "
         "used\n```\n\nA job must pass every quota that its labels match. An amount that is left "
         "out "
         "has no limit.\nQuotas that were edited while droverd ran replace these: see "
         "docs/quotas.md.\n"
         "\n## Licences\n\n```toml\n[licences]          # live: SIGHUP counts them anew\nmatlab = "
         "20\nansys = 2\n```\n\nHow many of each the cluster has; see docs/resources.md.\n" +
         policy_markdown();
}

}  // namespace drover::server
