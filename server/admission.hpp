// server/admission.hpp - a submission's way to the turn: entrance, key, dependencies, room.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "flow/inputs.hpp"
#include "pool/catalogue.hpp"
#include "pool/interceptors.hpp"
#include "sched/entrance.hpp"
#include "sched/job_spec.hpp"
#include "server/auth.hpp"
#include "server/config.hpp"
#include "server/exchange.hpp"
#include "server/job_json_in.hpp"
#include "server/turn.hpp"
#include "store/store.hpp"

namespace drover::server {

struct Admitted {
  JobId job{};
  bool seen = false;   // the key was known: this is the first submission's job
  Time reused_from{};  // wall: when the job ended that answers in place of a new one; 0 = none does
};

// Loop thread.
class Admission {
 public:
  using OnResult = std::function<void(const Result<Admitted>&)>;

  Admission(Turn& turn, const store::Store& store, Users& users, metrics::Metrics& metrics,
            std::uint32_t daemon_uid);
  void configure(const Config& config);
  // After configure(). Accounts that shared engines run as may submit those, whatever their number.
  void set_catalogue(std::shared_ptr<const pool::Catalogue> catalogue);

  // For statements that may be answered by an earlier result. Without it none is.
  struct Earlier {
    JobId job{};
    Time ended;  // wall
  };
  using OnEarlier = std::function<void(std::optional<Earlier>)>;
  using FindEarlier = std::function<void(std::shared_ptr<const sched::JobSpec>, OnEarlier)>;
  void set_find_earlier(FindEarlier find) { find_earlier_ = std::move(find); }

  // Owner, user and defaults, then the interceptor chain.
  Result<sched::JobSpec> admit(sched::JobSpec spec, const Caller& caller) const;

  // An engine's job; its owner and user stand in it.
  Result<sched::Submit> prepare_engine(sched::JobSpec spec) const;

  // What submit() would hand to the turn, for those who only ask. Reads the store.
  Result<sched::Submit> prepare(sched::JobSpec spec, const Caller& caller) const;

  // The same of an accepted job, for what `json` changes of it. Its owner stays who it was.
  Result<sched::Alter> prepare_alter(JobId id, std::string json, JobReader& reader,
                                     const Caller& caller) const;

  // Whether a submission with this key was seen: then `done` has been called, or will be. Conflict
  // when its body was another one.
  Result<bool> find_seen(std::uint32_t uid, std::string key, std::string_view body, OnResult done);

  // `key` empty = none. `body` is what a retry must repeat. `snapshot` may be shared by the calls
  // of one moment. `done` is called exactly once, at once for what can be refused at once, else
  // when it is durable.
  void submit(sched::JobSpec spec, const Caller& caller, std::string key, std::string_view body,
              std::optional<store::Snapshot>& snapshot, OnResult done);
  // The same for a workflow that was read, planned and checked; the answer's job is its id.
  void submit(flow::SubmitWorkflow workflow, std::string key, std::string_view body, OnResult done);

 private:
  struct OnTheWay {  // a key whose job is not durable yet
    std::string body_hash;
    std::vector<OnResult> waiting;
  };
  using Keys = std::map<std::pair<std::uint32_t, std::string>, OnTheWay>;

  Result<std::optional<Admitted>> find_stored(const store::IdempotencyKey& key,
                                              const std::string& hash,
                                              const store::Snapshot& snapshot) const;
  Result<std::vector<sched::KnownEnd>> known_ends(const sched::JobSpec& spec,
                                                  const store::Snapshot& snapshot) const;
  using Entry = std::unique_ptr<store::IdempotencyEntry>;
  Result<Entry> claim(std::uint32_t uid, std::string key, std::string_view body,
                      const std::optional<store::Snapshot>& snapshot, OnResult& done);
  void submit_or_reuse(sched::JobSpec spec, const Caller& caller, std::string key,
                       std::string_view body, OnResult done);
  void submit_admitted(sched::JobSpec spec, std::uint32_t uid, std::string key,
                       std::string_view body, std::optional<store::Snapshot>& snapshot,
                       OnResult done);
  template <class Submission>
  void push(Submission submit, Entry key, OnResult done);
  void refuse(const Error& error, const OnResult& done);
  std::optional<Error> no_room() const;

  Turn& turn_;
  const store::Store& store_;
  Users& users_;
  metrics::Metrics& metrics_;
  std::uint32_t daemon_uid_;
  std::string directory_of(std::uint32_t uid) const;
  Result<std::string> results_of(std::uint32_t uid) const;

  std::string out_, array_out_, engine_results_;
  std::shared_ptr<const pool::Catalogue> catalogue_ = std::make_shared<const pool::Catalogue>();
  std::int64_t default_mem_mib_ = 0;
  sched::EntranceConfig entrance_;
  pool::CodeSettings code_;
  FindEarlier find_earlier_;
  Keys keys_;
};

}  // namespace drover::server
