// cli/environment.cpp - which variables of the submitter travel with a job.
// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <map>

#include "cli/arguments.hpp"
#include "cli/script.hpp"
#include "cli/spec_builder.hpp"

namespace drover::cli {
namespace {

// Variables a job needs to talk back; every other DROVER_ name belongs to the job that we may be
// part of.
constexpr auto kKept =
    std::to_array<std::string_view>({"DROVER_SERVER", "DROVER_DATA", "DROVER_RUN"});

constexpr auto kLogin =
    std::to_array<std::string_view>({"HOME", "USER", "LOGNAME", "SHELL", "PATH", "LANG", "TZ"});

template <class List>
bool contains(const List& list, std::string_view name) {
  for (const std::string_view entry : list)
    if (entry == name) return true;
  return false;
}

bool belongs_to_outer_job(std::string_view name) {
  if (name.starts_with("SLURM_") || name.starts_with("SBATCH_")) return true;
  return name.starts_with("DROVER_") && !contains(kKept, name);
}

// "ALL,A=1,B='x,y'" -> pieces; commas inside quotes do not split, and the quotes go.
std::vector<std::string> split_export(std::string_view text) {
  std::vector<std::string> pieces(1);
  char quote = 0;
  for (const char c : text) {
    if (quote != 0 && c == quote) {
      quote = 0;
    } else if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
    } else if (quote == 0 && c == ',') {
      pieces.emplace_back();
    } else {
      pieces.back() += c;
    }
  }
  std::erase(pieces, "");
  return pieces;
}

}  // namespace

Result<Json> build_environment(const std::string& choice,
                               const std::vector<std::string>& environment,
                               std::vector<std::string>& warnings) {
  if (choice == "NONE") return Json(nullptr);
  std::map<std::string, std::string> outer, chosen;
  for (const std::string& entry : environment) {
    const std::size_t equals = entry.find('=', 1);
    if (equals == std::string::npos) continue;
    if (find_bad_utf8(entry)) {
      if (!find_bad_utf8(entry.substr(0, equals)))
        warnings.push_back("variable " + entry.substr(0, equals) +
                           " is not UTF-8 text and does not travel with the job");
      continue;
    }
    outer[entry.substr(0, equals)] = entry.substr(equals + 1);
  }
  const std::vector<std::string> pieces = split_export(choice);
  const bool all = pieces.empty() || contains(pieces, "ALL");
  const bool nothing = contains(pieces, "NIL");
  for (const auto& [name, value] : outer) {
    if (nothing || belongs_to_outer_job(name)) continue;
    if (all || contains(kLogin, name)) chosen[name] = value;
  }
  for (const std::string& piece : pieces) {
    if (piece == "ALL" || piece == "NIL" || piece == "NONE") continue;
    const std::size_t equals = piece.find('=');
    if (equals == 0) {
      return fail(Errc::BadInput, "--export: \"" + piece + "\" has no name",
                  "use ALL, NONE, or NAME and NAME=VALUE joined by commas", "export");
    }
    const std::string name = piece.substr(0, equals);
    if (equals != std::string::npos) {
      chosen[name] = piece.substr(equals + 1);
    } else if (const auto found = outer.find(name); found != outer.end()) {
      chosen[name] = found->second;
    }
  }
  if (choice != "ALL" && !choice.empty()) chosen["SLURM_EXPORT_ENV"] = choice;
  Json object = Json::object();
  for (const auto& [name, value] : chosen) object[name] = value;
  return object;
}

}  // namespace drover::cli
