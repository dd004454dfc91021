// metrics/families.cpp - the rows of the metric table and the histogram bounds.
// SPDX-License-Identifier: Apache-2.0
#include "metrics/families.hpp"

#include <array>

namespace drover::metrics {
namespace {

using enum FamilyId;
constexpr auto G = FamilyKind::Gauge;
constexpr auto C = FamilyKind::Counter;
constexpr auto H = FamilyKind::Histogram;
constexpr auto N = Buckets::None;

// clang-format off
constexpr FamilyRow kRows[] = {
    {BuildInfo, "drover_build_info", G, N, "version,compiler", "Constant 1; the labels say what runs"},
    {ConfigReloadOk, "drover_config_last_reload_successful", G, N, "", "1 when the last configuration load worked"},
    {ConfigReloadTime, "drover_config_last_reload_success_timestamp_seconds", G, N, "", "Time of the last configuration load that worked"},
    {Jobs, "drover_jobs", G, N, "state", "Open jobs by state"},
    {JobsSubmitted, "drover_jobs_submitted_total", C, N, "", "Accepted submissions"},
    {JobsDeduplicated, "drover_jobs_deduplicated_total", C, N, "", "Retried submissions answered with the first one's job"},
    {JobsRejected, "drover_jobs_rejected_total", C, N, "reason", "Refused submissions by error code"},
    {JobsFinished, "drover_jobs_finished_total", C, N, "result", "Ended jobs by final state"},
    {JobsRequeued, "drover_jobs_requeued_total", C, N, "", "Tasks put back in the queue"},
    {JobWait, "drover_job_wait_seconds", H, Buckets::Wait, "", "Submission to first start, of ended jobs"},
    {TaskRun, "drover_task_run_seconds", H, Buckets::Wait, "", "Start to end of tasks"},
    {TasksActive, "drover_tasks_active", G, N, "", "Tasks that hold resources now"},
    {AttemptsLaunched, "drover_attempts_launched_total", C, N, "", "Attempts whose launch was stored"},
    {AttemptsStarted, "drover_attempts_started_total", C, N, "", "Attempts seen to start"},
    {AttemptsEnded, "drover_attempts_ended_total", C, N, "", "Attempts seen to end"},
    {MessagesStale, "drover_agent_messages_stale_total", C, N, "", "Reports dropped for an old session, epoch or attempt"},
    {Engines, "drover_engines", G, N, "state", "Engines by state"},
    {EngineAcquisitions, "drover_engine_acquisitions_total", C, N, "result", "Statements that got an engine: warm, or cold (one was started for them)"},
    {EngineStarts, "drover_engine_starts_total", C, N, "result", "Engines: begun, failed before they were ready, lost, ended because idle"},
    {EngineWaiting, "drover_engine_waiting", G, N, "", "Statements that wait for an engine"},
    {StatementsReused, "drover_statements_reuse_total", C, N, "result", "Statements that asked for an earlier result: reused, none was known, or its files were gone"},
    {PollerThreads, "drover_poller_threads", G, N, "engine,kind,state", "Threads with which adapter engines poll: busy, idle"},
    {PollerItems, "drover_poller_items", G, N, "engine,kind", "Statements, sessions and jobs elsewhere that adapter engines poll"},
    {PollerLag, "drover_poller_lag_seconds", G, N, "engine,kind", "How late the latest poll of an adapter engine was"},
    {PollerSlowest, "drover_poller_slowest_seconds", G, N, "engine,kind", "One poll of the cluster that answers slowest, on average"},
    {PollerPolls, "drover_poller_polls_total", C, N, "engine,kind,result", "Polls of adapter engines: ok, failed (no answer)"},
    {Advice, "drover_advice_total", C, N, "kind", "Lines of advice in logs of jobs: quota, idle_cpu, few_cpus, memory_near_limit, skew, slow_poll"},
    {Groups, "drover_groups", G, N, "", "Groups that hold open jobs"},
    {ConsumerSlots, "drover_consumer_slots", G, N, "state", "Consumer workers by state"},
    {ConsumerQueueLength, "drover_consumer_queue_length", G, N, "", "Jobs waiting to be compiled by their group's consumer"},
    {TurnDuration, "drover_turn_duration_seconds", H, Buckets::Latency, "", "One turn of the controller: apply inputs and decide"},
    {TurnInputs, "drover_turn_inputs", H, Buckets::Size, "", "Inputs applied in one turn"},
    {InputsWaiting, "drover_turn_inputs_waiting", G, N, "", "Inputs not yet applied"},
    {CommitDuration, "drover_commit_duration_seconds", H, Buckets::Latency, "", "One durable commit of the store"},
    {CommitRecords, "drover_commit_records", H, Buckets::Size, "", "Records written by one commit"},
    {Placements, "drover_placements_total", C, N, "result", "Placement decisions by result"},
    {DispatchDuration, "drover_dispatch_duration_seconds", H, Buckets::Engine, "", "Placement to the start seen on the node"},
    {StartEstimateError, "drover_job_start_estimate_error_seconds", H, Buckets::Wait, "direction", "Between the start first promised to a waiting job and its real one"},
    {Nodes, "drover_nodes", G, N, "state", "Nodes by state"},
    {Cpus, "drover_cpus", G, N, "state", "Logical CPUs by state"},
    {Memory, "drover_memory_bytes", G, N, "state", "Memory of the nodes by state"},
    {Gpus, "drover_gpus", G, N, "state", "GPUs by state"},
    {Agents, "drover_agents", G, N, "state", "Node agents by connection"},
    {Licences, "drover_licences", G, N, "licence,state", "Licences of the cluster by state: used, free"},
    {HttpRequests, "drover_http_requests_total", C, N, "method,route,code", "Answered requests; route is the template"},
    {HttpDuration, "drover_http_request_duration_seconds", H, Buckets::Latency, "route", "Request complete to answer handed over"},
    {HttpConnections, "drover_http_connections", G, N, "", "Open HTTP connections"},
    {HttpRefused, "drover_http_refused_total", C, N, "reason", "Connections refused at the door and requests that broke the protocol"},
    {AuthFailures, "drover_auth_failures_total", C, N, "reason", "Requests refused before or by the authorisation table"},
    {Events, "drover_events_total", C, N, "", "Facts in the event log since the store was made"},
    {StreamSubscribers, "drover_stream_subscribers", G, N, "topic", "Followers of live streams"},
    {StoreSize, "drover_store_size_bytes", G, N, "kind", "Store: address space mapped and pages used"},
    {StoreDiskFree, "drover_store_disk_free_bytes", G, N, "", "Free bytes on the store's file system"},
    {StoreCommits, "drover_store_commits_total", C, N, "", "Commits since start"},
    {StoreRecords, "drover_store_records_written_total", C, N, "", "Records written since start"},
    {SeriesDropped, "drover_metric_series_dropped_total", C, N, "", "Label sets refused because their family was full"},
    {LedgerMismatches, "drover_ledger_mismatches", G, N, "", "Sums of leases and quotas found wrong by the last complete check or the present one; must be 0"},
    {LedgerChecks, "drover_ledger_checks_total", C, N, "", "Complete checks of the books of leases and quotas"},
    {LabelCpus, "drover_label_cpus", G, N, "label,state", "CPUs by quota and state: used, locked, left (opt-in: quotas.label_metrics)"},
    {LabelCpusLimit, "drover_label_cpus_limit", G, N, "label", "Most CPUs that a quota allows (opt-in)"},
    {LabelMemory, "drover_label_memory_bytes", G, N, "label,state", "Memory by quota and state: used, locked, left (opt-in)"},
    {LabelMemoryLimit, "drover_label_memory_limit_bytes", G, N, "label", "Most memory that a quota allows (opt-in)"},
    {LabelEngines, "drover_label_engines", G, N, "label,state", "Engines by quota and state: used, locked, left (opt-in)"},
    {AccountUsage, "drover_account_usage_cpu_seconds", G, N, "account", "Decayed use of a configured account, as fair share counts it"},
    {AccountCpus, "drover_account_charged_cpus", G, N, "account", "What a configured account is charged now, in CPUs"},
    {AccountShare, "drover_account_share_ratio", G, N, "account,kind", "Part of its level: entitled by shares, used"},
    {CollectDuration, "drover_collector_duration_seconds", G, N, "collector", "Cost of the last scrape by part"},
    {ProcessCpu, "process_cpu_seconds_total", C, N, "", "User and system CPU time"},
    {ProcessRss, "process_resident_memory_bytes", G, N, "", "Resident memory"},
    {ProcessVirtual, "process_virtual_memory_bytes", G, N, "", "Virtual memory"},
    {ProcessFds, "process_open_fds", G, N, "", "Open file descriptors"},
    {ProcessFdsMax, "process_max_fds", G, N, "", "Limit of open file descriptors"},
    {ProcessStart, "process_start_time_seconds", G, N, "", "Start time since the Unix epoch"},
};
// clang-format on

constexpr bool in_order() {
  std::uint8_t next = 0;
  for (const FamilyRow& row : kRows)
    if (std::uint8_t(row.id) != next++) return false;
  return next == std::uint8_t(ProcessStart) + 1;
}
static_assert(in_order(), "one row per FamilyId, in its order");

constexpr std::array kLatency{1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0, 10.0};
constexpr std::array kEngine{1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0};
constexpr std::array kWait{1.0,    5.0,    15.0,    60.0,    300.0,   900.0,    1800.0,
                           3600.0, 7200.0, 14400.0, 28800.0, 86400.0, 172800.0, 604800.0};
constexpr std::array kSize{1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0};

}  // namespace

std::span<const FamilyRow> families() { return kRows; }

std::span<const double> bounds(Buckets buckets) {
  switch (buckets) {
    case Buckets::Latency: return kLatency;
    case Buckets::Engine: return kEngine;
    case Buckets::Wait: return kWait;
    case Buckets::Size: return kSize;
    case Buckets::None: break;
  }
  return {};
}

}  // namespace drover::metrics
