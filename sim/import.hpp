// sim/import.hpp - other people's records as a workload in Drover's own format.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "sim/workload.hpp"

namespace drover::sim {

enum class ImportFormat : std::uint8_t {
  Workload,     // SWF or JSON lines: cleaned and written again
  History,      // what `drover ls -a -o jsonl` prints
  MetaCentrum,  // SWF with 21 fields: memory, node shape and properties
  GpuPods,      // CSV of the 2023 GPU cluster trace: CPU, memory, GPU share, times
};

// By the first line that is one of these. The text must be followed by a zero byte.
ImportFormat detect_format(std::string_view text);

// "workload", "history", "metacentrum", "gpu-pods".
Result<ImportFormat> parse_import_format(std::string_view word);

Result<Workload> import_text(std::string_view text, ImportFormat format,
                             const ReadOptions& options);

Result<Workload> import_history(std::string_view text, const ReadOptions& options);
Result<Workload> import_metacentrum(std::string_view text, const ReadOptions& options);
Result<Workload> import_gpu_pods(std::string_view text, const ReadOptions& options);

// For the importers: what a label cannot hold becomes '_', and what is too long is cut.
std::string label_value(std::string_view text);

// For the importers: times count from the first submission, whichever line it stands in.
void count_from_first(Workload& workload);

// Some lines about a workload: how long, how many per day, sizes, estimates, users.
std::string profile_of(const Workload& workload);

}  // namespace drover::sim
