// metrics/families.hpp - every metric family Drover exports: name, kind, labels, help. The only
// list there is. The registry, docs/metrics.md and the tests are made from this table.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <span>
#include <string_view>

namespace drover::metrics {

enum class FamilyId : std::uint8_t {
  BuildInfo,
  ConfigReloadOk,
  ConfigReloadTime,
  Jobs,
  JobsSubmitted,
  JobsDeduplicated,
  JobsRejected,
  JobsFinished,
  JobsRequeued,
  JobWait,
  TaskRun,
  TasksActive,
  AttemptsLaunched,
  AttemptsStarted,
  AttemptsEnded,
  MessagesStale,
  Engines,
  EngineAcquisitions,
  EngineStarts,
  EngineWaiting,
  StatementsReused,
  PollerThreads,
  PollerItems,
  PollerLag,
  PollerSlowest,
  PollerPolls,
  Advice,
  Groups,
  ConsumerSlots,
  ConsumerQueueLength,
  TurnDuration,
  TurnInputs,
  InputsWaiting,
  CommitDuration,
  CommitRecords,
  Placements,
  DispatchDuration,
  StartEstimateError,
  Nodes,
  Cpus,
  Memory,
  Gpus,
  Agents,
  Licences,
  HttpRequests,
  HttpDuration,
  HttpConnections,
  HttpRefused,
  AuthFailures,
  Events,
  StreamSubscribers,
  StoreSize,
  StoreDiskFree,
  StoreCommits,
  StoreRecords,
  SeriesDropped,
  LedgerMismatches,
  LedgerChecks,
  LabelCpus,
  LabelCpusLimit,
  LabelMemory,
  LabelMemoryLimit,
  LabelEngines,
  AccountUsage,
  AccountCpus,
  AccountShare,
  CollectDuration,
  ProcessCpu,
  ProcessRss,
  ProcessVirtual,
  ProcessFds,
  ProcessFdsMax,
  ProcessStart,
};

enum class FamilyKind : std::uint8_t { Gauge, Counter, Histogram };
enum class Buckets : std::uint8_t { None, Latency, Engine, Wait, Size };

struct FamilyRow {
  FamilyId id;
  std::string_view name;
  FamilyKind kind;
  Buckets buckets;
  std::string_view labels;  // names separated by commas
  std::string_view help;
};

std::span<const FamilyRow> families();  // in the order of FamilyId
std::span<const double> bounds(Buckets buckets);

}  // namespace drover::metrics
