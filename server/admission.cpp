// server/admission.cpp - one job once: what a key has seen, the store knows, the turn decides.
// SPDX-License-Identifier: Apache-2.0
#include "server/admission.hpp"

#include <xxhash.h>

#include <algorithm>

#include "pool/code_variables.hpp"
#include "sched/components.hpp"
#include "server/code_settings.hpp"
#include "server/config_policy.hpp"
#include "server/statement_reuse.hpp"

namespace drover::server {
namespace {

using metrics::FamilyId;
constexpr std::size_t kKeyMax = 200;

std::string hash_of(std::string_view body) {
  const XXH128_hash_t hash = XXH3_128bits(body.data(), body.size());
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, hash);
  return {reinterpret_cast<const char*>(canonical.digest), sizeof canonical.digest};
}

Error other_body(const std::string& key) {
  return {Errc::Conflict, "the idempotency key " + key + " was used with another body",
          "use a new key for a new job, and the same body for a retry", "Idempotency-Key"};
}

// Of an array that has ended.
Result<IndexSet> succeeded_elements(JobId job, const store::Snapshot& snapshot) {
  constexpr std::size_t kTasksPerRead = 10'000;
  std::vector<IndexSet::Run> runs;
  for (std::uint32_t from = 0;;) {
    auto batch = snapshot.tasks(job, from, kTasksPerRead);
    if (!batch) return fail(batch.error());
    for (const sched::TaskRecord& task : *batch)
      if (task.state == sched::TaskState::Succeeded)
        runs.push_back({raw(task.id.index), raw(task.id.index), 1});
    if (batch->size() < kTasksPerRead) return IndexSet::from_runs(std::move(runs));
    from = raw(batch->back().id.index) + 1;
  }
}

bool is_printable(std::string_view key) {
  return std::all_of(key.begin(), key.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

}  // namespace

Admission::Admission(Turn& turn, const store::Store& store, Users& users, metrics::Metrics& metrics,
                     std::uint32_t daemon_uid)
    : turn_(turn), store_(store), users_(users), metrics_(metrics), daemon_uid_(daemon_uid) {}

void Admission::configure(const Config& config) {
  out_ = config.out;
  array_out_ = config.array_out;
  engine_results_ = config.engine_results;
  default_mem_mib_ = config.default_mem_mib;
  entrance_.time_limit_default = seconds(config.default_time_limit_s);
  entrance_.time_limit_max = seconds(config.max_time_limit_s);
  entrance_.array_size_max = std::uint64_t(config.array_size);
  entrance_.uids_allowed = {daemon_uid_};
  // Lists are read at the start alone: a book that could not be made has stopped it.
  if (auto book = policy_book(config))
    entrance_.policy = std::make_shared<const sched::PolicyBook>(*std::move(book));
  if (auto code = code_settings(config)) code_ = *std::move(code);  // likewise
}

void Admission::set_catalogue(std::shared_ptr<const pool::Catalogue> catalogue) {
  catalogue_ = std::move(catalogue);
  for (const auto& [type, plugin] : catalogue_->all())
    if (plugin.shared_as) entrance_.uids_allowed.push_back(plugin.shared_as->owner.uid);
}

Result<sched::JobSpec> Admission::admit(sched::JobSpec spec, const Caller& caller) const {
  spec.owner = {caller.uid, caller.gid};
  spec.user = caller.user;
  if (auto known = catalogue_->complete(spec); !known) return fail(std::move(known.error()));
  const std::uint32_t files_uid = sched::files_owner(spec).uid;
  if (spec.statement) {
    if (spec.statement->runs_as) spec.cwd.clear();  // its owner's means nothing there
    if (auto good = pool::complete_statement_labels(spec, code_.labels); !good)
      return fail(std::move(good.error()));
    if (spec.statement->variables) {
      auto code =
          pool::fill_variables(spec.script, spec.statement->language,
                               {*spec.statement->variables, net::Loop::now().wall, caller.user});
      if (!code) return fail(std::move(code.error()));
      spec.script = *std::move(code);
    }
    const auto creator = spec.labels.find("creator");
    auto notes = pool::intercept_code(
        spec, creator == spec.labels.end() ? entrance_.creator : creator->second, code_);
    if (!notes) return fail(std::move(notes.error()));
    if (!notes->empty()) spec.env.push_back(notes_variable(*notes));
    auto place = results_of(files_uid);
    if (!place) return fail(std::move(place.error()));
    spec.out = *place + "/%j/log";
  }
  if (spec.out.empty()) spec.out = spec.is_array ? array_out_ : out_;
  if (spec.cwd.empty()) spec.cwd = directory_of(files_uid);
  sched::for_each_request(spec, [this](rm::Request& request) {
    if (request.mem_mib == 0) request.mem_mib = default_mem_mib_;
  });
  auto admitted = sched::admit(std::move(spec), entrance_);
  if (admitted && admitted->statement && admitted->statement->reuse.us > 0)
    if (const pool::Plugin* plugin = catalogue_->find(admitted->statement->engine))
      admitted->statement->content_key = content_key(*admitted, *plugin);
  return admitted;
}

// Accounts of services have none.
std::string Admission::directory_of(std::uint32_t uid) const {
  const std::string& home = users_.of(uid).home;
  return home.size() < 2 || home == "/nonexistent" ? "/" : home;
}

// Nobody else's directory will do: who has no home has no place for what statements leave.
Result<std::string> Admission::results_of(std::uint32_t uid) const {
  std::string path = engine_results_;
  const std::size_t at = path.find("%h");
  if (at == std::string::npos) return path;
  std::string home = users_.of(uid).home;
  if (home.size() < 2 || home == "/nonexistent")
    return fail(Errc::BadInput, "you have no home directory for the results of code",
                "ask the operator to set engines.results", "engine");
  for (std::size_t mark = home.find('%'); mark != std::string::npos;
       mark = home.find('%', mark + 2))
    home.insert(mark, 1, '%');
  path.replace(at, 2, home);
  return path;
}

Result<sched::Submit> Admission::prepare_engine(sched::JobSpec spec) const {
  auto place = results_of(spec.owner.uid);
  if (!place) return fail(std::move(place.error()));
  spec.out = *place + "/engines/%j.log";
  const Caller caller{spec.owner.uid, spec.owner.gid, spec.user, false};
  return prepare(std::move(spec), caller);
}

void Admission::refuse(const Error& error, const OnResult& done) {
  metrics_.add(FamilyId::JobsRejected, {to_string(error.code)});
  done(fail(error));
}

Result<std::optional<Admitted>> Admission::find_stored(const store::IdempotencyKey& key,
                                                       const std::string& hash,
                                                       const store::Snapshot& snapshot) const {
  auto found = snapshot.find_idempotent(key);
  if (!found) return fail(found.error());
  if (!*found) return std::optional<Admitted>{};
  if ((*found)->body_hash != hash) return fail(other_body(key.key));
  return std::optional<Admitted>(Admitted{(*found)->job, true});
}

Result<std::vector<sched::KnownEnd>> Admission::known_ends(const sched::JobSpec& spec,
                                                           const store::Snapshot& snapshot) const {
  std::vector<sched::KnownEnd> ends;
  for (const sched::Dependency& dependency : spec.dependencies) {
    // How the job of somebody else ends is not to be learned by waiting for it.
    const auto other = snapshot.spec(dependency.job, false);
    if (other && other->owner.uid != spec.owner.uid && spec.owner.uid != 0)
      return fail(Errc::NotFound,
                  "dependency: there is no job " + std::to_string(raw(dependency.job)),
                  "drover ls shows your jobs", "dependency");
    const auto& recent = turn_.ends_on_the_way();
    const auto near = std::find_if(recent.begin(), recent.end(), [&](const sched::KnownEnd& end) {
      return end.job == dependency.job;
    });
    if (near != recent.end()) {
      ends.push_back(*near);
      continue;
    }
    auto job = snapshot.job(dependency.job);
    if (job && sched::is_final(job->state)) {
      ends.push_back({job->id, job->state});
      if (dependency.kind == sched::DependencyKind::AfterCorr && other) {
        auto succeeded = succeeded_elements(job->id, snapshot);
        if (!succeeded) return fail(succeeded.error());
        ends.back().elements = other->array;
        ends.back().succeeded = std::move(*succeeded);
      }
    }
    if (!job && job.error().code != Errc::NotFound) return fail(job.error());
  }
  return ends;
}

Result<sched::Submit> Admission::prepare(sched::JobSpec spec, const Caller& caller) const {
  auto admitted = admit(std::move(spec), caller);
  if (!admitted) return fail(admitted.error());
  sched::Submit submit;
  if (!admitted->dependencies.empty()) {
    auto snapshot = store_.snapshot();
    if (!snapshot) return fail(snapshot.error());
    auto ends = known_ends(*admitted, *snapshot);
    if (!ends) return fail(ends.error());
    submit.known_ends = std::move(*ends);
  }
  submit.spec = std::make_shared<const sched::JobSpec>(std::move(*admitted));
  return submit;
}

// The labels that the old partition gave its job go first: a new one gives its own.
Result<sched::Alter> Admission::prepare_alter(JobId id, std::string json, JobReader& reader,
                                              const Caller& caller) const {
  auto snapshot = store_.snapshot();
  if (!snapshot) return fail(snapshot.error());
  auto record = snapshot->job(id);
  if (!record) return fail(record.error());
  if (sched::is_final(record->state))
    return fail(Errc::Conflict, "job " + std::to_string(raw(id)) + " has ended");
  auto before = snapshot->spec(id, true);
  if (!before) return fail(before.error());
  sched::JobSpec base = *before;
  if (entrance_.policy != nullptr) {
    const auto label = base.labels.find("partition");
    const auto* partition =
        label == base.labels.end() ? nullptr : entrance_.policy->partitions.find(label->second);
    if (partition != nullptr)
      sched::for_each_request(base, [partition](rm::Request& request) {
        if (partition->exclusive_user) request.sole_user = 0;
        for (const auto& [key, value] : partition->nodes) {
          const auto at = request.node_labels.find(key);
          if (at != request.node_labels.end() && at->second == value) request.node_labels.erase(at);
        }
      });
  }
  auto altered = reader.alter(std::move(json), std::move(base), net::Loop::now().wall);
  if (!altered) return fail(altered.error());
  auto admitted = sched::admit(*std::move(altered), entrance_);
  if (!admitted) return fail(admitted.error());
  sched::Alter alter;
  alter.actor = caller.actor();
  alter.job = id;
  alter.revision = record->revision;
  if (!(admitted->dependencies == before->dependencies)) {
    auto ends = known_ends(*admitted, *snapshot);
    if (!ends) return fail(ends.error());
    alter.known_ends = std::move(*ends);
  }
  alter.before = std::make_shared<const sched::JobSpec>(*std::move(before));
  alter.after = std::make_shared<const sched::JobSpec>(*std::move(admitted));
  return alter;
}

// An entry for a key that is new, or nothing when there is no key. Where the key was seen before,
// `done` is gone: it has been called, or will be.
Result<Admission::Entry> Admission::claim(std::uint32_t uid, std::string key, std::string_view body,
                                          const std::optional<store::Snapshot>& snapshot,
                                          OnResult& done) {
  if (key.empty()) return Entry{};
  if (key.size() > kKeyMax || !is_printable(key))
    return fail(Errc::BadInput, "the idempotency key must be 1 to 200 printable characters", "",
                "Idempotency-Key");
  auto entry = std::make_unique<store::IdempotencyEntry>();
  entry->key = {uid, std::move(key)};
  entry->body_hash = hash_of(body);
  entry->at = net::Loop::now().wall;
  if (const auto near = keys_.find({uid, entry->key.key}); near != keys_.end()) {
    if (near->second.body_hash != entry->body_hash) return fail(other_body(entry->key.key));
    near->second.waiting.push_back(std::exchange(done, nullptr));
    return Entry{};
  }
  auto stored = find_stored(entry->key, entry->body_hash, *snapshot);
  if (!stored) return fail(stored.error());
  if (*stored) {
    metrics_.add(FamilyId::JobsDeduplicated, {});
    std::exchange(done, nullptr)(**stored);
    return Entry{};
  }
  return entry;
}

Result<bool> Admission::find_seen(std::uint32_t uid, std::string key, std::string_view body,
                                  OnResult done) {
  auto fresh = store_.snapshot();
  if (!fresh) return fail(fresh.error());
  const std::optional<store::Snapshot> snapshot(std::move(*fresh));
  const auto entry = claim(uid, std::move(key), body, snapshot, done);
  if (!entry) return fail(entry.error());
  return !done;
}

// Nothing when there is room for one more submission.
std::optional<Error> Admission::no_room() const {
  if (turn_.is_full())
    return Error{Errc::Unavailable, "too many submissions wait", "try again in a moment", ""};
  if (!store_.has_room())
    return Error{Errc::Unavailable, "the controller's disk is nearly full: new jobs are refused",
                 "free space under the data directory; running jobs go on", ""};
  return std::nullopt;
}

void Admission::submit(sched::JobSpec spec, const Caller& caller, std::string key,
                       std::string_view body, std::optional<store::Snapshot>& snapshot,
                       OnResult done) {
  if (auto good = pool::take_wishes(spec); !good) return refuse(good.error(), done);
  auto admitted = admit(std::move(spec), caller);
  if (!admitted) return refuse(admitted.error(), done);
  if (admitted->statement && admitted->statement->reuse.us > 0 && find_earlier_)
    return submit_or_reuse(*std::move(admitted), caller, std::move(key), body, std::move(done));
  submit_admitted(*std::move(admitted), caller.uid, std::move(key), body, snapshot,
                  std::move(done));
}

// A key that was seen goes before an earlier result: a retry is answered as the first try was. What
// is answered by an earlier result keeps no key, for it made no job.
void Admission::submit_or_reuse(sched::JobSpec spec, const Caller& caller, std::string key,
                                std::string_view body, OnResult done) {
  if (!key.empty()) {
    auto seen = find_seen(caller.uid, key, body, done);
    if (!seen) return refuse(seen.error(), done);
    if (*seen) return;
  }
  const auto shared = std::make_shared<const sched::JobSpec>(std::move(spec));
  find_earlier_(shared,
                [this, shared, uid = caller.uid, key = std::move(key), body = std::string(body),
                 done = std::move(done)](std::optional<Earlier> earlier) {
                  if (earlier) return done(Admitted{earlier->job, true, earlier->ended});
                  std::optional<store::Snapshot> snapshot;
                  submit_admitted(*shared, uid, key, body, snapshot, done);
                });
}

void Admission::submit_admitted(sched::JobSpec spec, std::uint32_t uid, std::string key,
                                std::string_view body, std::optional<store::Snapshot>& snapshot,
                                OnResult done) {
  if (!snapshot && (!key.empty() || !spec.dependencies.empty())) {
    auto fresh = store_.snapshot();
    if (!fresh) return refuse(fresh.error(), done);
    snapshot.emplace(std::move(*fresh));
  }
  auto entry = claim(uid, std::move(key), body, snapshot, done);
  if (!entry) return refuse(entry.error(), done);
  if (!done) return;
  if (const auto full = no_room()) return refuse(*full, done);
  sched::Submit submit;
  if (!spec.dependencies.empty()) {
    auto ends = known_ends(spec, *snapshot);
    if (!ends) return refuse(ends.error(), done);
    submit.known_ends = std::move(*ends);
  }
  submit.spec = std::make_shared<const sched::JobSpec>(std::move(spec));
  push(std::move(submit), *std::move(entry), std::move(done));
}

void Admission::submit(flow::SubmitWorkflow workflow, std::string key, std::string_view body,
                       OnResult done) {
  std::optional<store::Snapshot> snapshot;
  if (!key.empty()) {
    auto fresh = store_.snapshot();
    if (!fresh) return refuse(fresh.error(), done);
    snapshot.emplace(std::move(*fresh));
  }
  auto entry = claim(workflow.owner.uid, std::move(key), body, snapshot, done);
  if (!entry) return refuse(entry.error(), done);
  if (!done) return;
  if (const auto full = no_room()) return refuse(*full, done);
  push(std::move(workflow), *std::move(entry), std::move(done));
}

template <class Submission>
void Admission::push(Submission submit, Entry entry, OnResult done) {
  if (!entry) {
    turn_.submit(std::move(submit), nullptr,
                 [this, done = std::move(done)](const Result<sched::Done>& result) {
                   if (!result) return refuse(result.error(), done);
                   done(Admitted{result->job, false});
                 });
    return;
  }
  const std::pair<std::uint32_t, std::string> id(entry->key.uid, entry->key.key);
  keys_[id] = {entry->body_hash, {}};
  turn_.submit(std::move(submit), std::move(entry),
               [this, id, done = std::move(done)](const Result<sched::Done>& result) {
                 const auto found = keys_.find(id);
                 const auto waiting = std::move(found->second.waiting);
                 keys_.erase(found);
                 if (!result) {
                   refuse(result.error(), done);
                   for (const OnResult& retry : waiting) retry(fail(result.error()));
                   return;
                 }
                 done(Admitted{result->job, false});
                 for (const OnResult& retry : waiting) retry(Admitted{result->job, true});
               });
}

}  // namespace drover::server
