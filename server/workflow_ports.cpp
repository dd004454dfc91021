// server/workflow_ports.cpp - entrance, kept results and ended arrays, for workflows.
// SPDX-License-Identifier: Apache-2.0
#include "server/workflow_ports.hpp"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

namespace drover::server {
namespace {

constexpr std::size_t kTasksPerRead = 10'000;

// The elements that have not succeeded; nothing when that cannot be told.
std::string unsuccessful(const store::Store& store, JobId job) {
  auto snapshot = store.snapshot();
  if (!snapshot) return {};
  const auto spec = snapshot->spec(job, false);
  if (!spec || spec->array.empty()) return {};
  std::vector<bool> done(std::size_t(spec->array.max()) + 1);
  for (std::uint32_t from = 0;;) {
    const auto batch = snapshot->tasks(job, from, kTasksPerRead);
    if (!batch) return {};
    for (const sched::TaskRecord& task : *batch) {
      from = raw(task.id.index) + 1;
      if (task.state == sched::TaskState::Succeeded && raw(task.id.index) < done.size())
        done[raw(task.id.index)] = true;
    }
    if (batch->size() < kTasksPerRead) break;
  }
  std::vector<IndexSet::Run> left;
  for (auto index = spec->array.first(); index; index = spec->array.next_after(*index)) {
    if (done[*index]) continue;
    if (!left.empty() && left.back().last + 1 == *index)
      left.back().last = *index;
    else
      left.push_back({*index, *index, 1});
  }
  return left.empty() ? std::string() : IndexSet::from_runs(std::move(left)).to_string();
}

}  // namespace

flow::Ports workflow_ports(const Admission& admission, const store::Store& store,
                           std::string socket) {
  flow::Ports ports;
  ports.prepare = [&admission, reader = std::make_shared<JobReader>(), socket = std::move(socket)](
                      const Owner& owner, const std::string& user, const std::string& json,
                      Time now) -> Result<sched::Submit> {
    auto spec = reader->read(json, now);
    if (!spec) return fail(spec.error());
    const auto is_server = [](const std::string& pair) {
      return pair.starts_with("DROVER_SERVER=");
    };
    if (!socket.empty() && std::none_of(spec->env.begin(), spec->env.end(), is_server))
      spec->env.push_back("DROVER_SERVER=" + socket);
    return admission.prepare(*std::move(spec), {owner.uid, owner.gid, user, false});
  };
  ports.find_cached = [&store](std::uint32_t uid,
                               const std::string& key) -> std::optional<flow::CacheEntry> {
    const auto snapshot = store.snapshot();
    if (!snapshot) return std::nullopt;
    auto found = snapshot->step_result(uid, key);
    return found ? *std::move(found) : std::nullopt;  // a damaged one is as good as none
  };
  ports.unsuccessful = [&store](JobId job) { return unsuccessful(store, job); };
  return ports;
}

}  // namespace drover::server
