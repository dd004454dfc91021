// metrics/metrics.hpp - the numbers a daemon exports; server/ serves them as text.
//
// Bounded: a family takes at most kSeriesMax label sets, later ones are dropped and counted. Any
// thread may call.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "metrics/families.hpp"

namespace drover::metrics {

inline constexpr std::size_t kSeriesMax = 1'000;  // per family

class Metrics {
 public:
  using LabelValues = std::initializer_list<std::string_view>;

  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // Label values in the order of the family's row. A wrong kind or count of labels is our mistake:
  // a check.
  void set(FamilyId family, LabelValues labels, double value);       // gauges
  void add(FamilyId family, LabelValues labels, double amount = 1);  // counters
  void raise_to(FamilyId family, LabelValues labels,
                double total);  // counters kept elsewhere; never goes down
  void observe(FamilyId family, LabelValues labels, double value);  // histograms

  // The Prometheus text format 0.0.4, process_* read at this moment.
  std::string scrape();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string markdown();  // docs/metrics.md, made from the table

}  // namespace drover::metrics
