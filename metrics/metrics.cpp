// metrics/metrics.cpp - prometheus-cpp behind one door: series are found by key.
// SPDX-License-Identifier: Apache-2.0
#include "metrics/metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <mutex>
#include <unordered_map>
#include <vector>

#include "base/check.hpp"
#include "metrics/process.hpp"

namespace drover::metrics {
namespace {

std::vector<std::string> split_labels(std::string_view labels) {
  std::vector<std::string> names;
  while (!labels.empty()) {
    const std::size_t comma = labels.find(',');
    names.emplace_back(labels.substr(0, comma));
    labels = comma == std::string_view::npos ? std::string_view{} : labels.substr(comma + 1);
  }
  return names;
}

// One family: its prometheus object by kind and the series found so far. Owned by the registry.
struct Family {
  std::vector<std::string> label_names;
  prometheus::Family<prometheus::Gauge>* gauges = nullptr;
  prometheus::Family<prometheus::Counter>* counters = nullptr;
  prometheus::Family<prometheus::Histogram>* histograms = nullptr;
  std::unordered_map<std::string, void*> series;
};

}  // namespace

struct Metrics::State {
  prometheus::Registry registry;
  std::vector<Family> families;
  std::mutex mutex;

  template <class Metric, class Make>
  Metric* find(FamilyId id, LabelValues values, const Make& make) {
    Family& family = families[std::size_t(id)];
    DROVER_CHECK(values.size() == family.label_names.size(), families_name(id));
    std::string key;
    for (std::string_view value : values) (key += value) += '\n';
    if (auto found = family.series.find(key); found != family.series.end())
      return static_cast<Metric*>(found->second);
    if (family.series.size() >= kSeriesMax) return nullptr;
    prometheus::Labels labels;
    std::size_t i = 0;
    for (std::string_view value : values) labels.emplace(family.label_names[i++], value);
    Metric* made = make(family, labels);
    family.series.emplace(std::move(key), made);
    return made;
  }
  static const char* families_name(FamilyId id) {
    return drover::metrics::families()[std::size_t(id)].name.data();
  }
  prometheus::Gauge* gauge(FamilyId id, LabelValues values) {
    return find<prometheus::Gauge>(id, values,
                                   [id](Family& family, const prometheus::Labels& labels) {
                                     DROVER_CHECK(family.gauges != nullptr, families_name(id));
                                     return &family.gauges->Add(labels);
                                   });
  }
  prometheus::Counter* counter(FamilyId id, LabelValues values) {
    return find<prometheus::Counter>(id, values,
                                     [id](Family& family, const prometheus::Labels& labels) {
                                       DROVER_CHECK(family.counters != nullptr, families_name(id));
                                       return &family.counters->Add(labels);
                                     });
  }
  void dropped() {
    if (auto* drops = counter(FamilyId::SeriesDropped, {})) drops->Increment();
  }
};

Metrics::Metrics() : state_(std::make_unique<State>()) {
  state_->families.resize(families().size());
  for (const FamilyRow& row : families()) {
    Family& family = state_->families[std::size_t(row.id)];
    family.label_names = split_labels(row.labels);
    const std::string name(row.name), help(row.help);
    if (row.kind == FamilyKind::Gauge)
      family.gauges = &prometheus::BuildGauge().Name(name).Help(help).Register(state_->registry);
    else if (row.kind == FamilyKind::Counter)
      family.counters =
          &prometheus::BuildCounter().Name(name).Help(help).Register(state_->registry);
    else
      family.histograms =
          &prometheus::BuildHistogram().Name(name).Help(help).Register(state_->registry);
    if (!row.labels.empty()) continue;  // families without labels show from the start, at zero
    if (row.kind == FamilyKind::Gauge) set(row.id, {}, 0);
    if (row.kind == FamilyKind::Counter) add(row.id, {}, 0);
  }
}
Metrics::~Metrics() = default;

void Metrics::set(FamilyId family, LabelValues labels, double value) {
  const std::lock_guard lock(state_->mutex);
  if (auto* gauge = state_->gauge(family, labels)) return gauge->Set(value);
  state_->dropped();
}

void Metrics::add(FamilyId family, LabelValues labels, double amount) {
  const std::lock_guard lock(state_->mutex);
  if (auto* counter = state_->counter(family, labels)) return counter->Increment(amount);
  state_->dropped();
}

void Metrics::raise_to(FamilyId family, LabelValues labels, double total) {
  const std::lock_guard lock(state_->mutex);
  auto* counter = state_->counter(family, labels);
  if (counter == nullptr) return state_->dropped();
  if (total > counter->Value()) counter->Increment(total - counter->Value());
}

void Metrics::observe(FamilyId id, LabelValues labels, double value) {
  const std::lock_guard lock(state_->mutex);
  auto* histogram = state_->find<prometheus::Histogram>(
      id, labels, [id](Family& family, const prometheus::Labels& named) {
        DROVER_CHECK(family.histograms != nullptr, State::families_name(id));
        const auto limits = bounds(families()[std::size_t(id)].buckets);
        return &family.histograms->Add(
            named, prometheus::Histogram::BucketBoundaries(limits.begin(), limits.end()));
      });
  if (histogram == nullptr) return state_->dropped();
  histogram->Observe(value);
}

std::string Metrics::scrape() {
  const ProcessStats process = process_stats();
  raise_to(FamilyId::ProcessCpu, {}, process.cpu_seconds);
  set(FamilyId::ProcessRss, {}, process.resident_bytes);
  set(FamilyId::ProcessVirtual, {}, process.virtual_bytes);
  set(FamilyId::ProcessFds, {}, process.open_fds);
  set(FamilyId::ProcessFdsMax, {}, process.max_fds);
  set(FamilyId::ProcessStart, {}, process.start_time_seconds);
  return prometheus::TextSerializer().Serialize(state_->registry.Collect());
}

std::string markdown() {
  std::string text =
      "# Metrics\n\nServed at `/metrics` in the Prometheus text format. This page is generated "
      "from the table in\n"
      "`metrics/families.cpp`; a test compares the two (`BLESS=1` rewrites it).\n\n"
      "Every family is bounded: at most " +
      std::to_string(kSeriesMax) +
      " label sets, none named by job or user.\n\n"
      "| Metric | Type | Labels | Meaning |\n|---|---|---|---|\n";
  for (const FamilyRow& row : families()) {
    const char* kind = row.kind == FamilyKind::Gauge     ? "gauge"
                       : row.kind == FamilyKind::Counter ? "counter"
                                                         : "histogram";
    ((((text += "| `") += row.name) += "` | ") += kind) += " | ";
    ((text += row.labels) += " | ") += row.help;
    text += " |\n";
  }
  return text;
}

}  // namespace drover::metrics
