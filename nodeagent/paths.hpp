// nodeagent/paths.hpp - where agent and supd keep their files, by the rules that all daemons share.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "base/result.hpp"

namespace drover::nodeagent {

struct NodePaths {
  std::string data, run;
  std::string agent_dir() const { return data + "/agent"; }
  std::string journal() const { return data + "/agent/supd.journal"; }
  std::string supd_lock() const { return data + "/agent/supd.lock"; }
  std::string engine_key() const { return data + "/agent/engine.key"; }
  std::string agent_lock() const { return data + "/agent/agent.lock"; }
  std::string supd_socket() const { return run + "/supd.sock"; }
  std::string engine_socket() const { return run + "/engines.sock"; }
  std::string agent_socket() const { return run + "/agent.sock"; }
};

// Fills what the command line left empty from DROVER_DATA, DROVER_RUN and the XDG variables, and
// makes the directories (0700). Denied when one exists and belongs to somebody else.
Result<NodePaths> resolve_paths(std::string data, std::string run);

// The machine's boot id; changes with every boot.
std::string read_boot_id();

// 8 hex digits that tell one data directory from another.
std::string instance_of(const std::string& data);

}  // namespace drover::nodeagent
