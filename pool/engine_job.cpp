// pool/engine_job.cpp - a plugin and a wish as a job like any other.
// SPDX-License-Identifier: Apache-2.0
#include "pool/engine_job.hpp"

namespace drover::pool {
namespace {

std::string with_folder(std::string text, const std::string& folder) {
  constexpr std::string_view kMark = "{plugin}";
  for (std::size_t at = text.find(kMark); at != std::string::npos; at = text.find(kMark, at))
    text.replace(at, kMark.size(), folder), at += folder.size();
  return text;
}

}  // namespace

sched::JobSpec engine_job(const Plugin& plugin, const EngineWish& wish, const std::string& name) {
  sched::JobSpec spec;
  spec.owner = wish.owner;
  spec.user = wish.user;
  spec.name = plugin.type + (wish.session.empty() ? " engine" : " session " + wish.session);
  for (const std::string& word : plugin.command)
    spec.argv.push_back(with_folder(word, plugin.folder));
  for (const char* label : {"account", "partition", "qos"})
    if (const auto found = wish.labels.find(label); found != wish.labels.end())
      spec.labels.insert(*found);
  spec.labels["creator"] = "engine";  // a group of its own: nobody's batch jobs hold it up
  spec.labels["engineType"] = plugin.type;
  const EngineSize& own = wish.size;
  spec.cpus_per_task = own.cpus > 0 ? std::int32_t(own.cpus) : plugin.cpus;
  spec.request.mem_mib = own.mem_mib > 0 ? own.mem_mib : plugin.mem_mib;
  spec.request.gpus = own.gpus > 0 ? own.gpus : plugin.gpus;
  spec.request.constraint = own.constraint;
  spec.request.engines = 1;
  spec.requeue = false;  // whoever waits for an engine gets a new one
  spec.engine = sched::EngineHost{name, plugin.type, wish.pool, wish.session, plugin.options};
  return spec;
}

}  // namespace drover::pool
