// rm/contiguous.cpp - nodes in the order of their names, and runs of neighbours among them.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string_view>

#include "rm/node_inventory.hpp"

namespace drover::rm {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string_view take_digits(std::string_view& text) {
  std::size_t length = 0;
  while (length < text.size() && is_digit(text[length])) ++length;
  std::string_view digits = text.substr(0, length);
  text.remove_prefix(length);
  digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size()));
  return digits;
}

// n2 before n10.
bool comes_before(std::string_view a, std::string_view b) {
  while (!a.empty() && !b.empty()) {
    if (is_digit(a[0]) && is_digit(b[0])) {
      const std::string_view x = take_digits(a), y = take_digits(b);
      if (x.size() != y.size()) return x.size() < y.size();
      if (x != y) return x < y;
      continue;
    }
    if (a[0] != b[0]) return a[0] < b[0];
    a.remove_prefix(1);
    b.remove_prefix(1);
  }
  return a.size() < b.size();
}

// Takes off what stands before the first node with which a run may begin; all, where none may.
void begin_at_start(std::vector<NodeId>& run, std::size_t nodes, const NodeBits& starts) {
  const auto last = run.end() - std::ptrdiff_t(nodes) + 1;
  const auto first =
      std::find_if(run.begin(), last, [&](NodeId id) { return starts.contains(id); });
  run.erase(run.begin(), first == last ? run.end() : first);
}

}  // namespace

void NodeInventory::put_in_order(NodeId id, bool is_new) {
  if (!is_new) std::erase(order_, id);
  const auto before = [this](NodeId a, NodeId b) {
    const std::string &x = find(a)->spec.name, &y = find(b)->spec.name;
    return comes_before(x, y) || (!comes_before(y, x) && a < b);
  };
  order_.insert(std::ranges::lower_bound(order_, id, before), id);
}

const std::vector<NodeBits>& NodeInventory::alternatives(const NodeAsk& ask) const {
  return constraints_.at(ask.constraint).alternatives;
}

bool NodeInventory::is_run(std::span<const NodeId> nodes) const {
  const auto inside = [&](NodeId id) { return std::ranges::find(nodes, id) != nodes.end(); };
  const auto first = std::ranges::find_if(order_, inside);
  return order_.end() - first >= std::ptrdiff_t(nodes.size()) &&
         std::all_of(first, first + std::ptrdiff_t(nodes.size()), inside);
}

void NodeInventory::best_run(const NodeAsk& ask, std::vector<NodeId>& out, HoldCheck* holds) const {
  const NodeChoice& choice = constraints_.at(ask.constraint);
  std::vector<const NodeBits*> within;
  for (const NodeBits& one : choice.alternatives) within.push_back(&one);
  if (within.empty()) within.push_back(constraint_bits(ask));
  std::size_t best = 0;  // length of the run that `out` is of
  for (const NodeBits* allowed : within) {
    std::vector<NodeId> run;
    const auto end_run = [&] {
      if (run.size() >= ask.nodes && holds != nullptr && holds->starts != nullptr)
        begin_at_start(run, ask.nodes, *holds->starts);
      const bool enough = run.size() >= ask.nodes;
      const bool better = best >= ask.nodes ? enough && run.size() < best : run.size() > best;
      if (better) best = run.size();
      if (better)
        out.assign(run.begin(),
                   run.begin() + std::min<std::ptrdiff_t>(std::ptrdiff_t(run.size()), ask.nodes));
      run.clear();
    };
    for (const NodeId id : order_) {
      const bool fits = (allowed == nullptr || allowed->contains(id)) && has_room(id, ask) &&
                        (holds == nullptr || holds->allows(id));
      if (fits) run.push_back(id);
      if (!fits) end_run();
    }
    end_run();
  }
  std::ranges::sort(out);
}

}  // namespace drover::rm
