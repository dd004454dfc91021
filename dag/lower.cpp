// dag/lower.cpp - from stages to the nodes and edges that do the same.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <span>

#include "dag/compile.hpp"
#include "dag/plan_builder.hpp"
#include "dag/unreachable.hpp"

namespace drover::dag {
namespace {

struct Ends {  // of a stage: what waits, and what is waited for
  PlanNode first{}, last{};
  std::uint32_t begin = 0, end = 0;   // its nodes
  std::optional<PlanNode> box;        // collects needs of which any is enough
  std::optional<PlanNode> last_undo;  // of a transaction: ends when all is undone
};

bool has_each(const std::vector<StageNeed>& needs) {
  return std::ranges::any_of(needs, &StageNeed::each);
}

// Whoever needs another element by element starts with it: it has that one's needs instead.
std::vector<std::vector<StageNeed>> without_each(std::vector<std::vector<StageNeed>> needs) {
  std::vector<std::uint32_t> waits(needs.size()), order;
  std::vector<std::vector<std::uint32_t>> next(needs.size());
  for (std::uint32_t s = 0; s < needs.size(); ++s) {
    waits[s] = std::uint32_t(needs[s].size());
    for (const StageNeed& need : needs[s]) next[need.stage].push_back(s);
    if (waits[s] == 0) order.push_back(s);
  }
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::uint32_t at = order[i];
    if (has_each(needs[at])) {
      std::vector<StageNeed> mine;
      for (const StageNeed& need : needs[at]) {
        if (!need.each)
          mine.push_back(need);
        else
          mine.insert(mine.end(), needs[need.stage].begin(), needs[need.stage].end());
      }
      std::ranges::sort(mine);
      mine.erase(std::unique(mine.begin(), mine.end()), mine.end());
      needs[at] = std::move(mine);
    }
    for (const std::uint32_t s : next[at])
      if (--waits[s] == 0) order.push_back(s);
  }
  return needs;
}

class Lowering {
 public:
  Lowering(const LogicalPlan& logical, const PlanRules& rules) : logical_(logical), rules_(rules) {
    if (std::ranges::any_of(logical.stages,
                            [](const auto& stage) { return has_each(stage.after); })) {
      std::vector<std::vector<StageNeed>> needs;
      for (const LogicalStage& stage : logical.stages) needs.push_back(stage.after);
      needs_ = without_each(std::move(needs));
    }
  }

  Result<Lowered> lower() {
    if (rules_.prune && has_conditions()) leave_out();
    if (rules_.fuse) find_chains();
    ends_.reserve(logical_.stages.size());
    for (std::uint32_t s = 0; s < logical_.stages.size(); ++s) ends_.push_back(add_stage(s));
    for (std::uint32_t s = 0; s < logical_.stages.size(); ++s)
      if (!is_left_out(s)) connect(s);
    add_finals();
    Lowered lowered;
    auto built = std::move(builder_).build(
        {.drop_implied = rules_.drop_implied, .by_path = rules_.critical_path});
    if (!built) return fail(std::move(built.error()));
    lowered.physical = std::move(*built);
    lowered.exec_nodes = std::move(exec_nodes_);
    for (const Ends& ends : ends_) lowered.stage_ends.push_back(ends.last);
    say_what_was_done(lowered);
    lowered.chains = std::move(chains_);
    return lowered;
  }

 private:
  // Of one there is nothing to choose; nor of those that have come into the place of one.
  Join join_of(std::uint32_t s) const {
    const bool any = logical_.stages[s].after.size() > 1 && needs_of(s).size() > 1;
    return any ? logical_.stages[s].join : Join::All;
  }

  std::span<const StageNeed> needs_of(std::uint32_t s) const {
    return needs_.empty() ? logical_.stages[s].after : needs_[s];
  }

