// tests/unit/dag/random_workflow_test.cpp - random workflows end as the slow reference says.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/prng.hpp"
#include "dag/read_workflow.hpp"
#include "workflow_reference.hpp"

namespace drover::dag {
namespace {

// A document of random steps; those of nested workflows become files.
class Author {
 public:
  explicit Author(std::uint64_t seed) : random_(seed) {}

  Bundle bundle() {
    Bundle made;
    made.origin = "f.toml";
    made.text = document(1 + random_.below(10), 0);
    made.files = std::move(files_);
    return made;
  }

 private:
  struct Known {
    std::string name;
    bool has_items = false, is_final = false;
    bool may_fuse = false, is_taken = false;  // by the next of its chain
  };

  std::string word(std::initializer_list<const char*> words) {
    return *(words.begin() + random_.below(words.size()));
  }

  // Returns whether an element-wise need was made: those inherit their items.
  bool add_needs(std::string& text, const std::vector<Known>& known, bool is_final) {
    std::vector<std::string> needs;
    bool each = false;
    const bool any = random_.chance(25);
    last_any_ = any;
    for (const Known& other : known) {
      if (!random_.chance(other.is_taken ? 3 : 30) || (other.is_final && !is_final)) continue;
      if (other.has_items && !any && !is_final && random_.chance(50)) {
        needs.push_back("{ step = '" + other.name + "', each = true }");
        each = true;
      } else {
        needs.push_back("'" + other.name + word({"", "", "", ":fail", ":done"}) + "'");
      }
    }
    if (needs.empty()) return false;
    text += "needs = [";
    for (const std::string& need : needs) text += need + ", ";
    text += "]\n";
    if (any) text += "any = true\n";
    return each;
  }

  std::string group(bool is_transaction) {
    std::string text =
        is_transaction ? "strategy = 'transaction'\n" : "strategy = 'mixed'\ncommand = ['sum']\n";
    std::vector<Known> known;
    const bool in_order = random_.chance(50);
    const std::size_t count = 1 + random_.below(4);
    for (std::size_t i = 0; i < count; ++i) {
      const std::string name = "m" + std::to_string(i);
      text += "[[step.step]]\nname = '" + name + "'\ncommand = ['x']\n";
      if (is_transaction && random_.chance(70)) text += "undo = { command = ['y'] }\n";
      if (!in_order) add_needs(text, known, false);
      known.push_back({name});
    }
    return text;
  }

  std::string document(std::size_t count, std::size_t depth) {
    std::string text;
    std::vector<Known> known;
    for (std::size_t i = 0; i < count; ++i) {
      Known step{"s" + std::to_string(i), false, random_.chance(12)};
      text += "[[step]]\nname = '" + step.name + "'\n";
      if (step.is_final) text += "final = true\n";
      if (!step.is_final && !known.empty() && known.back().may_fuse && random_.chance(60)) {
        text += "needs = ['" + known.back().name + "']\nfuse = true\ncommand = ['x']\n";
        known.back().is_taken = true;
        step.may_fuse = true;
        known.push_back(std::move(step));
        continue;
      }
      const std::size_t kind = random_.below(10);
      const bool each = add_needs(text, known, step.is_final);
      if (each || kind < 5) {
        text += "command = ['x']\n";
        const bool has_items = each || random_.chance(40);
        step.may_fuse = !has_items && !step.is_final;
        if (step.may_fuse) text += "fuse = true\n";
        if (!each && has_items) text += "foreach = [1, 2]\n";
        step.has_items = has_items && !last_any_;
      } else if (kind < 7) {
        text += "command = ['x']\nstrategy = '" + word({"multi-read", "active-standby"}) +
                "'\ntargets = [{ partition = 'a' }, { partition = 'b' }" +
                word({"", ", { partition = 'c' }"}) + "]\n";
      } else if (kind < 9 || depth == 2) {
        text += group(kind == 7);
      } else {
        const std::string file = "n" + std::to_string(files_.size()) + ".toml";
        files_.emplace(file, "");
        files_[file] = document(1 + random_.below(4), depth + 1);
        text += "workflow = '" + file + "'\n";
      }
      known.push_back(std::move(step));
    }
    return text;
  }

  Prng random_;
  bool last_any_ = false;  // nobody may need such a step element by element
  std::map<std::string, std::string> files_;
};

// What never ran was skipped or cancelled by the strategy: which of them does not matter.
bool is_same(Mark a, Mark b) {
  const auto never = [](Mark mark) { return mark == Mark::Skipped || mark == Mark::Cancelled; };
  return a == b || (never(a) && never(b));
}

struct Played {
  const Bundle& bundle;
  const Workflow& flow;
  const WorkflowPlan& plan;
  Execution execution{plan.physical};
  WorkflowReference reference{flow};
  std::vector<Execution::Completed> log;

