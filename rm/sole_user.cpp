// rm/sole_user.cpp - nodes on which the jobs of one user are alone.
//
// What asks for that shares a node only with what says the same for the same user. Such a node is
// in no bucket: whoever else looks for room does not come across it.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "rm/node_inventory.hpp"

namespace drover::rm {

void NodeInventory::list_for_user(NodeId id, Node& node, bool offers) {
  const std::int64_t wanted = offers && node.leases > 0 ? node.sole_user : 0;
  if (wanted == node.listed_for) return;
  if (node.listed_for != 0) {
    const auto old = own_.find(node.listed_for);
    old->second.erase(id);
    if (old->second.empty()) own_.erase(old);
  }
  if (wanted != 0) own_[wanted].insert(id);
  node.listed_for = wanted;
}

// `users`: of its leases, each once.
void NodeInventory::check_user(NodeId id, const Node& node, const std::vector<std::int64_t>& users,
                               const std::string& where, std::vector<std::string>& problems) const {
  if (users.size() > 1) problems.push_back(where + "is one user's alone and has others' jobs");
  const std::int64_t real = users.empty() ? 0 : users.front();
  if (node.sole_user != real) problems.push_back(where + "is counted for another user");
  const auto own = own_.find(real);
  const bool listed = real != 0 && own != own_.end() && own->second.contains(id);
  if (listed != (real != 0 && offers(id)))
    problems.push_back(where + "is wrongly listed for its user");
}

}  // namespace drover::rm
