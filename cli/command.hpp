// cli/command.hpp - one command: its names, its options, its words of help, and what it does.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "cli/context.hpp"
#include "cli/option.hpp"

namespace drover::cli {

struct Command {
  std::string_view noun = {};      // "job", "node"; empty for a command without one
  std::string_view verb = {};      // "ls"
  bool is_shortcut = false;        // `drover ls` works as well as `drover job ls`
  std::string_view operands = {};  // "ID[.INDEX]"
  std::string_view summary = {};   // one line, lower case
  std::string_view about = {};     // paragraphs for --help; may be empty
  std::string_view examples = {};  // lines
  // What completes its words: job, node, reservation, engine, engine-type, session, file, dir, or
  // blank separated choices.
  std::string_view complete = {};
  bool stop_at_word = false;    // what follows the first word is not ours
  bool has_components = false;  // a lone ":" between options parts the job
  OptionTable (*options)() = nullptr;
  OptionTable (*more_options)() = nullptr;
  // The exit code, or the error that main prints. May call nothing that exits.
  Result<int> (*run)(Context& context) = nullptr;

  std::string shown() const;                // "drover ls", "drover node show"
  std::vector<OptionTable> tables() const;  // its own, then the global ones
};

// Each is defined in the file of its name.
extern const Command kUp, kDown, kSubmit, kRun, kLs, kShow, kWhy, kLog, kWait, kProgress, kCancel,
    kHold, kRelease, kRequeue, kAlter, kSuspend, kResume, kPlan, kEvents, kNodeLs, kNodeShow,
    kNodeExport, kNodeDrain, kNodeResume, kNodeDown, kNodeMaintenance, kNodeLabel, kGroupLs,
    kGroupSet, kGroupReset, kDagPlan, kDagImport, kQuotaLs, kQuotaShow, kQuotaSet, kQuotaRm,
    kQuotaDiff, kQuotaApply, kQuotaReset, kReservationCreate, kReservationLs, kReservationShow,
    kReservationRm, kDagRun, kDagLs, kDagShow, kDagGraph, kDagWatch, kDagWait, kDagLog, kDagCancel,
    kDagPause, kDagResume, kDagRetry, kDagAdd, kDagSet, kShare, kQosLs, kLicenceLs, kPartitionLs,
    kConfigShow, kConfigCheck, kAdminStatus, kAdminCheck, kAdminBackup, kApi, kSim, kStep,
    kCompletion, kMan, kVersion, kComplete;

std::span<const Command* const> all_commands();

// The command that `words` begin with and how many words name it; nullptr when none. Plural nouns
// are taken.
struct Found {
  const Command* command = nullptr;
  std::size_t words = 0;
};
Found find_command(const std::vector<std::string>& words);
bool is_noun(std::string_view word);

// Text for people.
std::string help_overview();
std::string help_noun(std::string_view noun);
std::string help_command(const Command& command);

// The whole program: argv without the program's name; answers the exit code.
int dispatch(const std::vector<std::string>& words);

}  // namespace drover::cli
