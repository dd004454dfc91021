// server/api_workflows.cpp - workflows: submit, list, show, wait, and what is done to them.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "base/units.hpp"
#include "flow/replay.hpp"
#include "server/api.hpp"
#include "server/command_json_in.hpp"
#include "server/end_waiter.hpp"
#include "server/workflow_json.hpp"
#include "server/workflow_submission.hpp"

namespace drover::server::api {
namespace {

constexpr std::size_t kWeighedAtOnce = 64;  // jobs, before others have their turn

void answer_submission(const ExchangePtr& exchange, const Result<Admitted>& result) {
  if (!result) return exchange->refuse(result.error());
  exchange->json("{\"v\":1,\"id\":" + std::to_string(raw(result->job)) + "}",
                 result->seen ? 200 : 201);
}

// A submission between the pool and the turn: every step's job passes the entrance before the
// workflow is accepted, some at a time.
class Weighing : public std::enable_shared_from_this<Weighing> {
 public:
  Weighing(Services& services, ExchangePtr exchange, Drafted drafted)
      : services_(services), exchange_(std::move(exchange)), drafted_(std::move(drafted)) {}

  void go_on() {
    const Time now = net::Loop::now().wall;
    const std::size_t end = std::min(next_ + kWeighedAtOnce, drafted_.jobs.size());
    for (; next_ < end; ++next_)
      if (auto right = weigh(drafted_.jobs[next_], now); !right)
        return exchange_->refuse(right.error());
    if (next_ == drafted_.jobs.size()) return accept();
    services_.loop.post([self = shared_from_this()] { self->go_on(); });
  }

 private:
  Result<void> weigh(const Drafted::Draft& draft, Time now) {
    auto spec = services_.reader.read(draft.json, now);
    auto submit = spec ? services_.admission.prepare(*std::move(spec), exchange_->caller)
                       : Result<sched::Submit>(fail(spec.error()));
    if (!submit) return fail(submit.error(), place_of(draft.step));
    auto possible = services_.controller.check_possible(*submit->spec);
    return possible ? Result<void>() : fail(possible.error(), place_of(draft.step));
  }

  std::string place_of(std::uint32_t step) const {
    const dag::Step& at = drafted_.submit.run->workflow().steps[step];
    return drafted_.submit.source->bundle.origin + ":" + std::to_string(at.line) + ": step " +
           at.name;
  }

  void accept() {
    const auto test_only = exchange_->flag("test_only");
    if (!test_only) return exchange_->refuse(test_only.error());
    if (*test_only) {
      const std::size_t steps = drafted_.submit.run->plan().parts.size();
      return exchange_->json("{\"v\":1,\"would_run\":true,\"steps\":" + std::to_string(steps) +
                             "}");
    }
    services_.admission.submit(
        std::move(drafted_.submit), std::string(exchange_->request.header("idempotency-key")),
        exchange_->request.body, [exchange = exchange_](const Result<Admitted>& result) {
          answer_submission(exchange, result);
        });
  }

  Services& services_;
  ExchangePtr exchange_;
  Drafted drafted_;
  std::size_t next_ = 0;
};

// A stored workflow and its run, read on the pool.
struct Loaded {
  Result<StoredWorkflow> stored = fail(Errc::Unavailable, "not read");
  std::optional<dag::Run> run;
  std::optional<store::Snapshot> snapshot;

  Result<void> read(const store::Store& store, JobId id, bool with_run) {
    auto fresh = store.snapshot();
    if (!fresh) return fail(fresh.error());
    snapshot.emplace(*std::move(fresh));
    stored = load_workflow(*snapshot, id);
    if (!stored) return fail(stored.error());
    if (!with_run) return {};
    auto replayed = flow::replay(id, *stored->source, stored->facts);
    if (!replayed) return fail(replayed.error());
    run.emplace(*std::move(replayed));
    return {};
  }
};

// Reads on the pool, makes a text there, and answers with it.
template <class Make>
void answer_from_store(Services& services, ExchangePtr exchange, Make make) {
  auto body = std::make_shared<Result<std::string>>();
  const store::Store& store = services.store;
  services.loop.offload(
      [body, exchange, &store, make = std::move(make), now = net::Loop::now().wall] {
        Loaded loaded;
        if (auto read = loaded.read(store, exchange->job, true); !read)
          *body = fail(read.error());
        else
          *body = make(loaded, now);
      },
      [body, exchange] {
        if (!*body) return exchange->refuse(body->error());
        const bool is_json = (*body)->starts_with('{');
        if (is_json) return exchange->json(std::move(**body));
        exchange->text(std::move(**body));
      });
}

// A page of workflows, read on the pool.
struct WorkflowPage {
  JobId before{};
  std::int64_t limit = 0, scan = 0;
  bool only_open = false;
  std::optional<flow::WorkflowState> state;
  std::string user;
  std::string body;
  Result<void> result;