  // Steps that allow it, one behind the other, with nobody else waiting in between.
  void find_chains() {
    if (std::ranges::all_of(logical_.stages, [](const auto& stage) { return stage.fuse == 0; }))
      return;
    const std::size_t count = logical_.stages.size();
    std::vector<std::uint32_t> dependents(count), next(count, kNoStage);
    std::vector<bool> may_fail(count);  // somebody acts on its failure: then it has to be its own
    for (std::uint32_t s = 0; s < count; ++s)
      for (const StageNeed& need : needs_of(s)) {
        ++dependents[need.stage];
        if (need.when == When::Failed) may_fail[need.stage] = true;
      }
    fused_.assign(count, kNoStage);
    for (std::uint32_t s = 0; s < count; ++s) {
      const auto needs = needs_of(s);
      if (is_left_out(s) || logical_.stages[s].fuse == 0 || needs.size() != 1 ||
          needs[0].when != When::Ok)
        continue;
      const std::uint32_t before = needs[0].stage;
      const bool alike = logical_.stages[before].fuse == logical_.stages[s].fuse &&
                         logical_.stages[before].group == logical_.stages[s].group;
      if (alike && dependents[before] == 1 && !may_fail[s] && !logical_.stages[s].is_final &&
          !logical_.stages[before].is_final)
        next[before] = s, fused_[s] = before;
    }
    for (std::uint32_t s = 0; s < count; ++s) {
      if (fused_[s] != kNoStage || next[s] == kNoStage) continue;
      chains_.push_back({s});
      for (std::uint32_t at = next[s]; at != kNoStage; at = next[at]) {
        fused_[at] = s;
        chains_.back().push_back(at);
      }
    }
  }
  bool is_fused(std::uint32_t s) const { return !fused_.empty() && fused_[s] != kNoStage; }

  PlanNode add(const PlanBuilder::Node& node) {
    kinds_.push_back(node.kind);
    return builder_.add(node);
  }
  PlanNode add_exec(const LogicalExec& exec, Join join, std::uint32_t weight = 1) {
    const PlanNode node = add({.kind = NodeKind::ExecTask,
                               .label = exec.label,
                               .join = join,
                               .step = exec.step,
                               .weight = weight});
    place_of(exec) = node;
    return node;
  }

  PlanNode& place_of(const LogicalExec& exec) {
    if (exec_nodes_.size() <= exec.step) exec_nodes_.resize(exec.step + 1);
    return exec_nodes_[exec.step];
  }

  PlanNode add_box(const std::string& label) {
    return add({.kind = NodeKind::StageStart, .label = label + "~any", .join = Join::Any});
  }

  // In another workflow, what has nothing before it starts with that; and so does what would start
  // by the end of others, whether they have run or not.
  bool needs_gate(std::uint32_t s) const {
    const LogicalStage& stage = logical_.stages[s];
    const auto needs = needs_of(s);
    return stage.group != kNoStage &&
           (stage.is_final || needs.empty() ||
            std::ranges::any_of(needs, [](const auto& need) { return need.when == When::Ended; }));
  }

  Ends add_stage(std::uint32_t s) {
    const LogicalStage& stage = logical_.stages[s];
    Ends ends;
    ends.begin = ends.end = std::uint32_t(kinds_.size());
    if (is_left_out(s)) {
      for (const LogicalExec& exec : stage.execs) place_of(exec) = kNoNode;
      ends.first = ends.last = kNoNode;
      return ends;
    }
    Join join = join_of(s);
    if (join == Join::Any && (stage.is_final || needs_gate(s))) {
      ends.box = add_box(stage.label);
      join = Join::All;
    }
    if (is_fused(s)) {
      // The head of the chain may stand behind: its node is filled in when all are known.
      (void)place_of(stage.execs[0]);
    } else if (stage.form == StepForm::Workflow) {
      ends.first = add({.kind = NodeKind::StageStart, .label = stage.label, .join = join});
      ends.last = add_exec(stage.execs.at(0), Join::All);
      builder_.add_edge(ends.first, ends.last);
    } else if (stage.form == StepForm::Task && stage.execs.size() == 1) {
      // A strategy that needs all of one has nothing to decide: the code stands for the stage.
      ends.first = ends.last = add_exec(stage.execs[0], join, stage.weight);
    } else {
      add_members(stage, join, ends);
    }
    ends.end = std::uint32_t(kinds_.size());
    return ends;
  }

