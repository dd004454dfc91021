// nodeagent/launch_builder.cpp - protobuf to supd's frame; the node's part of the environment.
// SPDX-License-Identifier: Apache-2.0
#include "nodeagent/launch_builder.hpp"

#include <algorithm>
#include <string_view>

#include "proto/agent.pb.h"

namespace drover::nodeagent {
namespace {

constexpr std::size_t kEnvBytesMax = 2 << 20, kEnvEntryMax = 128 << 10;

// Always the node's word, whatever the job says: processes are found by them, and stores fence by
// them.
constexpr std::string_view kOwned[] = {"DROVER_EPOCH", "JOB_EPOCH"};
constexpr std::string_view kEngineVars = "DROVER_ENGINE_";  // all of them: engines trust them

// Only where the controller has not set them.
enum Default : std::uint32_t {
  PathVar,
  HomeVar,
  UserVar,
  LognameVar,
  ShellVar,
  LangVar,
  NodeVar,
  TaskVar,
  AttemptVar,
  JobVar,
  CpuIdsVar,
  CudaVar,
  SlurmNodeVar,
  Defaults
};
constexpr std::string_view kDefaults[] = {
    "PATH",           "HOME",          "USER",           "LOGNAME",
    "SHELL",          "LANG",          "DROVER_NODE",    "DROVER_TASK_INDEX",
    "DROVER_ATTEMPT", "DROVER_JOB_ID", "DROVER_CPU_IDS", "CUDA_VISIBLE_DEVICES",
    "SLURMD_NODENAME"};
static_assert(std::size(kDefaults) == Defaults);

bool has_nul(const std::string& text) { return text.find('\0') != std::string::npos; }

tl::unexpected<Error> bad(const std::string& what) { return fail(Errc::BadInput, what); }

Result<void> check(const proto::LaunchOrder& order) {
  if (order.argv_size() == 0 && order.script().empty()) return bad("there is no command to run");
  if (order.argv_size() + 1 > int(kLaunchStringsMax) ||
      order.env_size() > int(kLaunchStringsMax) - 32)
    return bad("too many arguments or variables");
  for (const std::string& text : order.argv())
    if (has_nul(text)) return bad("an argument holds a NUL byte");
  for (const std::string* text : {&order.cwd(), &order.out(), &order.err(), &order.in()})
    if (has_nul(*text)) return bad("a path holds a NUL byte");
  if (order.has_statement()) return bad("code is for engines, and this is a node");
  const proto::EngineHost& engine = order.engine();
  for (const std::string* text :
       {&engine.name(), &engine.type(), &engine.pool(), &engine.options()})
    if (has_nul(*text) || text->size() > kEnvEntryMax - 32) return bad("an engine's description");
  std::size_t bytes = 0;
  for (const std::string& entry : order.env()) {
    bytes += entry.size() + 1;
    if (has_nul(entry) || entry.find('=') == std::string::npos || entry[0] == '=')
      return bad("a variable is not of the form NAME=VALUE");
    if (entry.size() > kEnvEntryMax) return bad("a variable is longer than 128 KiB");
  }
  if (bytes > kEnvBytesMax) return bad("the variables take more than 2 MiB");
  return {};
}

}  // namespace

AttemptId to_attempt_id(const proto::AttemptRef& ref) {
  return {{JobId{ref.job()}, TaskIndex{ref.task()}}, AttemptNo{ref.attempt()}, Epoch{ref.epoch()}};
}

void LaunchBuilder::build_env(const proto::LaunchOrder& order, const Account& account) {
  frame_.env.clear();
  added_.clear();
  std::uint32_t present = 0;
  for (const std::string& entry : order.env()) {
    const std::string_view name = std::string_view(entry).substr(0, entry.find('='));
    if (std::find(std::begin(kOwned), std::end(kOwned), name) != std::end(kOwned)) continue;
    if (name.substr(0, kEngineVars.size()) == kEngineVars) continue;
    for (std::uint32_t i = 0; i < Defaults; ++i)
      if (kDefaults[i] == name) present |= 1u << i;
    frame_.env.push_back(entry.c_str());
  }
  const auto add = [&](std::string_view name, std::string_view value) {
    std::string entry(name);
    entry.append("=").append(value);
    added_.push_back(std::move(entry));
  };
  const auto add_missing = [&](Default which, std::string_view value) {
    if ((present & (1u << which)) == 0) add(kDefaults[which], value);
  };
  const std::string epoch = std::to_string(order.id().epoch());
  for (const std::string_view name : kOwned) add(name, epoch);
  add_missing(PathVar, "/usr/local/bin:/usr/bin:/bin");
  add_missing(HomeVar, account.home);
  add_missing(UserVar, account.is_known ? account.name : order.user());
  add_missing(LognameVar, account.is_known ? account.name : order.user());
  add_missing(ShellVar, account.shell);
  add_missing(LangVar, "C.UTF-8");
  add_missing(NodeVar, node_.name);
  add_missing(SlurmNodeVar, node_.name);
  add_missing(TaskVar, std::to_string(order.id().task()));
  add_missing(AttemptVar, std::to_string(order.id().attempt()));
  add_missing(JobVar, std::to_string(order.id().job()));
  std::string pus;
  for (const std::uint32_t pu : order.pus())
    pus.append(pus.empty() ? "" : ",") += std::to_string(pu);
  if (!pus.empty()) add_missing(CpuIdsVar, pus);
  if (node_.has_gpus) add_missing(CudaVar, "");
  if (order.has_engine()) add_engine(order);
  for (const std::string& entry : added_) frame_.env.push_back(entry.c_str());
}

void LaunchBuilder::add_engine(const proto::LaunchOrder& order) {
  const proto::EngineHost& engine = order.engine();
  const EngineClaims claims{to_attempt_id(order.id()), order.uid(), engine.name(), engine.type(),
                            engine.pool()};
  added_.push_back("DROVER_ENGINE_SOCKET=" + node_.engine_socket);
  added_.push_back("DROVER_ENGINE_TOKEN=" + key_.sign(claims));
  added_.push_back("DROVER_ENGINE_NAME=" + engine.name());
  added_.push_back("DROVER_ENGINE_TYPE=" + engine.type());
  added_.push_back("DROVER_ENGINE_OPTIONS=" + engine.options());
}

Result<void> LaunchBuilder::build(const proto::LaunchOrder& order, std::int64_t now_us,
                                  std::string& out) {
  auto checked = check(order);
  if (!checked) return fail(std::move(checked.error()));
  const Account& account = *accounts_.find(order.uid(), order.gid(), now_us);
  if (order.uid() != node_.uid && !account.is_known)
    return bad("user " + order.user() + " (uid " + std::to_string(order.uid()) +
               ") does not exist on node " + node_.name);
  if (order.uid() != node_.uid && !order.user().empty() && order.user() != account.name)
    return bad("uid " + std::to_string(order.uid()) + " is " + account.name + " on node " +
               node_.name + " and " + order.user() + " where the job was submitted");
  std::string script;
  if (!order.script().empty()) {
    auto placed =
        scripts_.place(JobId{order.id().job()}, order.uid(), order.gid(), order.script(), now_us);
    if (!placed) return fail(std::move(placed.error()));
    script = std::move(*placed);
  }
  frame_.id = to_attempt_id(order.id());
  frame_.uid = order.uid();
  frame_.gid = order.gid();
  frame_.mem_limit_bytes = std::max<std::int64_t>(0, order.mem_limit_mib()) << 20;
  frame_.time_limit_us = std::max<std::int64_t>(0, order.time_limit_us());
  frame_.warn_signal = std::clamp(order.warn_signal(), 0, 64);
  frame_.warn_before_s = std::max(0, order.warn_before_s());
  frame_.kill_grace_s = order.kill_grace_s() > 0 ? order.kill_grace_s() : 30;
  frame_.append_output = order.append_output();
  frame_.make_directory = order.has_engine();
  frame_.no_new_privs = true;
  frame_.file = script.c_str();
  frame_.cwd = order.cwd().empty() ? "/" : order.cwd().c_str();
  frame_.out = order.out().c_str();
  frame_.err = order.err().c_str();
  frame_.in = order.in().c_str();
  frame_.groups = account.groups;
  frame_.pus.clear();
  if (node_.bindable) frame_.pus.assign(order.pus().begin(), order.pus().end());
  if (frame_.pus.size() > kLaunchPusMax) return bad("too many CPUs");
  frame_.argv.clear();
  if (!script.empty()) frame_.argv.push_back(script.c_str());
  for (const std::string& text : order.argv()) frame_.argv.push_back(text.c_str());
  build_env(order, account);
  append_launch(out, frame_);
  return {};
}

}  // namespace drover::nodeagent
