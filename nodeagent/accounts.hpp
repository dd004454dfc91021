// nodeagent/accounts.hpp - who a uid is on this node: name, home, groups; cached for minutes.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"

namespace drover::nodeagent {

struct Account {
  std::string name, home, shell;
  std::vector<std::uint32_t> groups;
  bool is_known = false;  // has an entry on this node
};

class Accounts {
 public:
  // The pointer is good until the next call.
  const Account* find(std::uint32_t uid, std::uint32_t gid, std::int64_t now_us);

 private:
  struct Entry {
    Account account;
    std::int64_t read_us = 0;
  };
  std::unordered_map<std::uint64_t, Entry> entries_;
};

}  // namespace drover::nodeagent
