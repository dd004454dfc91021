// dag/read_workflow.hpp - from a document to a workflow; what is wrong is refused with its line.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "dag/workflow.hpp"

namespace drover::dag {

// A document with all the files that it names: whoever can read them as the user put them here.
struct Bundle {
  std::string origin;                         // how messages call the document: "flow.toml"
  std::string text;                           // JSON or TOML
  std::map<std::string, std::string> files;   // scripts and sub-workflows, by the name used there
  std::map<std::string, std::string> params;  // given values; texts as on a command line
  // Files that patterns found, by the pattern used in `foreach = { files = "data/*.csv" }`.
  std::map<std::string, std::vector<std::string>> globs;
  std::string defaults = {};  // job fields below those of the document, a JSON object or empty
  // What replays run, by recording_name: whoever can read the store put them here.
  std::map<std::string, std::shared_ptr<const Recording>> recordings = {};
};

// What a document asks its reader for; filled by `files_wanted`.
struct Wanted {
  std::vector<std::string> files;     // scripts and sub-workflows, relative to the document
  std::vector<std::string> patterns;  // of foreach
};
// Reads only as far as needed to know what files belong to it. Sub-workflows found in `files` are
// looked into: call again until nothing is missing.
Result<Wanted> files_wanted(const Bundle& bundle);

// What the replays of a document run; `place` names the step for messages: "flow.toml:12: step x".
struct ReplayWanted {
  Replay replay;
  std::string place;
};
Result<std::vector<ReplayWanted>> replays_wanted(const Bundle& bundle);

// Replays without a recording in the bundle are read, and cannot run.
Result<Workflow> read_workflow(const Bundle& bundle);

// Further steps for a workflow that runs: a document with [[step]] only, whose needs may name steps
// of `workflow`. Appends; nothing changes when it is refused. Costs what is added, not what is
// there.
Result<void> add_steps(Workflow& workflow, const Bundle& fragment);

}  // namespace drover::dag
