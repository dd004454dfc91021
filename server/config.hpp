// server/config.hpp - what an operator may set, its defaults, and where each value came from.
//
// One table (config_keys()) holds every key. Reading, the generated page docs/config.md,
// /api/v1/config and the message for an unknown key all come from it.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "rm/resource_manager.hpp"
#include "sched/policy_book.hpp"

namespace drover::server {

struct Config {
  // [server]
  std::string log_level = "info";
  std::int64_t port = 0;  // 0 = any free one on 127.0.0.1; -1 = no TCP
  bool shared_socket = false;
  std::vector<std::string> allowed_hosts = {"localhost", "127.0.0.1", "[::1]"};
  std::vector<std::string> operators;
  // [limits]
  std::int64_t body_mib = 24, connections = 4096, connections_per_address = 512;
  std::int64_t header_timeout_s = 10, idle_timeout_s = 60;
  std::int64_t page_scan = 20'000, bulk_in_flight = 2'000, streams = 256;
  // [turn]
  std::int64_t inputs_per_turn = 20'000, inputs_waiting = 200'000, pending_records = 400'000;
  // [scheduler]
  std::vector<std::string> group_by = {"user", "creator"};
  std::int64_t group_running_jobs = 10'000, group_queued_jobs = 2'000'000, open_jobs = 4'000'000;
  std::int64_t array_size = 10'000'000, node_losses = 3, node_timeout_s = 600, consumer_threads = 0;
  // [jobs]
  std::string engine_plugins, engine_results = "%h/.local/state/drover/code";
  std::int64_t engine_log_mib = 64, engine_result_mib = 1024, engine_result_rows = 50'000'000;
  // [interceptors]
  std::int64_t code_kib = 4096;
  std::vector<std::string> code_forbidden, code_strip_comments, code_row_limits = {"IDE=5000"},
                                                                code_labels;
  std::string out = "drover-%j.out", array_out = "drover-%A_%a.out";
  std::int64_t default_time_limit_s = 0, max_time_limit_s = 0, default_mem_mib = 0,
               kill_grace_s = 10;
  // [linkis]
  bool advice_notes = true;
  bool linkis_enabled = false;
  std::string linkis_tokens;
  std::int64_t linkis_session_s = 7200, linkis_silence_s = 30;
  std::vector<std::string> linkis_silence_creators = {"LINKISCLI", "BdpClient"};
  std::vector<std::string> linkis_engines, linkis_origins;
  // [policy], [[account]], [[qos]], [[partition]]
  std::string default_account, default_qos, fairness = "fair-tree", size_favours = "big";
  std::int64_t half_life_s = 7LL * 86'400, usage_cpu = 1000, usage_mem_gib = 0, usage_gpu = 8000;
  std::int64_t weight_age = 1000, weight_fair_share = 10'000, weight_qos = 10'000,
               weight_partition = 1000, weight_size = 0, weight_user = 1000, weight_nice = 1,
               weight_critical_path = 100;
  std::vector<sched::AccountSpec> accounts;
  std::vector<sched::QosSpec> qos;
  std::vector<sched::PartitionSpec> partitions;
  // [store]
  std::int64_t map_initial_mib = 256, map_max_mib = 1 << 20, reserve_mib = 64;
  std::int64_t events_kept = 5'000'000, closed_jobs_kept = 10'000'000;
  // [quotas], [[quota]]
  std::vector<std::string> resources, quota_levels = rm::QuotaTree::default_levels();
  bool label_metrics = false;
  std::int64_t audit_nodes = 64;
  std::vector<rm::QuotaRule> quotas;  // in the slots of resource_names
  rm::Counts licences;                // [licences]: how many of each there are
  rm::ResourceNames resource_names;
  rm::QuotaTree quota_tree;

  std::map<std::string, std::string> origin;  // dotted key -> "config.toml:12"; absent = built in
};

struct ConfigKey {
  using Member = std::variant<std::int64_t Config::*, std::string Config::*, bool Config::*,
                              std::vector<std::string> Config::*>;
  std::string_view name;  // "scheduler.open_jobs"
  Member member;
  std::int64_t low, high;  // of numbers
  bool live;               // takes effect on SIGHUP
  std::string_view help;
};

std::span<const ConfigKey> config_keys();

// Defaults, then the file's values. `path` names the origin in messages. Errors: BadInput with
// file, line, the key and the nearest known one.
Result<Config> parse_config(std::string_view text, const std::string& path);
Result<Config> load_config(const std::string& path);  // "" = defaults alone

std::string print_value(const Config& config, const ConfigKey& key);  // as TOML
std::string config_markdown();                                        // docs/config.md

}  // namespace drover::server
