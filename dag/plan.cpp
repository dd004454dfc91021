// dag/plan.cpp - the physical plan on Boost.Graph; the only file that knows it.
// SPDX-License-Identifier: Apache-2.0
#include "dag/plan.hpp"

#include <algorithm>
#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/compressed_sparse_row_graph.hpp>
#include <boost/graph/topological_sort.hpp>
#include <boost/graph/transitive_reduction.hpp>
#include <boost/iterator/transform_iterator.hpp>
#include <optional>
#include <tuple>
#include <utility>

#include "dag/plan_builder.hpp"

namespace drover::dag {
namespace {

using Digraph =
    boost::compressed_sparse_row_graph<boost::directedS, boost::no_property, boost::no_property,
                                       boost::no_property, std::uint32_t, std::uint32_t>;

std::size_t index(PlanNode node) { return std::size_t(node); }

// Vertices with everything they wait for before them; nothing when there is a cycle.
std::optional<std::vector<PlanNode>> sorted(const Digraph& graph) {
  std::vector<std::uint32_t> reversed;
  reversed.reserve(boost::num_vertices(graph));
  try {
    boost::topological_sort(graph, std::back_inserter(reversed));
  } catch (const boost::not_a_dag&) {
    return std::nullopt;
  }
  std::vector<PlanNode> order(reversed.size());
  std::ranges::transform(reversed.rbegin(), reversed.rend(), order.begin(),
                         [](std::uint32_t v) { return PlanNode{v}; });
  return order;
}

template <class Edges>
Digraph graph_of(const Edges& edges, std::size_t nodes) {
  const auto ends = [](const auto& edge) {
    return std::pair(std::uint32_t(edge.first), std::uint32_t(edge.then));
  };
  return {boost::edges_are_sorted, boost::make_transform_iterator(edges.begin(), ends),
          boost::make_transform_iterator(edges.end(), ends), std::uint32_t(nodes),
          std::uint32_t(edges.size())};
}

// Edges that a longer path implies only make completion slower and pictures harder to read. True
// where what is asked is always success: then a path says as much as the edge.
template <class Edge>
void drop_implied(std::vector<Edge>& edges, std::size_t nodes) {
  using Listed = boost::adjacency_list<boost::vecS, boost::vecS, boost::directedS>;
  Listed graph(nodes);
  for (const Edge& edge : edges) boost::add_edge(index(edge.first), index(edge.then), graph);
  Listed result;
  std::vector<std::size_t> moved(nodes);
  const auto numbers = boost::get(boost::vertex_index, graph);
  boost::transitive_reduction(graph, result,
                              boost::make_iterator_property_map(moved.begin(), numbers), numbers);
  std::vector<std::uint32_t> back(nodes);  // the library renumbers: undo that
  for (std::uint32_t v = 0; v < nodes; ++v) back[moved[v]] = v;
  edges.clear();
  for (auto [edge, end] = boost::edges(result); edge != end; ++edge)
    edges.push_back({PlanNode{back[boost::source(*edge, result)]},
                     PlanNode{back[boost::target(*edge, result)]}, When::Ok});
  std::ranges::sort(edges);
}

}  // namespace

struct PhysicalPlan::Graph {
  std::string labels;
  std::vector<std::uint32_t> label_end;  // in `labels`; a label begins where the last one ended
  std::vector<NodeKind> kind;
  std::vector<Strategy> strategy;
  std::vector<Join> join;
  std::vector<std::uint32_t> step;
  std::vector<std::uint32_t> first_edge;  // of each node in the two below; one more at the end
  std::vector<PlanNode> successors;
  std::vector<When> asks;
  std::vector<std::uint32_t> predecessors;  // how many
  std::vector<PlanNode> order;
  std::vector<std::uint32_t> position;
  std::vector<PlanNode> exec_nodes;

  void add(const PlanBuilder::Node& node) {
    labels += node.label;
    label_end.push_back(std::uint32_t(labels.size()));
    kind.push_back(node.kind);
    strategy.push_back(node.strategy);
    join.push_back(node.join);
    step.push_back(node.step);
  }

