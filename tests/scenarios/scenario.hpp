// tests/scenarios/scenario.hpp - a timeline and what is expected of it, as read from a file.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "sched/controller.hpp"

namespace drover::sched {

// "matlab:2,ansys" as {matlab: 2, ansys: 1}; nothing where a number is none.
std::optional<rm::Counts> read_counts(const std::string& text);

struct NodeLine {
  std::string name;
  std::uint16_t cpus = 0, gpus = 0;
  rm::Counts resources;
};

// `at TIME VERB NAME ...`: something that people or nodes do, or a look at a job.
struct TimedLine {
  int line = 0;
  Duration at;  // since the beginning
  std::string verb, name;
  std::vector<std::string> words;  // what follows
};

struct StartsLine {
  int line = 0;
  std::string job;
  std::vector<Duration> at;  // of each attempt of each element, in order; empty = never
};

struct Scenario {
  ControllerConfig config;
  std::vector<NodeLine> nodes;
  std::vector<QosSpec> qos;
  std::vector<TimedLine> timeline;  // in order of time, then of lines
  std::vector<StartsLine> starts;
};

// "90", "90s", "15m", "1h30m", "2d": a bare number is seconds. BadInput otherwise.
Result<Duration> read_time(const std::string& text);
// "cpus=4 hold" -> {cpus: 4, hold: ""}
std::map<std::string, std::string> read_options(const std::vector<std::string>& words);
// BadInput names the line.
Result<Scenario> read_scenario(const std::string& text);

}  // namespace drover::sched
