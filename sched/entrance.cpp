// sched/entrance.cpp - the chain: defaults, labels, code and authorisation.
// SPDX-License-Identifier: Apache-2.0
#include "sched/entrance.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "sched/components.hpp"
#include "sched/policy_book.hpp"

namespace drover::sched {
namespace {

constexpr std::array kChain{
    Interceptor{"policy", &follow_policy},         Interceptor{"defaults", &fill_defaults},
    Interceptor{"labels", &complete_labels},       Interceptor{"limits", &check_limits},
    Interceptor{"statement", &complete_statement}, Interceptor{"code", &check_code},
    Interceptor{"authorisation", &authorise},
};

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// The program of the script's first line, or of the command: "python3" of "#!/usr/bin/env python3".
std::string_view program_of(const JobSpec& spec) {
  if (spec.script.empty()) return spec.argv.empty() ? "" : base_name(spec.argv.front());
  std::string_view line = spec.script;
  line = line.substr(0, line.find_first_of("\r\n"));
  if (!line.starts_with("#!")) return "";
  line.remove_prefix(2);
  std::string_view program;
  for (int words = 0; words < 2; ++words) {
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    const std::string_view word = line.substr(0, line.find_first_of(" \t"));
    line.remove_prefix(word.size());
    if (!word.empty()) program = base_name(word);
    if (program != "env") break;
  }
  return program;
}

bool contains(const JobSpec& spec, std::string_view text) {
  return spec.script.find(text) != std::string::npos ||
         std::ranges::any_of(spec.argv, [&](const std::string& argument) {
           return argument.find(text) != std::string::npos;
         });
}

}  // namespace

std::span<const Interceptor> interceptors() { return kChain; }

Result<JobSpec> admit(JobSpec spec, const EntranceConfig& config) {
  for (const Interceptor& interceptor : kChain)
    if (auto passed = interceptor.run(spec, config); !passed)
      return fail(std::move(passed.error()));
  return spec;
}

// First, because a partition's or class's time limit goes before the site's.
Result<void> follow_policy(JobSpec& spec, const EntranceConfig& config) {
  if (config.policy == nullptr) return {};
  return apply_policy(spec, *config.policy);
}

Result<void> fill_defaults(JobSpec& spec, const EntranceConfig& config) {
  if (spec.name.empty()) {
    spec.name = spec.script.empty() && !spec.argv.empty() ? base_name(spec.argv.front()) : "batch";
    if (spec.name.empty()) spec.name = "batch";
  }
  for_each_request(spec, [&](rm::Request& request) {
    if (request.exclusive) request.sole_user = 0;  // alone is alone
    if (request.sole_user != 0) request.sole_user = std::int64_t(spec.owner.uid) + 1;
  });
  if (spec.cwd.empty()) spec.cwd = config.cwd;
  if (spec.out.empty()) spec.out = spec.is_array ? "drover-%A_%a.out" : "drover-%j.out";
  if (spec.time_limit.us == 0) {
    spec.time_limit = config.time_limit_default;
    // A site that has a maximum but no default means the maximum: no job runs for ever there.
    if (spec.time_limit.us == 0) spec.time_limit = config.time_limit_max;
  }
  if (!spec.is_array) spec.array = IndexSet::single(0);
  return {};
}

Result<void> complete_labels(JobSpec& spec, const EntranceConfig& config) {
  if (spec.user.empty())
    spec.user = std::to_string(spec.owner.uid);  // no such name in the system's list
  const auto user = spec.labels.find("user");
  if (user != spec.labels.end() && user->second != spec.user)
    return fail(Errc::Denied,
                "label user=" + user->second.substr(0, 64) + " is not you (" + spec.user + ")",
                "leave the label out: it is set for you", "labels");
  spec.labels.insert_or_assign("user", spec.user);
  spec.labels.try_emplace("creator", config.creator);
  return {};
}

Result<void> check_code(JobSpec& spec, const EntranceConfig& config) {
  if (!config.check_code) return {};
  const std::string_view program = program_of(spec);
  for (const ForbiddenText& rule : config.forbidden) {
    if (rule.text.empty() || (!rule.language.empty() && rule.language != program)) continue;
    if (contains(spec, rule.text))
      return fail(Errc::Denied, "the code contains '" + rule.text + "', which this site forbids",
                  "remove it, or ask the operator about entrance.forbidden",
                  spec.script.empty() ? "argv" : "script");
  }
  return {};
}

Result<void> authorise(JobSpec& spec, const EntranceConfig& config) {
  if (spec.owner.uid >= config.uid_min) return {};
  if (std::ranges::find(config.uids_allowed, spec.owner.uid) != config.uids_allowed.end())
    return {};
  return fail(
      Errc::Denied,
      "user " + spec.user + " (uid " + std::to_string(spec.owner.uid) +
          ") is a system account: jobs of uids below " + std::to_string(config.uid_min) +
          " are refused",
      "submit as an ordinary user, or have the operator add the uid to entrance.uids_allowed",
      "user");
}

}  // namespace drover::sched
