// cli/dag_import.cpp - `drover dag import`: recorded workflows as documents, or for the simulator.
// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/write_all.hpp"
#include "cli/command.hpp"
#include "cli/exit_code.hpp"
#include "cli/file_text.hpp"
#include "dag/wfformat.hpp"

namespace drover::cli {
namespace {

constexpr Option kOptions[] = {
    {"format", 'f', Takes::Value, "FORMAT",
     "toml (default): steps that sleep; jsonl: for drover sim run", "", Support::Yes, "toml jsonl"},
    {"out", 'o', Takes::Value, "FILE", "write there instead of to the screen", "output",
     Support::Yes, "file"},
};
OptionTable options() { return kOptions; }

Result<bool> write_file(const std::string& path, std::string_view text) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) return fail(Errc::Io, "cannot write " + path + ": " + std::strerror(errno));
  int error = write_all(fd, text) ? 0 : errno;
  if (::close(fd) != 0 && error == 0) error = errno;
  if (error != 0) return fail(Errc::Io, "cannot write " + path + ": " + std::strerror(error));
  return true;
}

Result<int> run_import(Context& context) {
  const auto path = context.word(0, "the recorded workflow");
  if (!path) return fail(path.error());
  if (const auto words = context.at_most_words(1); !words) return fail(words.error());
  const std::string format = context.arguments().text("format", "toml");
  if (format != "toml" && format != "jsonl")
    return fail(Errc::BadInput, "--format " + format + " is unknown", "toml or jsonl", "format");
  const auto text = file_text(*path, dag::kRecordBytesMax);
  if (!text) return fail(text.error());
  const std::string origin = std::filesystem::path(*path).filename().string();
  const auto workflow = dag::read_wfformat(*text, origin);
  if (!workflow) return fail(workflow.error());
  const std::string made = format == "toml" ? dag::to_toml(*workflow) : dag::to_jsonl(*workflow);
  const std::string out = context.arguments().text("out", "-");
  if (out == "-") {
    context.out(made);
    return kOk;
  }
  if (const auto written = write_file(out, made); !written) return fail(written.error());
  context.note(std::to_string(workflow->tasks.size()) + " tasks in " + out);
  return kOk;
}

}  // namespace

const Command kDagImport{
    .noun = "dag",
    .verb = "import",
    .operands = "FILE",
    .summary = "turn a recorded workflow (WfFormat) into a document or a trace",
    .about = "Reads WfFormat 1.3 to 1.5 (WfCommons), plain or .gz. Needs no server.",
    .examples =
        "drover dag import rnaseq.json.gz -o rnaseq.toml\n"
        "drover dag import rnaseq.json.gz --format jsonl | drover sim run - --procs 16\n",
    .complete = "file",
    .options = options,
    .run = run_import,
};

}  // namespace drover::cli
