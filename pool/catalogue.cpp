// pool/catalogue.cpp - words of users to plugins.
// SPDX-License-Identifier: Apache-2.0
#include "pool/catalogue.hpp"

#include <algorithm>

#include "base/units.hpp"

namespace drover::pool {
namespace {

bool is_word(std::string_view text) {
  return !text.empty() && text.size() <= 40 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

bool speaks(const Plugin& plugin, std::string_view language) {
  return std::ranges::find(plugin.languages, language) != plugin.languages.end();
}

bool is_reset(std::string_view word) {
  return word == "none" || word == "namespace" || word == "respawn";
}

// The code of one user must find nothing of another's names, and no rights beyond an account's.
Result<void> check_tenancy(const Plugin& plugin) {
  if (!plugin.shared_as) return {};
  if (plugin.reset == "none")
    return fail(Errc::BadInput, "an engine that users share must be reset between statements",
                "reset = \"namespace\" or \"respawn\"", "reuse.reset");
  if (plugin.shared_as->user.empty() || plugin.shared_as->owner.uid == 0)
    return fail(Errc::BadInput, "an engine that users share needs an account, and not root's",
                "account = \"NAME\", of a user who may do no more than these statements",
                "tenancy.account");
  return {};
}

// What a statement must not bring to a process that is not its owner's.
Result<void> check_on_shared(const sched::JobSpec& spec, const Plugin& plugin) {
  const sched::Statement& statement = *spec.statement;
  const std::string about = "engine " + plugin.type + " is shared by its users: ";
  if (!statement.session.empty())
    return fail(Errc::Unsupported, about + "it has no sessions", "leave session out", "session");
  if (statement.reset == "none")
    return fail(Errc::Unsupported, about + "each statement begins anew",
                "reset = namespace or respawn", "reset");
  constexpr std::string_view kOurs[] = {"DROVER_WORKFLOW_ID", "DROVER_STEP", "DROVER_STEP_START"};
  for (const std::string& entry : spec.env) {
    const std::string name = entry.substr(0, entry.find('='));
    if (std::ranges::find(kOurs, name) == std::end(kOurs))
      return fail(Errc::Unsupported,
                  about + "its environment is its own, " + name.substr(0, 64) + " cannot be set",
                  "put values into the code, or use variables", "env");
  }
  return {};
}

// Which engine it needs: any of its user's, one of a size, or one of its own.
Result<void> choose_pool(sched::JobSpec& spec, const Plugin& plugin) {
  sched::Statement& statement = *spec.statement;
  const bool has_wish = !statement.wish.is_empty();
  if (plugin.shared_as && (statement.once || has_wish))
    return fail(Errc::Unsupported,
                "engine " + plugin.type + " is shared by its users: its size is its plugin's, " +
                    "and nobody has one of his own",
                "leave once, cpus, mem and gpus out", statement.once ? "once" : "mem");
  if (!statement.session.empty() && (statement.once || has_wish))
    return fail(Errc::BadInput,
                statement.once ? "once and session do not go together"
                               : "a session has the size that it was opened with",
                statement.once ? "leave one of both out: an engine of its own has no session"
                               : "open one of that size: drover session new NAME --mem SIZE",
                statement.once ? "once" : "session");
  const sched::EngineAmounts size = size_for(plugin, statement.wish);
  if (auto good = check_size(plugin, statement.wish); !good) return good;
  statement.wish = size == size_for(plugin, {}) ? sched::EngineAmounts{} : size;
  statement.pool = pool_name(plugin, spec.owner.uid, statement.session);
  if (statement.once)
    statement.pool = once_pool_name(statement.pool, size);
  else if (!statement.wish.is_empty())
    statement.pool = sized_pool_name(statement.pool, size);
  return {};
}

}  // namespace

Result<void> check_size(const Plugin& plugin, const sched::EngineAmounts& size) {
  const struct {
    std::int64_t wish, most;
    const char *field, *unit;
  } amounts[] = {{size.cpus, plugin.max_cpus, "cpus", " CPUs"},
                 {size.mem_mib, plugin.max_mem_mib, "mem", " MiB of memory"},
                 {size.gpus, plugin.max_gpus, "gpus", " GPUs"}};
  for (const auto& amount : amounts)
    if (amount.wish > amount.most)
      return fail(Errc::Limit,
                  "engines of type " + plugin.type + " have at most " +
                      std::to_string(amount.most) + amount.unit + ", and " +
                      std::to_string(amount.wish) + " are asked for",
                  "ask for less; the limits are in its plugin.toml", amount.field);
  return {};
}

Result<void> Catalogue::add(Plugin plugin) {
  if (!is_word(plugin.type))
    return fail(Errc::BadInput, "'" + plugin.type.substr(0, 64) + "' cannot be a type of engine",
                "use up to 40 of a-z, 0-9, '-' and '_'", "plugin.type");
  if (plugins_.size() >= kPluginsMax)
    return fail(Errc::Limit, "there are more than 256 plugins", "remove some", "plugin.type");
  if (plugins_.contains(plugin.type))
    return fail(Errc::BadInput, "engine " + plugin.type + " is there already",
                "give the second one another type", "plugin.type");
  if (plugin.languages.empty() || !std::ranges::all_of(plugin.languages, is_word))
    return fail(Errc::BadInput, "it needs languages, each a word", "languages = [\"python\"]",
                "plugin.languages");
  if (plugin.command.empty() || plugin.command.front().empty())
    return fail(Errc::BadInput, "it needs a command", "command = [\"{plugin}/engine\"]",
                "start.command");
  if (!is_reset(plugin.reset))
    return fail(Errc::BadInput, "'" + plugin.reset.substr(0, 64) + "' is no way to reset",
                "none, namespace or respawn", "reuse.reset");
  if (auto good = check_tenancy(plugin); !good) return good;
  std::string type = plugin.type;
  plugins_.emplace(std::move(type), std::move(plugin));
  return {};
}

const Plugin* Catalogue::find(std::string_view type) const {
  const auto found = plugins_.find(type);
  return found == plugins_.end() ? nullptr : &found->second;
}

Result<const Plugin*> Catalogue::named(std::string_view type) const {
  if (const Plugin* plugin = find(type)) return plugin;
  std::vector<std::string_view> known;
  for (const auto& [name, plugin] : plugins_) known.push_back(name);
  const std::string_view near = nearest_match(type, known);
  return fail(Errc::NotFound, "there is no engine '" + std::string(type.substr(0, 64)) + "'",
              near.empty() ? "drover engine types lists those there are"
                           : "did you mean " + std::string(near) + "?",
              "engine");
}

// By type; else by the language that one of both words names: of several that speak it, the one
// that is called so.
Result<const Plugin*> Catalogue::plugin_for(const sched::Statement& statement) const {
  if (const Plugin* plugin = find(statement.engine)) return plugin;
  const std::string& word = statement.engine.empty() ? statement.language : statement.engine;
  if (const Plugin* plugin = find(word); plugin != nullptr && speaks(*plugin, word)) return plugin;
  std::vector<std::string_view> known;
  for (const auto& [type, plugin] : plugins_) {
    if (speaks(plugin, word)) return &plugin;
    known.push_back(type);
    known.insert(known.end(), plugin.languages.begin(), plugin.languages.end());
  }
  const std::string_view near = nearest_match(word, known);
  return fail(Errc::NotFound, "there is no engine for '" + word.substr(0, 64) + "'",
              near.empty() ? "drover engine types lists those there are"
                           : "did you mean " + std::string(near) + "?",
              statement.engine.empty() ? "language" : "engine");
}

Result<void> Catalogue::complete(sched::JobSpec& spec) const {
  if (!spec.statement) return {};
  sched::Statement& statement = *spec.statement;
  auto found = plugin_for(statement);
  if (!found) return fail(std::move(found.error()));
  const Plugin& plugin = **found;
  if (statement.language.empty())
    statement.language =
        speaks(plugin, statement.engine) ? statement.engine : plugin.languages.front();
  if (!speaks(plugin, statement.language)) {
    const std::string_view near = nearest_match(statement.language, plugin.languages);
    return fail(
        Errc::NotFound,
        "engine " + plugin.type + " does not speak '" + statement.language.substr(0, 64) + "'",
        near.empty() ? "it speaks " + plugin.languages.front()
                     : "did you mean " + std::string(near) + "?",
        "language");
  }
  statement.engine = plugin.type;
  statement.runs_as = plugin.shared_as;
  if (plugin.shared_as)
    if (auto good = check_on_shared(spec, plugin); !good) return good;
  if (statement.reset.empty()) statement.reset = statement.session.empty() ? plugin.reset : "none";
  if (auto good = choose_pool(spec, plugin); !good) return good;
  if (spec.name.empty()) spec.name = statement.language;
  spec.labels["engineType"] = plugin.type;
  return {};
}

}  // namespace drover::pool