  void add_members(const LogicalStage& stage, Join join, Ends& ends) {
    ends.first = add({.kind = NodeKind::StageStart, .label = stage.label, .join = join});
    ends.last = add({.kind = NodeKind::StageEnd,
                     .label = stage.label,
                     .strategy = stage.strategy,
                     .step = std::uint32_t(ends.first)});
    std::vector<PlanNode> nodes;
    for (const LogicalExec& exec : stage.execs) {
      nodes.push_back(add_exec(exec, Join::All));
      if (exec.role == ExecRole::Undo) continue;
      builder_.add_edge(ends.first, nodes.back());
      builder_.add_edge(nodes.back(), ends.last, When::Ended);
    }
    std::vector<std::vector<StageNeed>> needs;
    for (const LogicalExec& exec : stage.execs) needs.push_back(exec.after);
    if (std::ranges::any_of(needs, has_each)) needs = without_each(std::move(needs));
    for (std::size_t e = 0; e < nodes.size(); ++e) {
      PlanNode entry = nodes[e];
      if (stage.execs[e].join == Join::Any && needs[e].size() > 1) {
        entry = add_box(stage.execs[e].label);  // the start of the stage is none of them
        builder_.add_edge(entry, nodes[e]);
      }
      for (const StageNeed& need : needs[e]) builder_.add_edge(nodes[need.stage], entry, need.when);
    }
    add_undo(stage, nodes, needs, ends);
  }

  // What has succeeded is made up for, the last first.
  void add_undo(const LogicalStage& stage, const std::vector<PlanNode>& nodes,
                const std::vector<std::vector<StageNeed>>& needs, Ends& ends) {
    // In the document's order, as far as needs allow.
    std::vector<std::size_t> waits(nodes.size()), order;
    std::vector<std::vector<std::size_t>> next(nodes.size());
    std::set<std::size_t> open;
    for (std::size_t e = 0; e < nodes.size(); ++e) {
      waits[e] = needs[e].size();
      for (const StageNeed& need : needs[e]) next[need.stage].push_back(e);
      if (waits[e] == 0) open.insert(e);
    }
    while (!open.empty()) {
      order.push_back(*open.begin());
      open.erase(open.begin());
      for (const std::size_t e : next[order.back()])
        if (--waits[e] == 0) open.insert(e);
    }
    for (auto at = order.rbegin(); at != order.rend(); ++at) {
      const std::size_t undo = *at + 1;  // follows its member
      if (undo >= nodes.size() || stage.execs[*at].role != ExecRole::Run ||
          stage.execs[undo].role != ExecRole::Undo)
        continue;
      builder_.add_edge(ends.last, nodes[undo], When::Undo);
      builder_.add_edge(nodes[*at], nodes[undo]);
      if (ends.last_undo) builder_.add_edge(*ends.last_undo, nodes[undo], When::Ended);
      ends.last_undo = nodes[undo];
    }
  }

  bool is_left_out(std::uint32_t s) const { return !left_out_.empty() && left_out_[s]; }

  bool has_conditions() const {
    return std::ranges::any_of(logical_.stages, [](const LogicalStage& stage) {
      return std::ranges::any_of(stage.after,
                                 [](const StageNeed& need) { return need.when == When::Failed; });
    });
  }

  void leave_out() {
    std::vector<std::vector<StageNeed>> needs;
    for (std::uint32_t s = 0; s < logical_.stages.size(); ++s)
      needs.emplace_back(needs_of(s).begin(), needs_of(s).end());
    Unreachable found = find_unreachable(logical_, needs);
    if (found.lines.empty()) return;
    left_out_ = std::move(found.left_out);
    unreachable_ = std::move(found.lines);
    needs_ = std::move(needs);
  }