  void read(const store::Store& store, const Caller& caller, Time now) {
    auto snapshot = store.snapshot();
    if (!snapshot) {
      result = fail(snapshot.error());
      return;
    }
    JsonWriter out(body);
    out.begin_object();
    out.field("v", 1);
    out.key("workflows");
    out.begin_array();
    std::int64_t shown = 0, scanned = 0;
    JobId next{};
    result = snapshot->visit_workflows(before, only_open, [&](const flow::WorkflowRecord& record) {
      const bool mine = caller.is_operator || record.owner.uid == caller.uid;
      const bool fits =
          mine && (!state || record.state == *state) && (user.empty() || record.user == user);
      if (fits) append_workflow(out, record, now);
      shown += fits ? 1 : 0;
      if (shown < limit && ++scanned < scan) return true;
      next = record.id;
      return false;
    });
    out.end_array();
    if (raw(next) != 0)
      out.field("next", std::to_string(raw(next)));
    else
      out.null_field("next");
    out.end_object();
  }
};

void send(Services& services, const ExchangePtr& exchange, flow::Input input) {
  if (services.turn.is_full())
    return exchange->refuse(
        {Errc::Unavailable, "too many requests wait", "try again in a moment", ""});
  services.turn.workflow(std::move(input), [exchange](const Result<sched::Done>& result) {
    if (!result) return exchange->refuse(result.error());
    exchange->json("{\"v\":1,\"touched\":" + std::to_string(result->touched) + "}");
  });
}

void command(Services& services, const ExchangePtr& exchange, flow::WorkflowVerb verb,
             std::string step = {}) {
  send(services, exchange,
       flow::CommandWorkflow{exchange->caller.actor(), exchange->job, verb, std::move(step)});
}

}  // namespace

void submit_workflow(Services& services, ExchangePtr exchange) {
  const auto test_only = exchange->flag("test_only");
  if (!test_only) return exchange->refuse(test_only.error());
  // A retry is answered as the first one was, whatever has become of the files and limits since.
  const std::string key(exchange->request.header("idempotency-key"));
  if (!key.empty() && !*test_only) {
    const auto seen = services.admission.find_seen(
        exchange->caller.uid, key, exchange->request.body,
        [exchange](const Result<Admitted>& result) { answer_submission(exchange, result); });
    if (!seen) return exchange->refuse(seen.error());
    if (*seen) return;
  }
  auto body = read_workflow_body(exchange->request.body);
  if (!body) return exchange->refuse(body.error());
  auto drafted = std::make_shared<Result<Drafted>>();
  auto read = std::make_shared<WorkflowBody>(*std::move(body));
  const store::Store& store = services.store;
  services.loop.offload(
      [drafted, read, exchange, &store, now = net::Loop::now().wall] {
        *drafted = draft_workflow(std::move(*read), store, exchange->caller, now);
      },
      [drafted, exchange, &services] {
        if (!*drafted) return exchange->refuse(drafted->error());
        std::make_shared<Weighing>(services, exchange, std::move(**drafted))->go_on();
      });
}

void list_workflows(Services& services, ExchangePtr exchange) {
  const auto limit = exchange->number("limit", 1, 1000, 100);
  if (!limit) return exchange->refuse(limit.error());
  const auto before = exchange->number("cursor", 0, INT64_MAX, 0);
  if (!before) return exchange->refuse(before.error());
  const std::string_view word = exchange->request.query_value("state");
  const bool only_open = word == "open";
  const auto state = flow::workflow_state_from(word);
  if (!word.empty() && !only_open && !state)
    return exchange->refuse({Errc::BadInput, "unknown state " + std::string(word.substr(0, 60)),
                             "open, running, paused, succeeded, failed or cancelled", "state"});
  auto page = std::make_shared<WorkflowPage>();
  page->before = JobId(std::uint64_t(*before));
  page->limit = *limit;
  page->scan = services.config.page_scan;
  page->only_open = only_open;
  page->state = state;
  page->user = exchange->request.query_value("user");
  const store::Store& store = services.store;
  services.loop.offload([page, exchange, &store,
                         now = net::Loop::now().wall] { page->read(store, exchange->caller, now); },
                        [page, exchange] {
                          if (!page->result) return exchange->refuse(page->result.error());
                          exchange->json(std::move(page->body));
                        });
}

void show_workflow(Services& services, ExchangePtr exchange) {
  answer_from_store(services, std::move(exchange), [](const Loaded& loaded, Time now) {
    return Result<std::string>(
        workflow_json(loaded.stored->record, *loaded.run, *loaded.snapshot, now));
  });
}

void wait_workflow(Services& services, ExchangePtr exchange) {
  const auto timeout = exchange->number("timeout_s", 0, 3600, 30);
  if (!timeout) return exchange->refuse(timeout.error());
  auto snapshot = services.store.snapshot();
  if (!snapshot) return exchange->refuse(snapshot.error());
  const auto record = snapshot->workflow(exchange->job);
  if (!record) return exchange->refuse(record.error());
  if (is_final(record->state) || *timeout == 0) return show_workflow(services, std::move(exchange));
  wait_for_end(services, std::move(exchange), seconds(*timeout), show_workflow);
}

void show_workflow_plan(Services& services, ExchangePtr exchange) {
  const std::string format(exchange->request.query_value("format"));
  if (!format.empty() && format != "text" && format != "dot" && format != "json")
    return exchange->refuse(
        {Errc::BadInput, "unknown format " + format, "text, dot or json", "format"});
  answer_from_store(services, std::move(exchange), [format](const Loaded& loaded, Time) {
    const dag::PhysicalPlan& plan = *loaded.run->plan().physical;
    return Result<std::string>(format == "dot"    ? plan.to_dot()
                               : format == "json" ? plan.to_json()
                                                  : plan.to_text());
  });
}

void show_workflow_document(Services& services, ExchangePtr exchange) {
  auto snapshot = services.store.snapshot();
  if (!snapshot) return exchange->refuse(snapshot.error());
  auto source = snapshot->workflow_source(exchange->job);
  if (!source) return exchange->refuse(source.error());
  exchange->text(std::move(source->bundle.text));
}

void list_workflow_facts(Services& services, ExchangePtr exchange) {
  const auto since = exchange->number("since", 0, INT64_MAX, 0);
  if (!since) return exchange->refuse(since.error());
  const auto limit = exchange->number("limit", 1, 10'000, 1000);
  if (!limit) return exchange->refuse(limit.error());
  answer_from_store(services, std::move(exchange),
                    [since = *since, limit = *limit](const Loaded& loaded, Time) {
                      std::string body;
                      JsonWriter out(body);
                      out.begin_object();
                      out.field("v", 1);
                      out.key("facts");
                      out.begin_array();
                      std::int64_t shown = 0;
                      for (const dag::Fact& fact : loaded.stored->facts)
                        if (std::int64_t(fact.number) > since && shown++ < limit)
                          append_fact(out, fact, *loaded.run);
                      out.end_array();
                      out.end_object();
                      return Result<std::string>(std::move(body));
                    });
}

void cancel_workflow(Services& services, ExchangePtr exchange) {
  auto body = read_command(std::move(exchange->request.body), "step");
  if (!body) return exchange->refuse(body.error());
  command(services, exchange, flow::WorkflowVerb::Cancel, std::move(body->step));
}

void pause_workflow(Services& services, ExchangePtr exchange) {
  command(services, exchange, flow::WorkflowVerb::Pause);
}

void resume_workflow(Services& services, ExchangePtr exchange) {
  command(services, exchange, flow::WorkflowVerb::Resume);
}

void retry_workflow(Services& services, ExchangePtr exchange) {
  auto loaded = std::make_shared<Loaded>();
  auto read = std::make_shared<Result<void>>();
  const store::Store& store = services.store;
  services.loop.offload(
      [loaded, read, exchange, &store] { *read = loaded->read(store, exchange->job, false); },
      [loaded, read, exchange, &services] {
        if (!*read) return exchange->refuse(read->error());
        flow::ReopenWorkflow reopen;
        reopen.actor = exchange->caller.actor();
        reopen.record = std::move(loaded->stored->record);
        reopen.source = std::move(loaded->stored->source);
        reopen.facts =
            std::make_shared<const std::vector<dag::Fact>>(std::move(loaded->stored->facts));
        send(services, exchange, std::move(reopen));
      });
}

void add_workflow_steps(Services& services, ExchangePtr exchange) {
  auto body = read_command(std::move(exchange->request.body), "document");
  if (!body) return exchange->refuse(body.error());
  send(services, exchange,
       flow::AddSteps{exchange->caller.actor(), exchange->job, std::move(body->document)});
}

void set_workflow_values(Services& services, ExchangePtr exchange) {
  auto body = read_command(std::move(exchange->request.body), "index step values");
  if (!body) return exchange->refuse(body.error());
  constexpr std::string_view kLetters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
  flow::SetValues set;
  set.actor = exchange->caller.actor();
  set.workflow = exchange->job;
  set.part = std::move(body->step);
  for (auto& [name, value] : body->values) {
    if (name.empty() || name.size() > 128 || name.find_first_not_of(kLetters) != std::string::npos)
      return exchange->refuse({Errc::BadInput, "'" + name.substr(0, 60) + "' cannot name a value",
                               "letters, digits, _ - and ., up to 128", "values"});
    if (body->index >= 0) name += "[" + std::to_string(body->index) + "]";
    set.values.emplace_back(std::move(name), std::move(value));
  }
  if (set.values.empty())
    return exchange->refuse(
        {Errc::BadInput, "no values", R"({"step":"count","values":{"n":"3"}})", "values"});
  send(services, exchange, std::move(set));
}

}  // namespace drover::server::api
