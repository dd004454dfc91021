// tests/unit/flow/workflow_property_test.cpp - random workflows, failures and crashes.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/prng.hpp"
#include "tests/unit/dag/workflow_reference.hpp"
#include "tests/unit/flow/theatre.hpp"

namespace drover::flow {
namespace {

class Author {
 public:
  explicit Author(std::uint64_t seed) : random_(seed) {}

  std::string write() {
    text_ = "name = \"w\"\n";
    if (chance(3)) text_ += "max_parallel = " + std::to_string(1 + below(4)) + "\n";
    if (chance(4)) text_ += "on_failure = \"stop\"\n";
    if (!chance(3)) text_ += "[optimize]\ngroup = true\n";
    const std::uint64_t steps = 2 + below(9);
    for (std::uint64_t i = 0; i < steps; ++i) step(i);
    if (chance(3)) text_ += "[[step]]\nname = \"last\"\nfinal = true\ncommand = [\"x\"]\n";
    return text_;
  }
  // Steps for a workflow that runs; from the second on they need the first of those before.
  std::string further(int number) {
    const std::string name = "x" + std::to_string(number);
    const std::string before =
        number == 0 ? "s0" : "x" + std::to_string(below(std::uint64_t(number)));
    const std::string head =
        "[[step]]\nname = \"" + name + "\"\nneeds = [\"" + before + ":done\"]\n";
    switch (below(4)) {
      case 0: return head + "foreach = [1, 2]\ncommand = [\"x\"]\n";
      case 1:
        return head +
               "strategy = \"transaction\"\n[[step.step]]\nname = \"t\"\ncommand = [\"x\"]\n"
               "undo = {command = [\"y\"]}\n[[step.step]]\nname = \"u\"\ncommand = [\"x\"]\n";
      case 2:
        return head + "command = [\"x\"]\n[[step]]\nname = \"" + name + "b\"\nneeds = [\"" + name +
               "\", \"s1:done\"]\ncommand = [\"x\"]\n";
      default: return head + "command = [\"x\"]\n";
    }
  }
  std::uint64_t below(std::uint64_t n) { return random_.below(n); }
  bool chance(std::uint64_t n) { return below(n) == 0; }

 private:
  void step(std::uint64_t i) {
    const std::string name = "s" + std::to_string(i);
    text_ += "[[step]]\nname = \"" + name + "\"\n";
    if (i > 0 && last_is_plain_ && chance(2)) {  // as the one before: they may share an array
      text_ += last_needs_ + "command = [\"x\", \"" + std::to_string(i) + "\"]\n";
      return;
    }
    const std::size_t before = text_.size();
    needs(i);
    last_needs_ = text_.substr(before);
    last_is_plain_ = false;
    switch (below(8)) {
      case 0:
        text_ +=
            "command = [\"x\"]\nstrategy = \"multi-read\"\n"
            "targets = [{partition = \"p\"}, {partition = \"q\"}]\n";
        break;
      case 1:
        text_ +=
            "command = [\"x\"]\nstrategy = \"active-standby\"\n"
            "targets = [{partition = \"p\"}, {partition = \"q\"}]\nlate_after = \"1m\"\n";
        break;
      case 2:
        text_ += "strategy = \"transaction\"\n";
        for (const char* member : {"t", "u"})
          text_ += "[[step.step]]\nname = \"" + name + member +
                   "\"\ncommand = [\"x\"]\nundo = {command = [\"y\"]}\n";
        break;
      case 3:
        text_ += "foreach = [1, 2, 3]\ncommand = [\"x\"]\n";
        if (chance(2)) text_ += "strategy = \"multi-read\"\n";
        break;
      default: text_ += "command = [\"x\"]\n"; last_is_plain_ = true;
    }
  }
  void needs(std::uint64_t i) {
    std::string list;
    for (std::uint64_t before = 0; before < i; ++before) {
      if (!chance(3)) continue;
      const char* when[] = {"", "", "", ":fail", ":done"};
      list += (list.empty() ? "\"s" : ", \"s") + std::to_string(before) + when[below(5)] + "\"";
    }
    if (list.empty()) return;
    text_ += "needs = [" + list + "]\n";
    if (chance(5)) text_ += "any = true\n";
  }