  // What a stage waits for, and who waits for it.
  void connect(std::uint32_t s) {
    const LogicalStage& stage = logical_.stages[s];
    if (is_fused(s)) {  // it is part of the node of the head
      ends_[s].first = ends_[s].last = exec_nodes_[stage.execs[0].step] = ends_[fused_[s]].last;
      return;
    }
    const PlanNode entry = ends_[s].box.value_or(ends_[s].first);
    if (ends_[s].box) builder_.add_edge(entry, ends_[s].first);
    for (const StageNeed& need : needs_of(s)) {
      const std::uint32_t before = is_fused(need.stage) ? fused_[need.stage] : need.stage;
      builder_.add_edge(ends_[before].last, entry, need.when);
      const bool waits_for_undo = need.when == When::Failed || need.when == When::Ended;
      if (waits_for_undo && stage.join == Join::All && ends_[before].last_undo)
        builder_.add_edge(*ends_[before].last_undo, entry, When::Ended);
    }
    if (stage.group == kNoStage) return;
    if (needs_gate(s)) builder_.add_edge(ends_[stage.group].first, ends_[s].first);
    each_end(
        s, [&](PlanNode node) { builder_.add_edge(node, ends_[stage.group].last, When::Gather); });
  }

  template <class Do>
  void each_end(std::uint32_t s, const Do& then) {
    for (std::uint32_t node = ends_[s].begin; node < ends_[s].end; ++node)
      if (kinds_[node] != NodeKind::StageStart) then(PlanNode{node});
  }

  // Final stages wait for the end of all others beside them.
  void add_finals() {
    std::map<std::uint32_t, std::vector<std::uint32_t>> finals, others;  // by group
    for (std::uint32_t s = 0; s < logical_.stages.size(); ++s)
      if (logical_.stages[s].is_final && !is_left_out(s))
        finals[logical_.stages[s].group].push_back(s);
    if (finals.empty()) return;
    for (std::uint32_t s = 0; s < logical_.stages.size(); ++s)
      if (!logical_.stages[s].is_final && !is_left_out(s))
        others[logical_.stages[s].group].push_back(s);
    for (const auto& [group, list] : finals) {
      PlanNode barrier = ends_[list[0]].first;
      if (list.size() > 1) {
        const std::string name =
            group == kNoStage ? "final" : logical_.stages[group].label + ".final";
        barrier = add({.kind = NodeKind::StageStart, .label = name});
        for (const std::uint32_t s : list) builder_.add_edge(barrier, ends_[s].first);
      }
      for (const std::uint32_t s : others[group])
        each_end(s, [&](PlanNode node) { builder_.add_edge(node, barrier, When::Ended); });
    }
  }

  void say_what_was_done(Lowered& lowered) const {
    for (const auto& chain : chains_) {
      std::string line;
      for (const std::uint32_t s : chain)
        line += (line.empty() ? "fused " : ", ") + logical_.stages[s].label;
      lowered.applied.push_back(std::move(line));
    }
    lowered.applied.insert(lowered.applied.end(), unreachable_.begin(), unreachable_.end());
  }

  const LogicalPlan& logical_;
  const PlanRules& rules_;
  PlanBuilder builder_;
  std::vector<std::vector<StageNeed>> needs_;  // without `each` and what is left out, else empty
  std::vector<std::uint32_t> fused_;  // the head of its chain; kNoStage: it has its own node
  std::vector<std::vector<std::uint32_t>> chains_;
  std::vector<bool> left_out_;            // stages that can never run; empty when there are none
  std::vector<std::string> unreachable_;  // a line each
  std::vector<NodeKind> kinds_;
  std::vector<PlanNode> exec_nodes_;
  std::vector<Ends> ends_;
};

}  // namespace

Result<Lowered> lower(const LogicalPlan& logical, const PlanRules& rules) {
  return Lowering(logical, rules).lower();
}

}  // namespace drover::dag
