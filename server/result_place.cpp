// server/result_place.cpp - the nodes that may have a statement's files, asked in turn.
// SPDX-License-Identifier: Apache-2.0
#include "server/result_place.hpp"

#include <algorithm>
#include <utility>

#include "base/name_list.hpp"
#include "server/launch_order.hpp"

namespace drover::server {
namespace {

constexpr std::size_t kHosts = 16;

}  // namespace

Result<ResultPlace> result_place(const Services& services, const sched::JobSpec& spec, JobId job) {
  auto snapshot = services.store.snapshot();
  if (!snapshot) return fail(snapshot.error());
  const TaskId id{job, TaskIndex{0}};
  auto record = snapshot->task(id);
  if (!record) return fail(record.error());
  if (!*record || (*record)->node.empty())
    return fail(Errc::NotFound, "the statement did not run", "drover why says what became of it");
  auto files = task_files(spec, id, (*record)->node);
  if (!files) return fail(files.error());
  ResultPlace place;
  place.log = files->out;
  place.directory = files->out.substr(0, files->out.rfind('/'));
  place.nodes = services.agents.hosts(kHosts);
  place.nodes.insert(place.nodes.begin(), std::string(first_name((*record)->node)));
  return place;
}

// `this` is kept by whoever waits for `done`, which is captured.
void PlacedFiles::read(const std::string& path, std::int64_t offset, std::int64_t limit,
                       OnPiece done) {
  LogRead read;
  read.owner = owner_;
  read.path = path;
  read.offset = offset;
  read.limit = std::uint32_t(std::clamp<std::int64_t>(limit, 1, kPiece));
  services_.agents.read_log(
      place_.nodes[node_at_], read,
      [this, path, offset, limit, done = std::move(done)](const Result<LogPiece>& piece) mutable {
        const bool found = piece && !piece->not_found;
        if (found) has_read_ = true;
        if (found || has_read_ || node_at_ + 1 >= place_.nodes.size()) return done(piece);
        ++node_at_;
        this->read(path, offset, limit, std::move(done));
      });
}

}  // namespace drover::server
