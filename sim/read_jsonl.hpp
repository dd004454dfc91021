// sim/read_jsonl.hpp - Drover's own workload format: one JSON object per line, see
// docs/simulator.md.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>

#include "sim/workload.hpp"

namespace drover::sim {

// A line that is no object, has an unknown key or a value of the wrong kind is broken: skipped and
// counted. Names in "after" that no kept job has are an error, and so are cycles.
Result<Workload> read_jsonl(std::string_view text, const ReadOptions& options);

// One line, with its newline; read_jsonl gives the same job back.
std::string to_jsonl(const Workload& workload, std::size_t job);

}  // namespace drover::sim