  Prng random_;
  std::string text_, last_needs_;
  bool last_is_plain_ = false;
};

// Everything about a run that a person or a decision can see.
std::string picture(const dag::Run& run) {
  std::string text;
  for (std::uint32_t i = 0; i < run.plan().parts.size(); ++i) {
    const dag::PartState& part = run.part(i);
    text += dag::part_name(run.workflow(), run.plan().parts[i]) + " " +
            std::string(to_string(run.mark(i))) + " " + std::to_string(raw(part.job)) + "." +
            std::to_string(part.element) + " " + std::to_string(part.starts) +
            (part.is_open ? " open" : "") + " " + part.why + "\n";
  }
  const dag::PartCounts counts = run.counts();
  return text + std::to_string(counts.succeeded) + " " + std::to_string(counts.failed) + " " +
         std::to_string(counts.skipped) + " " + std::to_string(counts.cancelled) + " " +
         std::to_string(counts.running) + (run.is_paused() ? " paused" : "");
}

// What never ran was skipped, or cancelled by the strategy: which of them does not matter.
bool is_same(dag::Mark a, dag::Mark b) {
  const auto never = [](dag::Mark mark) {
    return mark == dag::Mark::Skipped || mark == dag::Mark::Cancelled;
  };
  return a == b || (never(a) && never(b));
}

// The slow interpreter agrees with each start, and with the ends of all. It knows nothing of steps
// that were added.
void check_by_reference(const Theatre& theatre, JobId id, const std::string& document) {
  const auto run = replay(id, *theatre.flows.sources.at(id), theatre.flows.facts.at(id));
  ASSERT_TRUE(run);
  dag::WorkflowReference reference(run->workflow());
  ASSERT_EQ(reference.units.size(), run->plan().parts.size());
  for (const dag::Fact& fact : theatre.flows.facts.at(id)) {
    if (fact.part == dag::kNoPart) continue;
    const dag::Mark mark = reference.units[fact.part].mark;
    const std::string part = dag::part_name(run->workflow(), run->plan().parts[fact.part]);
    if (fact.kind == dag::FactKind::Late) reference.start_late(fact.part);
    if (fact.kind == dag::FactKind::Started) {
      ASSERT_EQ(mark, dag::Mark::Ready) << part << " started before its time\n" << document;
    }
    if (fact.kind == dag::FactKind::Ended && !dag::has_ended(mark))
      reference.end(fact.part, fact.mark);
  }
  for (std::uint32_t i = 0; i < run->plan().parts.size(); ++i) {
    const dag::Mark should = reference.units[i].mark;
    EXPECT_TRUE(run->plan().parts[i].is_left_out || is_same(run->mark(i), should))
        << dag::part_name(run->workflow(), run->plan().parts[i]) << " is "
        << to_string(run->mark(i)) << ", should be " << to_string(should) << "\n"
        << document;
  }
}

std::size_t grouped(const Theatre& theatre, JobId id) {
  return std::size_t(std::ranges::count_if(theatre.flows.facts.at(id), [](const dag::Fact& fact) {
    return fact.kind == dag::FactKind::Started && !fact.text.empty();
  }));
}

void check_ended(const Theatre& theatre, JobId id, const std::string& document) {
  ASSERT_TRUE(is_final(theatre.state(id))) << document;
  EXPECT_TRUE(theatre.running.empty()) << "a process is left\n" << document;
  EXPECT_EQ(theatre.controller->stats().jobs_open, 0u) << "a job is left\n" << document;
  EXPECT_EQ(theatre.controller->stats().tasks_active, 0u) << document;
  const auto run = replay(id, *theatre.flows.sources.at(id), theatre.flows.facts.at(id));
  ASSERT_TRUE(run);
  for (std::uint32_t i = 0; i < run->plan().parts.size(); ++i) {
    EXPECT_TRUE(dag::has_ended(run->mark(i))) << document;
    const dag::Part& part = run->plan().parts[i];
    if (part.role != dag::PartRole::Undo) continue;
    // Compensation runs for what had succeeded in a transaction that failed, and for nothing else.
    const std::uint32_t group = run->workflow().steps[part.step].parent;
    const bool due = run->mark_of_step(group) == dag::Mark::Failed &&
                     run->mark_of_step(part.step) == dag::Mark::Succeeded;
    EXPECT_EQ(run->part(i).starts > 0, due) << document;
  }
}

TEST(WorkflowProperty, AfterEveryCrashItIsWhatItWas) {
  const char* wanted = std::getenv("SEEDS");
  const std::uint64_t seeds = wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : 150;
  std::size_t elements = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Author author(seed);
    const std::string document = author.write();
    Theatre theatre(std::uint16_t(2 + seed % 9), {.starts_per_turn = seed % 3 == 0 ? 1u : 64u});
    const auto id = theatre.submit(document);
    ASSERT_TRUE(id) << id.error().message << "\n" << document;
    const auto outcome = [&](const std::string&, std::uint32_t) {
      return author.chance(4) ? 1 : 0;
    };
    int added = 0;
    const auto crash = [&] {
      if (author.chance(6) && theatre.conductor->find(*id) != nullptr)
        (void)theatre.put(AddSteps{{1000, false}, *id, author.further(added++)});
      if (!author.chance(3)) return;
      const dag::Run* before = theatre.conductor->find(*id);
      const std::string seen = before != nullptr ? picture(*before) : "";
      theatre.on_restored = [&, was_open = before != nullptr] {
        const dag::Run* after = theatre.conductor->find(*id);
        ASSERT_EQ(was_open, after != nullptr);
        if (after != nullptr) {
          ASSERT_EQ(picture(*after), seen) << document;
        }
      };
      theatre.restart();
      if (author.chance(6)) theatre.pass(seconds(61)), theatre.turn();
    };
    theatre.play(
        outcome, [&](std::size_t n) { return std::size_t(author.below(n)); }, crash);
    check_ended(theatre, *id, document);
    if (added == 0) check_by_reference(theatre, *id, document);
    elements += grouped(theatre, *id);
    if (HasFatalFailure() || HasNonfatalFailure()) return;
  }
  EXPECT_TRUE(seeds < 150 || elements > 80) << elements << " steps shared an array";
}

TEST(WorkflowProperty, CancelLeavesNothing) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Author author(seed * 7919);
    const std::string document = author.write();
    Theatre theatre(4);
    const auto id = theatre.submit(document);
    ASSERT_TRUE(id) << id.error().message << "\n" << document;
    std::uint64_t left = author.below(6);
    const auto between = [&] {
      if (left-- == 0 && theatre.conductor->open() > 0) {
        ASSERT_TRUE(theatre.command(*id, WorkflowVerb::Cancel));
      }
    };
    theatre.play([&](const std::string&, std::uint32_t) { return author.chance(5) ? 1 : 0; },
                 [&](std::size_t n) { return std::size_t(author.below(n)); }, between);
    ASSERT_TRUE(is_final(theatre.state(*id))) << document;
    EXPECT_EQ(theatre.controller->stats().jobs_open, 0u) << document;
  }
}

}  // namespace
}  // namespace drover::flow
