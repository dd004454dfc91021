// pool/catalogue.hpp - the kinds of engines there are, and what a statement means in their terms.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "pool/plugin.hpp"
#include "pool/pool_name.hpp"
#include "sched/job_spec.hpp"

namespace drover::pool {

class Catalogue {
 public:
  static constexpr std::size_t kPluginsMax = 256;

  // Errors: BadInput - a name that is no word, a second one of that type, no language or command.
  Result<void> add(Plugin plugin);

  const Plugin* find(std::string_view type) const;
  const std::map<std::string, Plugin, std::less<>>& all() const { return plugins_; }  // by type

  // Makes sure that the statement names an engine and a language of it, how its engine is reset and
  // which pool it waits for. `engine` may name a language instead ("py"). Errors name the nearest
  // word that is known.
  Result<void> complete(sched::JobSpec& spec) const;
  // Of a type, by its own name. NotFound, with the nearest one.
  Result<const Plugin*> named(std::string_view type) const;

 private:
  Result<const Plugin*> plugin_for(const sched::Statement& statement) const;

  std::map<std::string, Plugin, std::less<>> plugins_;
};

// BadInput, with the plugin's limit, when an engine of it may not be so large.
Result<void> check_size(const Plugin& plugin, const sched::EngineAmounts& size);

}  // namespace drover::pool
