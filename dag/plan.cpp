// dag/plan.cpp - the physical plan on Boost.Graph; the only file that knows it.
// SPDX-License-Identifier: Apache-2.0
#include "dag/plan.hpp"

#include <algorithm>
#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/topological_sort.hpp>
#include <boost/graph/transitive_reduction.hpp>
#include <optional>
#include <queue>
#include <tuple>

#include "dag/plan_builder.hpp"

namespace drover::dag {
namespace {

using Digraph = boost::adjacency_list<boost::vecS, boost::vecS, boost::bidirectionalS>;
using Vertex = boost::graph_traits<Digraph>::vertex_descriptor;

Vertex vertex(PlanNode node) { return Vertex(node); }

// Vertices with everything they wait for before them; nothing when there is a cycle.
std::optional<std::vector<Vertex>> sorted(const Digraph& graph) {
  std::vector<Vertex> reversed;
  reversed.reserve(boost::num_vertices(graph));
  try {
    boost::topological_sort(graph, std::back_inserter(reversed));
  } catch (const boost::not_a_dag&) {
    return std::nullopt;
  }
  std::ranges::reverse(reversed);
  return reversed;
}

// Edges that a longer path implies only make completion slower and pictures harder to read.
Digraph reduced(const Digraph& graph) {
  Digraph result;
  std::vector<Vertex> moved(boost::num_vertices(graph));
  const auto index = boost::get(boost::vertex_index, graph);
  boost::transitive_reduction(graph, result,
                              boost::make_iterator_property_map(moved.begin(), index), index);
  Digraph in_place(boost::num_vertices(graph));  // the library renumbers: undo that
  std::vector<Vertex> back(moved.size());
  for (std::size_t v = 0; v < moved.size(); ++v) back[moved[v]] = v;
  for (auto [edge, end] = boost::edges(result); edge != end; ++edge)
    boost::add_edge(back[boost::source(*edge, result)], back[boost::target(*edge, result)],
                    in_place);
  return in_place;
}

// Edges from each vertex to the end of the job along the longest path: what is far away goes first.
std::vector<std::uint32_t> heights(const Digraph& graph, const std::vector<Vertex>& topological) {
  std::vector<std::uint32_t> height(topological.size(), 0);
  for (auto v = topological.rbegin(); v != topological.rend(); ++v)
    for (auto [next, end] = boost::adjacent_vertices(*v, graph); next != end; ++next)
      height[*v] = std::max(height[*v], height[*next] + 1);
  return height;
}

std::vector<PlanNode> critical_path_order(const Digraph& graph,
                                          const std::vector<std::uint32_t>& height) {
  using Entry =
      std::tuple<std::uint32_t, Vertex>;  // inverted height: smallest first; ties by number
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> open;
  const auto key = [&](Vertex v) { return Entry(~height[v], v); };
  std::vector<std::size_t> waits(height.size());
  for (Vertex v = 0; v < height.size(); ++v) {
    waits[v] = boost::in_degree(v, graph);
    if (waits[v] == 0) open.push(key(v));
  }
  std::vector<PlanNode> order;
  order.reserve(height.size());
  while (!open.empty()) {
    const Vertex v = std::get<1>(open.top());
    open.pop();
    order.push_back(PlanNode(v));
    for (auto [next, end] = boost::adjacent_vertices(v, graph); next != end; ++next)
      if (--waits[*next] == 0) open.push(key(*next));
  }
  return order;
}

}  // namespace

struct PhysicalPlan::Graph {
  Digraph edges;
  std::vector<PlanBuilder::Node> nodes;
  std::vector<std::vector<PlanNode>> successors;  // of `edges`, as spans can show them
  std::vector<PlanNode> order;
  std::vector<PlanNode> exec_nodes;
};

PhysicalPlan::PhysicalPlan(std::unique_ptr<Graph> graph) : graph_(std::move(graph)) {}
PhysicalPlan::~PhysicalPlan() = default;
PhysicalPlan::PhysicalPlan(PhysicalPlan&&) noexcept = default;

std::uint32_t PhysicalPlan::size() const { return std::uint32_t(graph_->nodes.size()); }
NodeKind PhysicalPlan::kind(PlanNode node) const { return graph_->nodes.at(vertex(node)).kind; }
std::string_view PhysicalPlan::label(PlanNode node) const {
  return graph_->nodes.at(vertex(node)).label;
}
Strategy PhysicalPlan::strategy(PlanNode node) const {
  return graph_->nodes.at(vertex(node)).strategy;
}
std::uint32_t PhysicalPlan::step(PlanNode node) const {
  return graph_->nodes.at(vertex(node)).step;
}
std::span<const PlanNode> PhysicalPlan::successors(PlanNode node) const {
  return graph_->successors.at(vertex(node));
}
std::uint32_t PhysicalPlan::predecessors(PlanNode node) const {
  return std::uint32_t(boost::in_degree(vertex(node), graph_->edges));
}
std::span<const PlanNode> PhysicalPlan::order() const { return graph_->order; }
std::span<const PlanNode> PhysicalPlan::exec_nodes() const { return graph_->exec_nodes; }

PlanNode PlanBuilder::add(Node node) {
  nodes_.push_back(std::move(node));
  return PlanNode(std::uint32_t(nodes_.size() - 1));
}

void PlanBuilder::add_edge(PlanNode first, PlanNode then) { edges_.emplace_back(first, then); }

Result<std::shared_ptr<const PhysicalPlan>> PlanBuilder::build() && {
  const auto execs = std::ranges::count(nodes_, NodeKind::ExecTask, &Node::kind);
  if (execs == 0)
    return fail(Errc::BadInput, "the plan runs nothing", "give the job a script or a command");
  if (nodes_.size() >= kPlanNodesMax || edges_.size() > kPlanEdgesMax)
    return fail(Errc::Limit,
                "the plan has " + std::to_string(nodes_.size()) + " nodes and " +
                    std::to_string(edges_.size()) + " edges; at most " +
                    std::to_string(kPlanNodesMax - 1) + " and " + std::to_string(kPlanEdgesMax) +
                    " are allowed",
                "use an array for many runs of the same code");
  std::ranges::sort(edges_);
  edges_.erase(std::unique(edges_.begin(), edges_.end()), edges_.end());

  Digraph graph(nodes_.size());
  for (const auto& [first, then] : edges_) {
    if (vertex(first) >= nodes_.size() || vertex(then) >= nodes_.size())
      return fail(Errc::BadInput, "an edge of the plan leads to a node that does not exist");
    boost::add_edge(vertex(first), vertex(then), graph);
  }
  if (!sorted(graph))
    return fail(Errc::BadInput, "the plan has a cycle: steps wait for each other");
  graph = reduced(graph);

  const PlanNode job = add({.kind = NodeKind::JobTask, .label = "job"});
  boost::add_vertex(graph);
  for (Vertex v = 0; v < vertex(job); ++v)
    if (boost::out_degree(v, graph) == 0) boost::add_edge(v, vertex(job), graph);

  auto plan = std::make_unique<PhysicalPlan::Graph>();
  plan->order = critical_path_order(graph, heights(graph, *sorted(graph)));
  plan->successors.resize(nodes_.size());
  for (Vertex v = 0; v < nodes_.size(); ++v) {
    for (auto [next, end] = boost::adjacent_vertices(v, graph); next != end; ++next)
      plan->successors[v].push_back(PlanNode(std::uint32_t(*next)));
    std::ranges::sort(plan->successors[v]);
  }
  std::ranges::copy_if(plan->order, std::back_inserter(plan->exec_nodes), [&](PlanNode node) {
    return nodes_[vertex(node)].kind == NodeKind::ExecTask;
  });
  plan->edges = graph;
  plan->nodes = std::move(nodes_);
  return std::shared_ptr<const PhysicalPlan>(new PhysicalPlan(std::move(plan)));
}

}  // namespace drover::dag
