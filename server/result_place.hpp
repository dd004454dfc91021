// server/result_place.hpp - where a statement's log and results lie, and pieces of those files.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "server/services.hpp"

namespace drover::server {

struct ResultPlace {
  std::vector<std::string> nodes;  // to be asked in turn until one has the first file
  std::string directory, log;      // the log's path is whole
};
// NotFound when it did not run. The engine is a node of its own while it lives. Its name does not
// say where it was: then the hosts are asked, most often with one home for all; the directory is of
// this job alone.
Result<ResultPlace> result_place(const Services& services, const sched::JobSpec& spec, JobId job);

// The files of one statement, read with its owner's identity. Paths come from the place alone. Loop
// thread.
class PlacedFiles {
 public:
  static constexpr std::int64_t kPiece = 1 << 20;

  PlacedFiles(Services& services, Owner owner, ResultPlace place)
      : services_(services), owner_(owner), place_(std::move(place)) {}
  const ResultPlace& place() const { return place_; }

  // At most kPiece bytes. `not_found` of the piece: no node has it.
  using OnPiece = std::function<void(const Result<LogPiece>&)>;
  void read(const std::string& path, std::int64_t offset, std::int64_t limit, OnPiece done);

 private:
  Services& services_;
  Owner owner_;
  ResultPlace place_;
  std::size_t node_at_ = 0;
  bool has_read_ = false;
};

}  // namespace drover::server