  Mark mark(const Part& part) const {
    return part.is_left_out ? Mark::Skipped : execution.mark(part.node);
  }
  std::string shown() const {
    std::string text = bundle.text;
    for (const auto& [name, inner] : bundle.files) text += "---- " + name + "\n" + inner;
    text += plan.physical->to_text();
    for (std::uint32_t p = 0; p < plan.parts.size(); ++p)
      text += part_name(flow, plan.parts[p]) + ": " + std::string(to_string(mark(plan.parts[p]))) +
              ", should be " + std::string(to_string(reference.units[p].mark)) + "\n";
    return text;
  }
  bool agrees() const {
    for (std::uint32_t p = 0; p < plan.parts.size(); ++p)
      if (plan.parts[p].fused.empty() && !plan.parts[p].is_fused &&
          !is_same(mark(plan.parts[p]), reference.units[p].mark) &&
          !(plan.parts[p].is_left_out && reference.units[p].mark == Mark::Waiting))
        return false;
    return execution.is_done() == reference.is_done();
  }
  bool restored_agrees() const {
    const auto again = Execution::restore(plan.physical, log);
    if (!again) return false;
    for (const Part& part : plan.parts)
      if (!part.is_left_out && again->mark(part.node) != execution.mark(part.node)) return false;
    return true;
  }
};

// Of steps that share a job, all have succeeded, or one of them ended as the job did.
void end_chain(Played& run, std::uint32_t part, Mark mark, Prng& random) {
  std::vector<std::uint32_t> chain = run.plan.parts[part].fused;
  chain.insert(chain.begin(), part);
  const std::size_t last =
      mark == Mark::Succeeded ? chain.size() - 1 : std::size_t(random.below(chain.size()));
  for (std::size_t i = 0; i < last; ++i) run.reference.end(chain[i], Mark::Succeeded);
  run.reference.end(chain[last], mark);
}

void play(Played& run, Prng& random) {
  bool started_late = false;
  ASSERT_TRUE(run.agrees()) << run.shown();
  while (!run.execution.is_done()) {
    std::vector<std::uint32_t> ready, late;
    for (std::uint32_t p = 0; p < run.plan.parts.size(); ++p) {
      if (run.reference.units[p].mark == Mark::Ready) ready.push_back(p);
      if (run.reference.may_start_late(p)) late.push_back(p);
    }
    ASSERT_FALSE(ready.empty()) << "stuck\n" << run.shown();
    if (!late.empty() && random.chance(20)) {
      ASSERT_TRUE(run.execution.start_now(run.plan.parts[late[0]].node));
      run.reference.start_late(late[0]);
      started_late = true;
      continue;
    }
    const std::uint32_t part = ready[random.below(ready.size())];
    Mark mark = random.chance(65)   ? Mark::Succeeded
                : random.chance(75) ? Mark::Failed
                                    : Mark::Cancelled;
    if (run.plan.parts[part].role == PartRole::Gather) {
      mark = run.reference.gathered(run.plan.parts[part].step);
      ASSERT_EQ(gathered(run.flow, run.plan, run.execution, part), mark) << run.shown();
    }
    const auto step = run.execution.complete(run.plan.parts[part].node, mark);
    ASSERT_TRUE(step) << run.shown();
    for (const PlanNode node : step->unwanted) {
      const std::uint32_t loser = run.plan.physical->step(node);
      EXPECT_EQ(run.reference.units[loser].mark, Mark::Ready);
    }
    end_chain(run, part, mark, random);
    for (const PlanNode node : step->unwanted)
      EXPECT_TRUE(run.reference.units[run.plan.physical->step(node)].is_unwanted) << run.shown();
    run.log.push_back({run.plan.parts[part].node, mark});
    ASSERT_TRUE(run.agrees()) << part_name(run.flow, run.plan.parts[part]) << " ended as "
                              << to_string(mark) << "\n"
                              << run.shown();
    if (!started_late && random.chance(30)) {
      ASSERT_TRUE(run.restored_agrees()) << run.shown();
    }
  }
  EXPECT_EQ(run.execution.is_ok(), run.reference.is_ok()) << run.shown();
}

// SEED=N replays one; COUNT=N plays so many.
TEST(RandomWorkflows, EndAsTheReferenceSays) {
  const char* seed_text = std::getenv("SEED");
  const char* count_text = std::getenv("COUNT");
  const std::uint64_t first = seed_text != nullptr ? std::strtoull(seed_text, nullptr, 10) : 1;
  const std::uint64_t count = seed_text != nullptr    ? 1
                              : count_text != nullptr ? std::strtoull(count_text, nullptr, 10)
                                                      : 1000;
  std::ptrdiff_t left_out = 0;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE("SEED=" + std::to_string(seed));
    const Bundle bundle = Author(seed).bundle();
    const auto flow = read_workflow(bundle);
    ASSERT_TRUE(flow) << flow.error().message << "\n" << bundle.text;
    Prng random(seed);
    const auto plan = plan_workflow(*flow, {.fuse = random.chance(50),
                                            .drop_implied = random.chance(70),
                                            .critical_path = random.chance(50),
                                            .prune = random.chance(80)});
    left_out += std::ranges::count_if(plan->parts, &Part::is_left_out);
    ASSERT_TRUE(plan) << plan.error().message << "\n" << bundle.text;
    Played run{.bundle = bundle, .flow = *flow, .plan = *plan, .log = {}};
    ASSERT_EQ(run.reference.units.size(), plan->parts.size());
    play(run, random);
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_TRUE(count < 1000 || left_out > 50) << left_out << " parts were left out";
}

}  // namespace
}  // namespace drover::dag
