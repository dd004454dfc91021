// nodeagent/accounts.cpp - getpwuid and getgrouplist behind a small cache.
// SPDX-License-Identifier: Apache-2.0
#include "nodeagent/accounts.hpp"

#include <grp.h>
#include <pwd.h>

namespace drover::nodeagent {
namespace {

constexpr std::int64_t kFreshUs = 300'000'000;
constexpr std::size_t kEntriesMax = 4096;

Account look_up(std::uint32_t uid, std::uint32_t gid) {
  Account account;
  account.home = "/";
  account.shell = "/bin/sh";
  account.groups = {gid};
  char text[16384];
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(uid, &entry, text, sizeof(text), &found) != 0 || found == nullptr)
    return account;
  account.is_known = true;
  account.name = found->pw_name;
  account.home = found->pw_dir;
  if (found->pw_shell != nullptr && found->pw_shell[0] != '\0') account.shell = found->pw_shell;
  int count = 64;
  std::vector<gid_t> groups(64);
  while (::getgrouplist(found->pw_name, gid, groups.data(), &count) < 0 && count <= 65536)
    groups.resize(std::size_t(count));
  groups.resize(std::size_t(count));
  account.groups.assign(groups.begin(), groups.end());
  return account;
}

}  // namespace

const Account* Accounts::find(std::uint32_t uid, std::uint32_t gid, std::int64_t now_us) {
  const std::uint64_t key = (std::uint64_t{uid} << 32) | gid;
  const auto at = entries_.find(key);
  if (at != entries_.end() && now_us - at->second.read_us < kFreshUs) return &at->second.account;
  if (entries_.size() >= kEntriesMax) entries_.clear();
  Entry& entry = entries_[key];
  entry = {look_up(uid, gid), now_us};
  return &entry.account;
}

}  // namespace drover::nodeagent
