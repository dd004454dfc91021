// dag/read_strategy.cpp - how, where and how often a step runs, and what does not go together.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "dag/doc_json.hpp"
#include "dag/read_step.hpp"

namespace drover::dag {
namespace {

constexpr std::array<std::string_view, 7> kWords{
    "single", "multi-read", "active-standby", "transaction", "mixed", "replay", "rate-limit"};

constexpr std::array kRateKeys{
    DocKey<RateRule>{"starts",
                     [](RateRule& rate, const DocField& f) -> Result<void> {
                       auto starts = f.integer(1, 1'000'000);
                       if (!starts) return fail(std::move(starts.error()));
                       rate.starts = std::uint32_t(*starts);
                       return {};
                     }},
    DocKey<RateRule>{
        "per", [](RateRule& rate, const DocField& f) { return keep(f.duration(), rate.interval); }},
    DocKey<RateRule>{"key",
                     [](RateRule& rate, const DocField& f) { return keep(f.text(), rate.key); }},
};
struct ReplayWords {
  const DocValue *workflow = nullptr, *step = nullptr;
};
constexpr std::array kReplayKeys{
    DocKey<ReplayWords>{"workflow",
                        [](ReplayWords& words, const DocField& f) -> Result<void> {
                          words.workflow = &f.value;
                          return {};
                        }},
    DocKey<ReplayWords>{"step",
                        [](ReplayWords& words, const DocField& f) -> Result<void> {
                          words.step = &f.value;
                          return {};
                        }},
};
constexpr std::array kCacheKeys{
    DocKey<CacheRule>{"key", [](CacheRule& c, const DocField& f) { return keep(f.text(), c.key); }},
    DocKey<CacheRule>{"keep",
                      [](CacheRule& c, const DocField& f) { return keep(f.duration(), c.keep); }},
};

Result<void> read_rate(StepReading& into, const std::string& origin) {
  if (into.rate == nullptr) return {};
  const DocField field{origin, *into.rate, "rate"};
  if (auto table = field.table(); !table) return fail(std::move(table.error()));
  RateRule& rate = into.step.rate;
  if (auto read = read_keys<RateRule>(origin, *into.rate, "rate", kRateKeys, rate); !read)
    return read;
  if (rate.starts == 0 || rate.interval.us == 0)
    return field.wrong("says how many starts in which time",
                       "write rate = { starts = 10, per = \"1m\" }");
  return {};
}

Result<void> read_replay(StepReading& into, const StepPlace& place) {
  if (into.replay == nullptr) return {};
  const std::string& origin = place.document.origin;
  const DocField field{origin, *into.replay, "replay"};
  if (auto table = field.table(); !table) return fail(std::move(table.error()));
  ReplayWords words;
  if (auto read = read_keys<ReplayWords>(origin, *into.replay, "replay", kReplayKeys, words); !read)
    return read;
  if (words.workflow == nullptr)
    return field.wrong("says which workflow", "write replay = { workflow = 12, step = \"x\" }");
  const auto id =
      settled_integer(place, DocField{origin, *words.workflow, "workflow"}, 1, INT64_MAX);
  if (!id) return fail(id.error());
  Replay& replay = into.step.replay;
  replay.workflow = std::uint64_t(*id);
  replay.step = into.step.name;
  if (words.step != nullptr)
    if (auto step = keep(DocField{origin, *words.step, "step"}.text(), replay.step); !step)
      return step;
  if (into.foreach != nullptr)
    return wrong_at(origin, into.foreach->line, "a replay runs for the items that were recorded",
                    "drop its foreach");
  if (into.cache != nullptr)
    return wrong_at(origin, into.cache->line, "a replay runs to compare, so no result is kept",
                    "drop its cache");
  return {};
}

Result<void> read_cache(StepReading& into, const StepPlace& place) {
  if (into.cache == nullptr) return {};
  const std::string& origin = place.document.origin;
  CacheRule& cache = into.step.cache;
  if (into.cache->kind == DocValue::Kind::Bool) {
    cache.is_on = into.cache->flag;
    return {};
  }
  if (into.cache->kind != DocValue::Kind::Table)
    return wrong_at(origin, into.cache->line, "cache is true or a table",
                    "write cache = true or cache = { key = \"...\", keep = \"30d\" }");
  cache.is_on = true;
  if (auto read = read_keys<CacheRule>(origin, *into.cache, "cache", kCacheKeys, cache); !read)
    return read;
  return note_names(into, place, *into.cache, cache.key, Names::Strict);
}

Result<void> read_targets(StepReading& into, const StepPlace& place) {
  if (into.targets == nullptr) return {};
  const std::string& origin = place.document.origin;
  auto list = DocField{origin, *into.targets, "targets"}.list();
  if (!list) return fail(std::move(list.error()));
  for (const DocValue& item : into.targets->items) {
    if (auto table = DocField{origin, item, "targets"}.table(); !table)
      return fail(std::move(table.error()));
    for (const auto& [name, value] : item.members)
      if (value.kind == DocValue::Kind::Text)
        if (auto noted = note_names(into, place, value, value.text, Names::Strict); !noted)
          return noted;
    std::string target = to_text(to_json(item));
    if (std::ranges::count(into.step.targets, target) > 0)
      return wrong_at(origin, item.line,
                      "two targets of step '" + into.step.name + "' are the same",
                      "name another place");
    into.step.targets.push_back(std::move(target));
  }
  return {};
}

// Several places to run at; with one of them left the user may want to go on all the same.
Result<void> check_places(StepReading& into, const std::string& origin, bool over_elements) {
  Step& step = into.step;
  const std::uint32_t line = into.targets != nullptr ? into.targets->line : step.line;
  if (over_elements && step.targets.empty()) return {};
  if (step.targets.size() >= 2) return {};
  if (step.targets.size() == 1 && step.may_degrade) {
    step.strategy = Strategy::Single;  // read_program lays the one target over the job
    return {};
  }
  return wrong_at(origin, line,
                  "strategy " + into.strategy + " of step '" + step.name + "' has " +
                      std::to_string(step.targets.size()) + " target" +
                      (step.targets.size() == 1 ? "" : "s") + "; it needs two",
                  "add a target, or write degrade = true to run it as single");
}

Result<void> check_group(const StepReading& into, const std::string& origin) {
  const Step& step = into.step;
  const bool is_transaction = into.strategy == "transaction";
  if (into.members.empty())
    return wrong_at(origin, step.line,
                    "step '" + step.name + "' is a " + into.strategy + " of nothing",
                    "add [[step.step]]");
  if (is_transaction && !into.program.is_empty())
    return wrong_at(origin, step.line, "a transaction runs its steps and nothing of its own",
                    "make the program a [[step.step]]");
  if (!is_transaction && into.program.is_empty())
    return wrong_at(origin, step.line, "step '" + step.name + "' joins its steps by nothing",
                    "give it a script or command that summarises what they made");
  if (into.foreach != nullptr)
    return wrong_at(origin, into.foreach->line, "a group runs once", "give foreach to its steps");
  if (into.cache != nullptr)
    return wrong_at(origin, into.cache->line, "a group is not cached", "give cache to its steps");
  if (is_transaction)
    for (const DocValue* of_job : {into.program.job, into.program.timeout, into.program.retry})
      if (of_job != nullptr)
        return wrong_at(origin, of_job->line, "a transaction has no job of its own",
                        "give this to its steps");
  return {};
}

// Keys that belong to one strategy only.
Result<void> check_belongings(const StepReading& into, const std::string& origin) {
  const auto only = [&](const DocValue* value, std::string_view key,
                        std::initializer_list<std::string_view> strategies) -> Result<void> {
    if (value == nullptr || std::ranges::count(strategies, into.strategy) > 0) return {};
    return wrong_at(origin, value->line, std::string(key) + " goes with another strategy",
                    "write strategy = \"" + std::string(*strategies.begin()) + "\"");
  };
  if (auto right = only(into.targets, "targets", {"multi-read", "active-standby"}); !right)
    return right;
  if (auto right = only(into.degrade, "degrade", {"multi-read", "active-standby"}); !right)
    return right;
  if (auto right = only(into.late_after, "late_after", {"active-standby"}); !right) return right;
  if (auto right = only(into.replay, "replay", {"replay"}); !right) return right;
  const bool groups = into.strategy == "transaction" || into.strategy == "mixed";
  if (!into.members.empty() && !groups)
    return wrong_at(origin, into.step.line,
                    "step '" + into.step.name + "' holds steps, and no strategy for them",
                    "write strategy = \"transaction\" or \"mixed\"");
  if (groups && into.workflow != nullptr)
    return wrong_at(origin, into.step.line, "a workflow is no group", "leave the strategy out");
  return {};
}

}  // namespace

Result<void> read_strategy(StepReading& into, const StepPlace& place) {
  const std::string& origin = place.document.origin;
  if (!into.strategy.empty() && std::ranges::count(kWords, into.strategy) == 0)
    return unknown_at(origin, into.step.line, "strategy", into.strategy, kWords);
  if (auto right = check_belongings(into, origin); !right) return right;
  if (into.degrade != nullptr) {
    auto degrade = DocField{origin, *into.degrade, "degrade"}.flag();
    if (!degrade) return fail(std::move(degrade.error()));
    into.step.may_degrade = *degrade;
  }
  if (into.late_after != nullptr) {
    auto late = DocField{origin, *into.late_after, "late_after"}.duration();
    if (!late) return fail(std::move(late.error()));
    into.step.late_after = *late;
  }
  if (auto read = read_targets(into, place); !read) return read;
  if (auto read = read_rate(into, origin); !read) return read;
  if (auto read = read_replay(into, place); !read) return read;
  if (auto read = read_cache(into, place); !read) return read;
  const std::string& word = into.strategy;
  if (word == "multi-read") {
    into.step.strategy = Strategy::MultiRead;
    return check_places(into, origin, into.foreach != nullptr);
  }
  if (word == "active-standby") {
    into.step.strategy = Strategy::ActiveStandby;
    return check_places(into, origin, false);
  }
  if (word == "transaction") into.step.strategy = Strategy::Transaction;
  if (word == "transaction" || word == "mixed") return check_group(into, origin);
  if (word == "rate-limit" && into.rate == nullptr)
    return wrong_at(origin, into.step.line, "step '" + into.step.name + "' has no rate",
                    "write rate = { starts = 10, per = \"1m\" }");
  if (word == "replay" && into.replay == nullptr)
    return wrong_at(origin, into.step.line, "step '" + into.step.name + "' replays nothing",
                    "write replay = { workflow = 12, step = \"x\" }");
  return {};
}

}  // namespace drover::dag
