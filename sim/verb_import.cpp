// sim/verb_import.cpp - `drover sim import`: other records as a workload in Drover's own format.
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <memory>

#include "sim/file_bytes.hpp"
#include "sim/import.hpp"
#include "sim/option_checks.hpp"
#include "sim/options.hpp"
#include "sim/read_jsonl.hpp"

namespace drover::sim {
namespace {

struct ImportOptions {
  std::string in, out = "-", format, missing_estimate = "runtime";
  std::int64_t procs = 0;
  std::uint64_t limit = 0;
  bool quiet = false;
};

Result<int> import(const ImportOptions& options) {
  const auto bytes = read_file(options.in);
  if (!bytes) return fail(bytes.error());
  ImportFormat format = detect_format(bytes->text());
  if (!options.format.empty()) {
    const auto parsed = parse_import_format(options.format);
    if (!parsed) return fail(parsed.error());
    format = *parsed;
  }
  ReadOptions read;
  read.procs = options.procs;
  read.limit = options.limit;
  read.drop_without_estimate = options.missing_estimate == "drop";
  const auto workload = import_text(bytes->text(), format, read);
  if (!workload) return fail(workload.error(), options.in);
  if (workload->jobs.empty())
    return fail(Errc::Corrupt, options.in + " holds no job that could be taken over",
                to_text(workload->cleaning) + "; nothing was written");
  std::string text;
  for (std::size_t i = 0; i < workload->jobs.size(); ++i) text += to_jsonl(*workload, i);
  if (auto ok = write_file(options.out, text); !ok) return fail(ok.error());
  if (!options.quiet)
    std::fprintf(stderr, "%s\n%s", to_text(workload->cleaning).c_str(),
                 profile_of(*workload).c_str());
  return 0;
}

}  // namespace

void add_import(CLI::App& app, Exit& exit) {
  CLI::App* verb = app.add_subcommand("import", "turn other records into a workload");
  auto options = std::make_shared<ImportOptions>();
  verb->add_option("in,--in", options->in, "file to read, plain or .gz; - is the standard input")
      ->type_name("FILE")
      ->required();
  verb->add_option("-o,--out", options->out, "file of JSON lines to write")
      ->type_name("FILE")
      ->check(file_name())
      ->capture_default_str();
  verb->add_option("--format", options->format,
                   "history: drover ls -a -o jsonl; workload: SWF or JSON lines; metacentrum: SWF "
                   "with node shapes; gpu-pods: CSV of the 2023 GPU trace (default: by the first "
                   "good line)")
      ->type_name("NAME");
  verb->add_option("--procs", options->procs, "drop jobs with more processors")
      ->type_name("N")
      ->check(CLI::Range(1, 1 << 20));
  verb->add_option("--limit", options->limit, "take the first N usable jobs only")
      ->type_name("N")
      ->check(whole_number(1));
  verb->add_option("--missing-estimate", options->missing_estimate,
                   "jobs without an estimate: take the run time, or drop them")
      ->type_name("runtime|drop")
      ->check(CLI::IsMember({"runtime", "drop"}))
      ->capture_default_str();
  verb->add_flag("-q,--quiet", options->quiet, "no profile on the standard error");
  verb->footer(
      "Times of a history and of metacentrum count from the first submission; those of the other "
      "formats\nstay as they are. Jobs that never ran and array jobs of the history are left out: "
      "the list does not\ntell the run times of single elements.\n\n"
      "examples:\n"
      "  drover ls -a -A -n 100000 -o jsonl | drover sim import - -o mine.jsonl\n"
      "  drover sim import SDSC-SP2-1998-4.2-cln.swf.gz -o sdsc.jsonl");
  verb->callback([options, &exit] { exit.set(import(*options)); });
}

}  // namespace drover::sim
