// cli/engine_commands.hpp - the commands for statements and the engines they run on.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "cli/command.hpp"

namespace drover::cli {

extern const Command kExec, kEngineLs, kEngineShow, kEngineTypes, kEngineStart, kEngineWarm,
    kEngineDrain, kEngineKill, kEngineLog, kEngineAsk, kEngineLock, kEngineUnlock, kSessionNew,
    kSessionLs, kSessionClose, kResultLs, kResultGet;

}  // namespace drover::cli
