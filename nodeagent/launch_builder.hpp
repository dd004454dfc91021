// nodeagent/launch_builder.hpp - an order made complete on this node: account, script, variables.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "nodeagent/accounts.hpp"
#include "nodeagent/engine_token.hpp"
#include "nodeagent/scripts.hpp"
#include "nodeagent/supd_frame.hpp"

namespace drover::proto {
class LaunchOrder;
class AttemptRef;
}  // namespace drover::proto

namespace drover::nodeagent {

struct NodeIdentity {
  std::string name;
  std::uint32_t uid = 0;  // of the agent
  bool bindable = true;
  bool has_gpus = false;  // then jobs without GPUs see none
  std::string engine_socket = {};
};

AttemptId to_attempt_id(const proto::AttemptRef& ref);

class LaunchBuilder {
 public:
  // The key and the scripts outlive it.
  LaunchBuilder(NodeIdentity node, Scripts& scripts, const EngineKey& key)
      : node_(std::move(node)), scripts_(scripts), key_(key) {}

  // Appends the Launch message to `out`. An error is the attempt's end: it says why for the owner.
  Result<void> build(const proto::LaunchOrder& order, std::int64_t now_us, std::string& out);

 private:
  void build_env(const proto::LaunchOrder& order, const Account& account);
  void add_engine(const proto::LaunchOrder& order);

  NodeIdentity node_;
  Scripts& scripts_;
  const EngineKey& key_;
  Accounts accounts_;
  // Reused for every launch.
  LaunchFrame frame_;
  std::vector<std::string> added_;
};

}  // namespace drover::nodeagent