  // The longest path from the start of each node to the end of the job: what is far away goes first
  // among those that may go, ties by number.
  // `weights` may be shorter than the plan: the rest counts 1.
  void order_by_critical_path(const std::vector<PlanNode>& topological,
                              const std::vector<std::uint32_t>& weights, bool by_path) {
    const auto weight = [&](PlanNode node) {
      return index(node) < weights.size() ? weights[index(node)] : 1;
    };
    std::vector<std::uint64_t> height(kind.size(), 0);
    for (auto v = topological.rbegin(); by_path && v != topological.rend(); ++v) {
      for (std::uint32_t e = first_edge[index(*v)]; e < first_edge[index(*v) + 1]; ++e)
        height[index(*v)] = std::max(height[index(*v)], height[index(successors[e])]);
      height[index(*v)] += weight(*v);
    }
    using Entry = std::pair<std::uint64_t, PlanNode>;
    std::vector<Entry> open;  // a heap; the highest on top
    const auto later = [](const Entry& a, const Entry& b) {
      return a.first != b.first ? a.first < b.first : a.second > b.second;
    };
    const auto put = [&](PlanNode node) {
      open.emplace_back(height[index(node)], node);
      std::ranges::push_heap(open, later);
    };
    std::vector<std::uint32_t> waits = predecessors;
    for (std::uint32_t v = 0; v < kind.size(); ++v)
      if (waits[v] == 0) put(PlanNode{v});
    order.reserve(kind.size());
    while (!open.empty()) {
      std::ranges::pop_heap(open, later);
      const PlanNode node = open.back().second;
      open.pop_back();
      order.push_back(node);
      for (std::uint32_t e = first_edge[index(node)]; e < first_edge[index(node) + 1]; ++e)
        if (--waits[index(successors[e])] == 0) put(successors[e]);
    }
    position.resize(order.size());
    for (std::uint32_t p = 0; p < order.size(); ++p) position[index(order[p])] = p;
    std::ranges::copy_if(order, std::back_inserter(exec_nodes),
                         [&](PlanNode node) { return kind[index(node)] == NodeKind::ExecTask; });
  }
};

PhysicalPlan::PhysicalPlan(std::unique_ptr<Graph> graph) : graph_(std::move(graph)) {}
PhysicalPlan::~PhysicalPlan() = default;
PhysicalPlan::PhysicalPlan(PhysicalPlan&&) noexcept = default;

std::uint32_t PhysicalPlan::size() const { return std::uint32_t(graph_->kind.size()); }
std::uint32_t PhysicalPlan::edges() const { return std::uint32_t(graph_->successors.size()); }
NodeKind PhysicalPlan::kind(PlanNode node) const { return graph_->kind[index(node)]; }
std::string_view PhysicalPlan::label(PlanNode node) const {
  const std::uint32_t begin = index(node) == 0 ? 0 : graph_->label_end.at(index(node) - 1);
  return std::string_view(graph_->labels).substr(begin, graph_->label_end.at(index(node)) - begin);
}
Strategy PhysicalPlan::strategy(PlanNode node) const { return graph_->strategy[index(node)]; }
Join PhysicalPlan::join(PlanNode node) const { return graph_->join[index(node)]; }
std::uint32_t PhysicalPlan::step(PlanNode node) const { return graph_->step[index(node)]; }
std::span<const PlanNode> PhysicalPlan::successors(PlanNode node) const {
  const std::uint32_t begin = graph_->first_edge[index(node)];
  return {graph_->successors.data() + begin, graph_->first_edge[index(node) + 1] - begin};
}
std::span<const When> PhysicalPlan::asks(PlanNode node) const {
  const std::uint32_t begin = graph_->first_edge[index(node)];
  return {graph_->asks.data() + begin, graph_->first_edge[index(node) + 1] - begin};
}
std::uint32_t PhysicalPlan::predecessors(PlanNode node) const {
  return graph_->predecessors[index(node)];
}
std::span<const PlanNode> PhysicalPlan::order() const { return graph_->order; }
std::uint32_t PhysicalPlan::position(PlanNode node) const { return graph_->position[index(node)]; }
std::span<const PlanNode> PhysicalPlan::exec_nodes() const { return graph_->exec_nodes; }

std::size_t PhysicalPlan::bytes() const {
  const auto of = [](const auto& list) { return list.capacity() * sizeof(list[0]); };
  return sizeof *graph_ + of(graph_->labels) + of(graph_->label_end) + of(graph_->kind) +
         of(graph_->strategy) + of(graph_->join) + of(graph_->step) + of(graph_->first_edge) +
         of(graph_->successors) + of(graph_->asks) + of(graph_->predecessors) + of(graph_->order) +
         of(graph_->position) + of(graph_->exec_nodes);
}

PlanBuilder::PlanBuilder() : graph_(std::make_unique<PhysicalPlan::Graph>()) {}
PlanBuilder::~PlanBuilder() = default;
PlanBuilder::PlanBuilder(PlanBuilder&&) noexcept = default;

PlanNode PlanBuilder::add(const Node& node) {
  graph_->add(node);
  if (node.weight != 1) {
    weights_.resize(graph_->kind.size(), 1);
    weights_.back() = node.weight;
  }
  return PlanNode(std::uint32_t(graph_->kind.size() - 1));
}

void PlanBuilder::add_edge(PlanNode first, PlanNode then, When when) {
  edges_.push_back({first, then, when});
}

// Where conditions mix: what a node's start proves to have succeeded is what those that it waits
// for by success prove. The edge to one that another one proves says nothing new. Edges that make a
// node the member of a stage stay.
void PlanBuilder::drop_implied_mixed() {
  const PhysicalPlan::Graph& graph = *graph_;
  const std::size_t nodes = graph.kind.size();
  std::vector<std::vector<bool>> proven(nodes);
  std::vector<std::vector<std::size_t>> into(nodes);  // edges
  for (std::size_t e = 0; e < edges_.size(); ++e) into[index(edges_[e].then)].push_back(e);
  std::vector<bool> dropped(edges_.size());
  const auto order = sorted(graph_of(edges_, nodes));
  for (const PlanNode node : *order) {
    std::vector<bool>& mine = proven[index(node)];
    mine.assign(nodes, false);
    const NodeKind kind = graph.kind[index(node)];
    if (graph.join[index(node)] == Join::Any || kind == NodeKind::StageEnd) continue;
    const auto is_ok = [&](std::size_t e) { return edges_[e].when == When::Ok; };
    for (const std::size_t e : into[index(node)]) {
      if (!is_ok(e)) continue;
      const std::vector<bool>& before = proven[index(edges_[e].first)];
      for (std::size_t v = 0; v < nodes; ++v) mine[v] = mine[v] || before[v];
    }
    for (const std::size_t e : into[index(node)]) {
      if (!is_ok(e)) continue;
      const std::size_t first = index(edges_[e].first);
      dropped[e] = mine[first] && graph.kind[first] != NodeKind::StageStart;
      mine[first] = true;
    }
  }
  std::vector<Edge> kept;
  for (std::size_t e = 0; e < edges_.size(); ++e)
    if (!dropped[e]) kept.push_back(edges_[e]);
  edges_ = std::move(kept);
}

Result<std::shared_ptr<const PhysicalPlan>> PlanBuilder::build(const Rules& rules) && {
  PhysicalPlan::Graph& graph = *graph_;
  std::size_t nodes = graph.kind.size();
  if (std::ranges::count(graph.kind, NodeKind::ExecTask) == 0)
    return fail(Errc::BadInput, "the plan runs nothing", "give the job a script or a command");
  if (nodes >= kPlanNodesMax || edges_.size() > kPlanEdgesMax)
    return fail(Errc::Limit,
                "the plan has " + std::to_string(nodes) + " nodes and " +
                    std::to_string(edges_.size()) + " edges; at most " +
                    std::to_string(kPlanNodesMax - 1) + " and " + std::to_string(kPlanEdgesMax) +
                    " are allowed",
                "use an array for many runs of the same code");
  std::ranges::sort(edges_);
  edges_.erase(std::unique(edges_.begin(), edges_.end()), edges_.end());
  for (const Edge& edge : edges_)
    if (index(edge.first) >= nodes || index(edge.then) >= nodes)
      return fail(Errc::BadInput, "an edge of the plan leads to a node that does not exist");
  if (!sorted(graph_of(edges_, nodes)))
    return fail(Errc::BadInput, "the plan has a cycle: steps wait for each other");
  const bool plain =
      std::ranges::all_of(edges_, [](const Edge& edge) { return edge.when == When::Ok; }) &&
      std::ranges::all_of(graph.join, [](Join join) { return join == Join::All; });
  if (rules.drop_implied && nodes <= kReducedNodesMax) {
    if (plain)
      drop_implied(edges_, nodes);
    else
      drop_implied_mixed();
  }

  std::vector<bool> waited_for(nodes);
  for (const Edge& edge : edges_) waited_for[index(edge.first)] = true;
  const PlanNode job = add({.kind = NodeKind::JobTask, .label = "job"});
  for (std::uint32_t v = 0; v < nodes; ++v)
    if (!waited_for[v]) edges_.push_back({PlanNode{v}, job, When::Ended});
  std::ranges::sort(edges_);
  ++nodes;

  graph.first_edge.resize(nodes + 1);
  graph.predecessors.resize(nodes);
  graph.successors.reserve(edges_.size());
  graph.asks.reserve(edges_.size());
  for (const Edge& edge : edges_) {
    ++graph.first_edge[index(edge.first) + 1];
    ++graph.predecessors[index(edge.then)];
    graph.successors.push_back(edge.then);
    graph.asks.push_back(edge.when);
  }
  for (std::size_t v = 0; v < nodes; ++v) graph.first_edge[v + 1] += graph.first_edge[v];
  graph.order_by_critical_path(*sorted(graph_of(edges_, nodes)), weights_, rules.by_path);
  return std::shared_ptr<const PhysicalPlan>(new PhysicalPlan(std::move(graph_)));
}

}  // namespace drover::dag
