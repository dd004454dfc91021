// base/ids.hpp - the identities that travel between folders. Distinct types: a NodeId is never a
// JobId.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <compare>
#include <cstdint>
#include <functional>

namespace drover {

enum class JobId : std::uint64_t {};      // positive, only grows, never reused
enum class TaskIndex : std::uint32_t {};  // array: the array index itself; single job: 0
enum class AttemptNo : std::uint32_t {};  // 1, 2, ... within a task
enum class Epoch : std::uint64_t {
};  // grows with every attempt of the whole controller; fences stale work
enum class NodeId : std::uint32_t {
};  // dense, assigned by the controller when a node first registers
enum class GroupId : std::uint32_t {};    // dense, assigned when a group first appears
enum class SessionId : std::uint64_t {};  // one registration of an agent
enum class EventSeq : std::uint64_t {};   // position in the event log, gapless
enum class ReplyToken : std::uint64_t {
};  // names the caller who waits for an answer; 0 = nobody waits

// Plain number behind an id, for printing and encoding.
template <class Id>
constexpr auto raw(Id id) {
  return static_cast<std::underlying_type_t<Id>>(id);
}

struct TaskId {
  JobId job{};
  TaskIndex index{};
  friend constexpr auto operator<=>(const TaskId&, const TaskId&) = default;
};

// One try of a task on concrete resources. Equal ids are the same try; the epoch fences delayed
// messages.
struct AttemptId {
  TaskId task{};
  AttemptNo number{};
  Epoch epoch{};
  friend constexpr auto operator<=>(const AttemptId&, const AttemptId&) = default;
};

struct Owner {  // who asks or owns; always from the kernel or a verified token, never from a
                // payload
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  friend constexpr auto operator<=>(const Owner&, const Owner&) = default;
};

}  // namespace drover

template <>
struct std::hash<drover::TaskId> {
  std::size_t operator()(const drover::TaskId& id) const noexcept {
    return std::size_t((drover::raw(id.job) * 0x9e3779b97f4a7c15u) ^ drover::raw(id.index));
  }
};
