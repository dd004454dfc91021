// sched/entrance_statement.cpp - what a job for an engine may ask for.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "sched/entrance.hpp"

namespace drover::sched {
namespace {

constexpr std::size_t kSessionMax = 40;

bool is_word(const std::string& text, std::size_t most) {
  return !text.empty() && text.size() <= most && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
}

// What an earlier run left answers at once: nothing that is to happen before it can be waited for.
Result<void> check_reuse(const JobSpec& spec) {
  if (spec.statement->reuse.us == 0) return {};
  const char* beside = !spec.statement->session.empty()               ? "session"
                       : !spec.dependencies.empty() || spec.singleton ? "dependency"
                       : spec.hold                                    ? "hold"
                       : spec.begin.is_set()                          ? "begin"
                                                                      : nullptr;
  if (beside == nullptr) return {};
  return fail(
      Errc::BadInput, std::string("reuse and ") + beside + " do not go together",
      spec.statement->session.empty()
          ? "leave one of both out: an earlier result answers at once"
          : "leave one of both out: what a session's statement leaves hangs on those before it",
      "reuse");
}

}  // namespace

Result<void> check_session_name(const std::string& name) {
  if (is_word(name, kSessionMax)) return {};
  return fail(Errc::BadInput, "'" + name.substr(0, 64) + "' cannot be the name of a session",
              "use up to 40 letters, digits, '-' and '_'", "session");
}

// It runs on an engine, which holds what it needs: the statement itself takes a seat there.
Result<void> complete_statement(JobSpec& spec, const EntranceConfig&) {
  if (!spec.statement) return {};
  const Statement& statement = *spec.statement;
  if (spec.engine)
    return fail(Errc::BadInput, "an engine cannot run on an engine", "leave one of both out",
                "engine");
  if (spec.script.empty())
    return fail(Errc::BadInput, "there is no code to run", "give some", "script");
  if (!spec.argv.empty())
    return fail(Errc::BadInput, "code has no arguments", "pass values as variables: env", "argv");
  if (spec.is_array)
    return fail(Errc::Unsupported, "an array of code is not offered",
                "submit the statements one by one, or as steps of a workflow", "array");
  if (spec.ntasks != 1 || spec.request.nodes != 1)
    return fail(Errc::BadInput, "code runs as one task on one engine", "leave ntasks and nodes out",
                "ntasks");
  if (spec.request.more.size() > 0)
    return fail(Errc::BadInput, "code has no components", "leave them out", "components");
  if (!spec.reservation.empty())
    return fail(Errc::Unsupported, "code cannot name a reservation",
                "start the engine in it: drover session new --reservation", "reservation");
  if (!statement.session.empty())
    if (auto good = check_session_name(statement.session); !good) return good;
  if (statement.reset != "none" && statement.reset != "namespace" && statement.reset != "respawn")
    return fail(Errc::BadInput, "'" + statement.reset.substr(0, 64) + "' is no way to reset",
                "none, namespace or respawn", "reset");
  if (auto good = check_reuse(spec); !good) return good;
  if (statement.pool.empty())
    return fail(Errc::BadInput, "no engine is known for it", "drover engine types lists them",
                "engine");
  rm::Request request;
  request.cpus = 0;
  request.node_labels["pool"] = statement.pool;
  request.licences = spec.request.licences;
  spec.request = std::move(request);
  spec.layout = {};
  spec.requeue = false;  // what it did before its engine was lost is done
  return {};
}

}  // namespace drover::sched
