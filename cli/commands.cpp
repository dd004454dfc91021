// cli/commands.cpp - the list of commands, in the order of the overview.
// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "cli/command.hpp"
#include "cli/engine_commands.hpp"

namespace drover::cli {

namespace {
constexpr auto kCommands = std::to_array<const Command*>({&kUp,
                                                          &kDown,
                                                          &kSubmit,
                                                          &kRun,
                                                          &kExec,
                                                          &kLs,
                                                          &kShow,
                                                          &kWhy,
                                                          &kLog,
                                                          &kWait,
                                                          &kProgress,
                                                          &kCancel,
                                                          &kHold,
                                                          &kRelease,
                                                          &kRequeue,
                                                          &kAlter,
                                                          &kSuspend,
                                                          &kResume,
                                                          &kPlan,
                                                          &kEvents,
                                                          &kDagRun,
                                                          &kDagPlan,
                                                          &kDagImport,
                                                          &kDagLs,
                                                          &kDagShow,
                                                          &kDagGraph,
                                                          &kDagWatch,
                                                          &kDagWait,
                                                          &kDagLog,
                                                          &kDagCancel,
                                                          &kDagPause,
                                                          &kDagResume,
                                                          &kDagRetry,
                                                          &kDagAdd,
                                                          &kDagSet,
                                                          &kEngineLs,
                                                          &kEngineShow,
                                                          &kEngineTypes,
                                                          &kEngineStart,
                                                          &kEngineWarm,
                                                          &kEngineDrain,
                                                          &kEngineKill,
                                                          &kEngineAsk,
                                                          &kEngineLock,
                                                          &kEngineUnlock,
                                                          &kEngineLog,
                                                          &kSessionNew,
                                                          &kSessionLs,
                                                          &kSessionClose,
                                                          &kResultLs,
                                                          &kResultGet,
                                                          &kNodeLs,
                                                          &kNodeShow,
                                                          &kNodeExport,
                                                          &kNodeDrain,
                                                          &kNodeResume,
                                                          &kNodeDown,
                                                          &kNodeMaintenance,
                                                          &kNodeLabel,
                                                          &kGroupLs,
                                                          &kGroupSet,
                                                          &kGroupReset,
                                                          &kQuotaLs,
                                                          &kQuotaShow,
                                                          &kQuotaSet,
                                                          &kQuotaRm,
                                                          &kQuotaDiff,
                                                          &kQuotaApply,
                                                          &kQuotaReset,
                                                          &kReservationCreate,
                                                          &kReservationLs,
                                                          &kReservationShow,
                                                          &kReservationRm,
                                                          &kShare,
                                                          &kQosLs,
                                                          &kLicenceLs,
                                                          &kPartitionLs,
                                                          &kConfigShow,
                                                          &kConfigCheck,
                                                          &kAdminStatus,
                                                          &kAdminCheck,
                                                          &kAdminBackup,
                                                          &kApi,
                                                          &kSim,
                                                          &kStep,
                                                          &kCompletion,
                                                          &kMan,
                                                          &kVersion,
                                                          &kComplete});

std::string_view singular(std::string_view word) {
  constexpr std::string_view kNouns[] = {"job",     "node",        "group",  "quota",  "partition",
                                         "licence", "reservation", "engine", "session"};
  for (const std::string_view noun : kNouns)
    if (word.size() == noun.size() + 1 && word.starts_with(noun) && word.ends_with('s'))
      return noun;
  return word;
}
}  // namespace

std::span<const Command* const> all_commands() { return kCommands; }

std::string Command::shown() const {
  const bool with_noun = !noun.empty() && !is_shortcut;
  return "drover " + (with_noun ? std::string(noun) + " " : "") + std::string(verb);
}

std::vector<OptionTable> Command::tables() const {
  std::vector<OptionTable> all;
  if (options != nullptr) all.push_back(options());
  if (more_options != nullptr) all.push_back(more_options());
  all.push_back(global_options());
  return all;
}

bool is_noun(std::string_view word) {
  for (const Command* command : kCommands)
    if (!command->noun.empty() && command->noun == singular(word)) return true;
  return false;
}

Found find_command(const std::vector<std::string>& words) {
  if (words.empty()) return {};
  for (const Command* command : kCommands) {
    const bool bare = command->noun.empty() || command->is_shortcut;
    if (bare && command->verb == words[0]) return {command, 1};
    if (words.size() > 1 && !command->noun.empty() && command->noun == singular(words[0]) &&
        command->verb == words[1])
      return {command, 2};
  }
  return {};
}

}  // namespace drover::cli
