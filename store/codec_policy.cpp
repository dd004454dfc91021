// store/codec_policy.cpp - what users have used and what is reserved, both ways.
// SPDX-License-Identifier: Apache-2.0
#include "store/codec.hpp"

namespace drover::store {

void encode(const std::vector<sched::UsageRecord>& records, proto::UsageTable& out) {
  out.Clear();
  for (const sched::UsageRecord& record : records) {
    proto::UsageRecord& added = *out.add_users();
    added.set_account(record.account);
    added.set_user(record.user);
    added.set_high(record.high);
    added.set_low(record.low);
    added.set_base_us(record.base.us);
    added.set_settled_us(record.settled.us);
    added.set_half_life_us(record.half_life.us);
  }
}

bool decode(const proto::UsageTable& in, std::vector<sched::UsageRecord>& out) {
  out.clear();
  for (const proto::UsageRecord& user : in.users()) {
    if (user.base_us() < 0 || user.settled_us() < 0 || user.half_life_us() < 0) return false;
    out.push_back({user.account(),
                   user.user(),
                   user.high(),
                   user.low(),
                   {user.base_us()},
                   {user.settled_us()},
                   {user.half_life_us()}});
  }
  return true;
}

void encode(const std::vector<sched::GroupRecord>& groups, proto::GroupTable& out) {
  out.Clear();
  for (const sched::GroupRecord& group : groups) {
    proto::GroupRecord& added = *out.add_groups();
    added.set_name(group.name);
    added.set_has_running(group.limits.running_jobs.has_value());
    added.set_running_jobs(group.limits.running_jobs.value_or(0));
    added.set_has_queued(group.limits.queued_jobs.has_value());
    added.set_queued_jobs(group.limits.queued_jobs.value_or(0));
  }
}

bool decode(const proto::GroupTable& in, std::vector<sched::GroupRecord>& out) {
  out.clear();
  for (const proto::GroupRecord& stored : in.groups()) {
    sched::GroupRecord& added = out.emplace_back();
    added.name = stored.name();
    if (stored.has_running()) added.limits.running_jobs = stored.running_jobs();
    if (stored.has_queued()) added.limits.queued_jobs = stored.queued_jobs();
  }
  return true;
}

void encode(const std::vector<sched::Reservation>& reservations, proto::ReservationTable& out) {
  out.Clear();
  for (const sched::Reservation& reservation : reservations) {
    proto::Reservation& added = *out.add_reservations();
    added.set_name(reservation.name);
    added.set_start_us(reservation.start.us);
    added.set_length_us(reservation.length.us);
    added.set_repeat(std::uint32_t(reservation.repeat));
    added.set_maintenance(reservation.maintenance);
    added.set_overlap(reservation.overlap);
    added.set_magnetic(reservation.magnetic);
    added.set_flexible(reservation.flexible);
    for (const std::string& user : reservation.users) added.add_users(user);
    for (const std::string& account : reservation.accounts) added.add_accounts(account);
    for (const sched::ReservedNode& node : reservation.nodes) {
      proto::ReservedNode& part = *added.add_nodes();
      part.set_node(node.node);
      part.set_whole(node.whole);
      if (!node.whole)
        for (const std::int64_t amount : node.amounts.of) part.add_amounts(amount);
    }
    added.set_comment(reservation.comment);
    for (const auto& [licence, count] : reservation.licences) {
      proto::Count& one = *added.add_licences();
      one.set_name(licence);
      one.set_count(count);
    }
  }
}

bool decode(const proto::ReservationTable& in, std::vector<sched::Reservation>& out) {
  out.clear();
  for (const proto::Reservation& stored : in.reservations()) {
    if (stored.repeat() > std::uint32_t(sched::Repeat::Weekly) || stored.length_us() <= 0)
      return false;
    sched::Reservation& added = out.emplace_back();
    added.name = stored.name();
    added.start = {stored.start_us()};
    added.length = {stored.length_us()};
    added.repeat = sched::Repeat(stored.repeat());
    added.maintenance = stored.maintenance();
    added.overlap = stored.overlap();
    added.magnetic = stored.magnetic();
    added.flexible = stored.flexible();
    added.users.assign(stored.users().begin(), stored.users().end());
    added.accounts.assign(stored.accounts().begin(), stored.accounts().end());
    for (const proto::ReservedNode& part : stored.nodes()) {
      if (std::size_t(part.amounts_size()) > rm::kKinds) return false;
      sched::ReservedNode& node = added.nodes.emplace_back();
      node.node = part.node();
      node.whole = part.whole();
      for (int kind = 0; kind < part.amounts_size(); ++kind)
        node.amounts.of[std::size_t(kind)] = part.amounts(kind);
    }
    added.comment = stored.comment();
    for (const proto::Count& one : stored.licences()) {
      if (one.count() <= 0 || one.count() > rm::kMaxAmount) return false;
      added.licences[one.name()] = one.count();
    }
  }
  return true;
}

}  // namespace drover::store
