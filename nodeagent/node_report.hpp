// nodeagent/node_report.hpp - plain values to protobuf, and what this node can do, in words.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <string>
#include <string_view>

#include "nodeagent/reports.hpp"
#include "nodeagent/topology.hpp"

namespace drover::proto {
class AttemptRef;
class Ended;
class Health;
class NodeInfo;
class Started;
}  // namespace drover::proto

namespace drover::nodeagent {

void fill_ref(proto::AttemptRef& out, const AttemptId& id);
void fill_started(proto::Started& out, const StartReport& report);
void fill_ended(proto::Ended& out, const EndReport& report);
void fill_node(proto::NodeInfo& out, const NodeTopology& topology);
void fill_health(proto::Health& out, std::int32_t supd_pid);  // load, memory, supd's size

// "key=value\n" lines of supd's Welcome.
std::map<std::string, std::string> parse_facts(std::string_view lines);
// For `drover node show`: what holds on this node and what is weaker, from supd's facts and our
// own.
std::map<std::string, std::string> node_capabilities(
    const NodeTopology& topology, const std::map<std::string, std::string>& supd_facts);

}  // namespace drover::nodeagent
