// server/statement_reuse.cpp - looks the result up, and whether it is still there.
// SPDX-License-Identifier: Apache-2.0
#include "server/statement_reuse.hpp"

#include <xxhash.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "pool/content_text.hpp"
#include "server/json_writer.hpp"
#include "server/result_place.hpp"

namespace drover::server {
namespace {

using metrics::FamilyId;

// No cleaner of results touches what was written so lately (engines/host/drover_kept.py).
constexpr Duration kYoung = seconds(3600);

struct Candidate {
  Admission::Earlier earlier;
  sched::JobSpec spec;  // says where its files are: the site's folder may have changed since
  std::string file;     // that must be there, in the statement's directory; empty = none is known
};

// One name; of directories that somebody has cut by hand the first is as good as any: cleaners
// remove whole ones.
std::string first_file(const std::string& results) {
  const auto all = nlohmann::json::parse(results, nullptr, false);
  const auto list = all.is_object() ? all.find("results") : all.end();
  if (!all.is_object() || list == all.end() || !list->is_array()) return {};
  for (const auto& item : *list) {
    const auto file = item.is_object() ? item.find("file") : item.end();
    if (!item.is_object() || file == item.end() || !file->is_string()) continue;
    const auto& name = file->get_ref<const std::string&>();
    if (!name.empty() && name.find('/') == std::string::npos) return name;
  }
  return {};
}

// What the store knows. A damaged entry, or one whose job has been forgotten, is as good as none.
std::optional<Candidate> look_up(const Services& services, const sched::JobSpec& spec) {
  const auto snapshot = services.store.snapshot();
  if (!snapshot) return std::nullopt;
  const auto found = snapshot->step_result(spec.owner.uid, spec.statement->content_key);
  if (!found || !*found) return std::nullopt;
  const Time now = net::Loop::now().wall;
  const flow::CacheEntry& entry = **found;
  if (entry.until <= now || now - entry.at > spec.statement->reuse) return std::nullopt;
  const auto record = snapshot->job(entry.job);
  if (!record || record->state != sched::JobState::Succeeded) return std::nullopt;
  auto before = snapshot->spec(entry.job, true);
  if (!before || before->owner.uid != spec.owner.uid || !before->statement ||
      before->script != spec.script ||
      before->statement->content_key != spec.statement->content_key)
    return std::nullopt;
  const auto results = snapshot->results(entry.job);
  if (!results) return std::nullopt;
  return Candidate{{entry.job, record->ended}, *std::move(before), first_file(*results)};
}

}  // namespace

std::string content_key(const sched::JobSpec& spec, const pool::Plugin& plugin) {
  const std::string text = pool::content_text(spec, plugin);
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits(text.data(), text.size()));
  return {reinterpret_cast<const char*>(canonical.digest), sizeof canonical.digest};
}

// A statement that left no file may have printed nothing: there its age decides.
void find_earlier(Services& services, std::shared_ptr<const sched::JobSpec> spec,
                  Admission::OnEarlier done) {
  const auto answer = [&services, done = std::move(done)](const char* how,
                                                          std::optional<Admission::Earlier> job) {
    services.metrics.add(FamilyId::StatementsReused, {how});
    done(job);
  };
  const auto found = look_up(services, *spec);
  if (!found) return answer("none", std::nullopt);
  const Duration age = net::Loop::now().wall - found->earlier.ended;
  if (found->file.empty() && age < kYoung) return answer("reused", found->earlier);
  auto place = result_place(services, found->spec, found->earlier.job);
  if (!place) return answer("gone", std::nullopt);
  const std::string path = found->file.empty() ? place->log : place->directory + "/" + found->file;
  const auto files =
      std::make_shared<PlacedFiles>(services, sched::files_owner(found->spec), *std::move(place));
  files->read(path, 0, 1, [files, answer, earlier = found->earlier](const Result<LogPiece>& piece) {
    if (piece && !piece->not_found) return answer("reused", earlier);
    answer("gone", std::nullopt);
  });
}

std::string reused_json(const Admitted& admitted) {
  std::string text;
  JsonWriter out(text);
  out.begin_object();
  out.field("job", raw(admitted.job));
  out.field("ended_us", admitted.reused_from.us);
  out.field("age_s", std::max<std::int64_t>(
                         0, (net::Loop::now().wall - admitted.reused_from).us / 1'000'000));
  out.end_object();
  return text;
}

}  // namespace drover::server
