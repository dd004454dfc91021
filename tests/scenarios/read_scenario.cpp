// tests/scenarios/read_scenario.cpp - the text format of scenarios; README.md describes it.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <sstream>

#include "base/units.hpp"
#include "tests/scenarios/scenario.hpp"

namespace drover::sched {
namespace {

constexpr std::int64_t kNumberMax = 1'000'000;
constexpr std::array kVerbs = {"submit",  "cancel", "hold",    "release",   "requeue",
                               "suspend", "wake",   "drain",   "resume",    "add",
                               "why",     "state",  "reserve", "unreserve", "licences"};

Result<void> read_quota(const std::vector<std::string>& words, Scenario& into) {
  rm::QuotaRule rule;
  for (const auto& [key, value] : read_options(words)) {
    if (key == "reclaim") {
      rule.reclaim = value == "preempt" ? rm::Reclaim::Preempt : rm::Reclaim::Wait;
      continue;
    }
    if (key != "running_jobs" && key != "cpus" && key != "guaranteed_cpus") {
      rule.match[key] = value;
      continue;
    }
    const auto number = parse_integer(value, 0, kNumberMax, key);
    if (!number) return fail(number.error());
    if (key == "guaranteed_cpus") rule.guaranteed[rm::Kind::CpuMilli] = *number * 1000;
    if (key == "cpus") rule.max[rm::Kind::CpuMilli] = *number * 1000;
    if (key == "running_jobs") rule.max[rm::Kind::RunningJobs] = *number;
  }
  into.config.quotas.push_back(std::move(rule));
  return {};
}

Result<void> read_licences(const std::vector<std::string>& words, Scenario& into) {
  for (const auto& [name, value] : read_options(words)) {
    const auto total = parse_integer(value, 0, kNumberMax, name);
    if (!total) return fail(total.error());
    into.config.licences[name] = *total;
  }
  auto names = rm::ResourceNames::make(rm::licence_words(into.config.licences, {}));
  if (!names) return fail(names.error());
  into.config.resources = *std::move(names);
  return {};
}

Result<void> read_qos(const std::vector<std::string>& words, Scenario& into) {
  if (words.empty())
    return fail(Errc::BadInput, "for example: qos urgent priority=10 preempts=low");
  QosSpec qos;
  qos.name = words[0];
  for (const auto& [key, value] : read_options({words.begin() + 1, words.end()})) {
    if (key == "preempts") {
      qos.preempts.push_back(value);
    } else if (key == "mode") {
      const auto mode = parse_preempt_mode(value);
      if (!mode) return fail(mode.error());
      qos.preempt_mode = *mode;
    } else if (key == "grace") {
      const auto grace = read_time(value);
      if (!grace) return fail(grace.error());
      qos.preempt_grace = *grace;
    } else {
      const auto number = parse_integer(value, 0, kNumberMax, key);
      if (!number || key != "priority") return fail(Errc::BadInput, "a class has no " + key);
      qos.priority = *number;
    }
  }
  into.qos.push_back(std::move(qos));
  return {};
}

Result<void> read_node(const std::vector<std::string>& words, Scenario& into) {
  if (words.size() < 2) return fail(Errc::BadInput, "for example: node n1 cpus=4 gpus=2 fpga=1");
  NodeLine node{words[0], 0, 0, {}};
  for (const auto& [key, value] : read_options({words.begin() + 1, words.end()})) {
    const auto number = parse_integer(value, 1, 1000, key);
    if (!number) return fail(number.error());
    if (key == "cpus")
      node.cpus = std::uint16_t(*number);
    else if (key == "gpus")
      node.gpus = std::uint16_t(*number);
    else
      node.resources[key] = *number;
  }
  into.nodes.push_back(std::move(node));
  return {};
}

Result<void> read_starts(int line, const std::vector<std::string>& words, Scenario& into) {
  StartsLine& starts = into.starts.emplace_back();
  if (words.size() < 2) return fail(Errc::BadInput, "for example: starts wide 100");
  starts.line = line;
  starts.job = words[0];
  if (words[1] == "never") return {};
  for (std::size_t i = 1; i < words.size(); ++i) {
    const auto at = read_time(words[i]);
    if (!at) return fail(at.error());
    starts.at.push_back(*at);
  }
  return {};
}

Result<void> read_timed(int line, const std::vector<std::string>& words, Scenario& into) {
  if (words.size() < 3) return fail(Errc::BadInput, "for example: at 10 cancel wide");
  const auto at = read_time(words[0]);
  if (!at) return fail(at.error());
  if (std::ranges::find(kVerbs, words[1]) == kVerbs.end())
    return fail(Errc::BadInput, "nobody can '" + words[1] + "'");
  into.timeline.push_back({line, *at, words[1], words[2], {words.begin() + 3, words.end()}});
  return {};
}

Result<void> read_line(int line, const std::string& text, Scenario& into) {
  std::istringstream in(text.substr(0, text.find('#')));
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  if (words.empty()) return {};
  const std::string what = words.front();
  words.erase(words.begin());
  if (what == "node") return read_node(words, into);
  if (what == "licences") return read_licences(words, into);
  if (what == "quota") return read_quota(words, into);
  if (what == "qos") return read_qos(words, into);
  if (what == "levels") {
    auto tree = rm::QuotaTree::make(words, {});
    if (!tree) return fail(tree.error());
    into.config.quota_tree = *std::move(tree);
    return {};
  }
  if (what == "starts") return read_starts(line, words, into);
  if (what == "at") return read_timed(line, words, into);
  if (what == "policy" && words.size() == 1) {
    const auto policy = parse_policy(words[0]);
    if (!policy) return fail(policy.error());
    into.config.policy = *policy;
    return {};
  }
  if (what == "group") {
    const auto running = parse_integer(read_options(words)["running"], 1, kNumberMax, "running");
    if (!running) return fail(running.error());
    into.config.group_limits.running_jobs = std::uint32_t(*running);
    return {};
  }
  return fail(Errc::BadInput, "'" + what + "' begins no line");
}

}  // namespace

Result<Duration> read_time(const std::string& text) {
  const bool bare = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
  if (bare) {
    const auto number = parse_integer(text, 0, 1'000'000'000, "time");
    return number ? Result<Duration>(seconds(*number)) : fail(number.error());
  }
  return parse_time_limit(text);
}

std::optional<rm::Counts> read_counts(const std::string& text) {
  rm::Counts counts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, ',');) {
    const std::size_t colon = part.find(':');
    std::int64_t count = 1;
    if (colon != std::string::npos) {
      const auto number = parse_integer(part.substr(colon + 1), 0, kNumberMax, part);
      if (!number) return std::nullopt;
      count = *number;
    }
    counts[part.substr(0, colon)] = count;
  }
  return counts;
}

std::map<std::string, std::string> read_options(const std::vector<std::string>& words) {
  std::map<std::string, std::string> options;
  for (const std::string& word : words) {
    const std::size_t equals = word.find('=');
    options[word.substr(0, equals)] =
        equals == std::string::npos ? std::string() : word.substr(equals + 1);
  }
  return options;
}

Result<Scenario> read_scenario(const std::string& text) {
  Scenario scenario;
  std::istringstream in(text);
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (auto ok = read_line(number, line, scenario); !ok)
      return fail(Errc::BadInput, "line " + std::to_string(number) + ": " + ok.error().message,
                  ok.error().hint);
  }
  std::ranges::stable_sort(scenario.timeline, {}, &TimedLine::at);
  if (!scenario.qos.empty()) {
    PolicyBook book;
    auto table = QosTable::make(scenario.qos);
    if (!table) return fail(table.error());
    book.qos = *std::move(table);
    auto whole = complete(std::move(book));
    if (!whole) return fail(whole.error());
    scenario.config.book = std::make_shared<const PolicyBook>(*std::move(whole));
  }
  return scenario;
}

}  // namespace drover::sched
