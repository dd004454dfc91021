// server/daemon.cpp - wires the parts together and takes them down in order.
// SPDX-License-Identifier: Apache-2.0
#include "server/daemon.hpp"

#include <signal.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "base/units.hpp"
#include "sched/plan_request.hpp"
#include "server/advice_notes.hpp"
#include "server/collect_metrics.hpp"
#include "server/config_policy.hpp"
#include "server/config_quotas.hpp"
#include "server/directories.hpp"
#include "server/ledger_watch.hpp"
#include "server/linkis_desk.hpp"
#include "server/plugin_files.hpp"
#include "server/recovery.hpp"
#include "server/router.hpp"
#include "server/services.hpp"
#include "server/statement_reuse.hpp"
#include "server/version.hpp"
#include "server/workflow_ports.hpp"

namespace drover::server {
namespace {

using metrics::FamilyId;
constexpr int kExitCommitFailed = 75;  // EX_TEMPFAIL: whoever started us may start us again
constexpr std::int64_t kPreviewBytes = 16 << 10;
constexpr Duration kStopGrace = seconds(2), kStopLimit = seconds(4);

// Named resources keep the slots that the store's leases count in.
void configure_quotas(const Config& config, const store::Store& store,
                      sched::ControllerConfig& out) {
  out.quotas = config.quotas;
  out.licences = config.licences;
  out.quota_tree = config.quota_tree;
  out.resources = config.resource_names;
  auto snapshot = store.snapshot();
  const auto stored = snapshot ? snapshot->quotas() : Result<std::optional<rm::QuotaTable>>();
  if (!stored || !*stored) return;  // recovery reports what cannot be read
  auto names = rm::ResourceNames::make(named_resources(config), (*stored)->resources);
  if (!names) return;
  out.resources = std::move(*names);
  for (rm::QuotaRule& rule : out.quotas) rm::translate(rule, config.resource_names, out.resources);
  if ((*stored)->edited)
    spdlog::info("quotas were edited (version {}): the {} of the configuration are not in force",
                 (*stored)->version, config.quotas.size());
}

sched::GroupLimits group_limits_of(const Config& config) {
  return {std::uint32_t(std::min<std::int64_t>(config.group_running_jobs, UINT32_MAX)),
          std::uint64_t(config.group_queued_jobs)};
}

sched::ControllerConfig controller_config(const Config& config, const store::Store& store) {
  sched::ControllerConfig out;
  out.group_by = config.group_by;
  out.group_limits = group_limits_of(config);
  out.open_jobs_max = std::uint64_t(config.open_jobs);
  out.array_size_max = std::uint64_t(config.array_size);
  out.node_losses_max = std::uint32_t(config.node_losses);
  out.node_timeout = seconds(config.node_timeout_s);
  configure_quotas(config, store, out);
  if (auto book = policy_book(config)) {
    out.class_limits = book->qos.quota_rules();
    out.book = std::make_shared<const sched::PolicyBook>(*std::move(book));
  }
  return out;
}

store::StoreOptions store_options(const Config& config, const std::string& data) {
  store::StoreOptions out;
  out.dir = data + "/store";
  out.map_initial_mib = std::uint64_t(config.map_initial_mib);
  out.map_max_mib = std::uint64_t(config.map_max_mib);
  out.reserve_mib = std::uint64_t(config.reserve_mib);
  out.events_max = std::uint64_t(config.events_kept);
  out.closed_jobs_max = std::uint64_t(config.closed_jobs_kept);
  return out;
}

net::HttpLimits http_limits(const Config& config) {
  net::HttpLimits out;
  out.body = std::size_t(config.body_mib) << 20;
  out.connections = std::size_t(config.connections);
  out.connections_per_address = std::size_t(config.connections_per_address);
  out.header_timeout = seconds(config.header_timeout_s);
  out.idle_timeout = seconds(config.idle_timeout_s);
  return out;
}

unsigned consumer_threads(const Config& config) {
  if (config.consumer_threads > 0) return unsigned(config.consumer_threads);
  return std::clamp(std::thread::hardware_concurrency() / 4, 1u, 4u);
}

Result<Config> effective_config(const DaemonOptions& options) {
  auto config = load_config(options.config_path);
  if (!config) return config;
  if (!options.port.empty()) {
    const bool none = options.port == "none";
    auto port = none ? Result<std::int64_t>(-1) : parse_integer(options.port, 0, 65535, "port");
    if (!port) return fail(port.error());
    config->port = *port;
    config->origin["server.port"] = "command line";
  }
  if (!options.log_level.empty()) {
    config->log_level = options.log_level;
    config->origin["server.log_level"] = "command line";
  }
  return config;
}

}  // namespace

void choose_directories(DaemonOptions& options) {
  const bool data_is_default = options.data.empty() && std::getenv("DROVER_DATA") == nullptr;
  if (options.data.empty()) options.data = default_data_directory();
  options.data = std::filesystem::absolute(options.data).lexically_normal();
  if (options.run.empty()) options.run = default_run_directory(options.data, data_is_default);
  options.run = std::filesystem::absolute(options.run).lexically_normal();
}

// Members go in the reverse order: consumers and agents before the turn, the turn's thread before
// the store, and what streams refer to after everything that may hold a stream.
struct Daemon::Parts {
  DaemonOptions options;
  Config config;
  metrics::Metrics metrics;
  std::unique_ptr<Services> services;
  net::Loop loop;  // what has a timer or a handle of it stands below
  store::Store store;
  sched::Controller controller;
  flow::Conductor workflows;
  pool::EnginePool engines;
  Users users;
  Auth auth;
  EventHub events;
  SpecCache specs;
  Turn turn;
  Admission admission;
  LinkisDesk linkis;
  Agents agents;
  sched::Consumers consumers;
  LedgerWatch ledger_watch;
  std::unique_ptr<AdviceNotes> advice_notes;
  std::unique_ptr<Router> router;
  std::unique_ptr<net::HttpServer> http;
  std::optional<net::Timer> stop_timer;
  std::uint16_t port = 0;
  bool stopping = false;

  Parts(DaemonOptions o, Config c, store::Store s, std::string token)
      : options(std::move(o)),
        config(std::move(c)),
        store(std::move(s)),
        controller(controller_config(config, store)),
        workflows(controller, workflow_ports(admission, store, options.run + "/drover.sock")),
        engines(controller,
                [this](sched::JobSpec spec) { return admission.prepare_engine(std::move(spec)); }),
        auth(std::move(token), geteuid(), getegid(), users),
        specs(store),
        turn(loop, controller, workflows, engines, store, metrics, config,
             {[this](const sched::Changes& changes) { on_stored(changes); },
              [this](std::vector<sched::Action> actions) { perform(actions); },
              [this] { agents.flush(); }, [](const Error& error) { on_broken(error); }}),
        admission(turn, store, users, metrics, geteuid()),
        linkis(loop, turn, auth, users),
        agents(loop, turn, specs, users, metrics, geteuid(), config.kill_grace_s),
        consumers(
            consumer_threads(config), [this](JobId id) { return load_request(id); },
            [this](std::vector<sched::PlanReady> plans) { deliver(std::move(plans)); }),
        ledger_watch(loop, metrics, [this](std::size_t nodes) { return controller.audit(nodes); }) {
    services.reset(new Services{config, loop, store, controller, workflows, engines, consumers,
                                turn, admission, agents, events, specs, users, metrics, geteuid(),
                                net::Loop::now().wall,
                                [this] { return http ? http->counters() : net::HttpCounters{}; }});
    admission.set_find_earlier(
        [this](std::shared_ptr<const sched::JobSpec> spec, Admission::OnEarlier done) {
          find_earlier(*services, std::move(spec), std::move(done));
        });
    agents.set_alone_on([this](JobId engine) {
      const auto running = engines.running_on(engine);
      return running.size() == 1 ? running.front() : JobId{};
    });
    advice_notes = std::make_unique<AdviceNotes>(*services);
    services->linkis = config.linkis_enabled ? &linkis : nullptr;
    router = std::make_unique<Router>(*services, auth);
    http = std::make_unique<net::HttpServer>(loop, *router, http_limits(config));
    configure();
  }

  void configure() {
    admission.configure(config);
    auth.configure(config);
    load_plugins();
    agents.set_statement_limits({config.engine_log_mib << 20, config.engine_result_mib << 20,
                                 config.engine_result_rows, kPreviewBytes});
    agents.set_kill_grace(config.kill_grace_s);
    controller.set_group_limits(group_limits_of(config));
    turn.push(sched::Tick{});  // what a raised limit lets go
    spdlog::set_level(spdlog::level::from_str(config.log_level));
    ledger_watch.set_pace(std::size_t(config.audit_nodes));
    metrics.set(FamilyId::ConfigReloadOk, {}, 1);
    metrics.set(FamilyId::ConfigReloadTime, {}, double(net::Loop::now().wall.us) / 1e6);
  }

  // A plugin that is wrong is named in the log, and the others serve.
  void load_plugins() {
    auto loaded = load_catalogue(plugin_folder(config),
                                 [this](const std::string& name) { return shared_account(name); });
    for (const Error& problem : loaded.problems)
      spdlog::error("engine plugin: {}{}{}", problem.message, problem.hint.empty() ? "" : "; ",
                    problem.hint);
    admission.set_catalogue(loaded.catalogue);
    engines.set_catalogue(loaded.catalogue);
  }

  // Whose code runs there could do what the account may: so it must be nobody special.
  Result<Owner> shared_account(const std::string& name) {
    const auto account = users.find(name);
    if (!account)
      return fail(Errc::NotFound, "there is no user " + name.substr(0, 64),
                  "create the account, without rights of its own", "tenancy.account");
    if (account->uid == 0 || auth.is_operator(account->uid))
      return fail(Errc::Denied, "user " + name + " is an operator: engines cannot be shared as him",
                  "use an account that may do nothing else", "tenancy.account");
    return Owner{account->uid, account->gid};
  }

  void on_stored(const sched::Changes& changes) {
    for (const auto& job : changes.new_jobs) specs.put(job.id, job.spec);
    for (const auto& job : changes.altered) specs.replace(job.id, job.spec);
    if (agents.has_progress())
      for (const sched::JobRecord& job : changes.jobs)
        if (sched::is_final(job.state)) agents.forget_progress(job.id);
    agents.use().follow(changes);
    if (advice_notes != nullptr) advice_notes->follow(changes);
    observe_changes(metrics, changes);
    events.publish(changes.events);
  }

  void perform(const std::vector<sched::Action>& actions) {
    std::vector<sched::CompileJob> compiles;
    struct Visitor {
      Agents& agents;
      std::vector<sched::CompileJob>& compiles;
      void operator()(const sched::CompileJob& compile) const { compiles.push_back(compile); }
      void operator()(const sched::Launch& launch) const { agents.perform(launch); }
      void operator()(const sched::Kill& kill) const { agents.perform(kill); }
      void operator()(const sched::Pause& pause) const { agents.perform(pause); }
      void operator()(const sched::Relimit& relimit) const { agents.perform(relimit); }
      void operator()(const sched::AckEnded& ack) const { agents.perform(ack); }
      void operator()(const sched::Welcome& welcome) const { agents.perform(welcome); }
      void operator()(const sched::TurnAway& turned) const { agents.perform(turned); }
    };
    for (const sched::Action& action : actions) std::visit(Visitor{agents, compiles}, action);
    if (advice_notes != nullptr) advice_notes->speak();
    if (!compiles.empty()) consumers.submit(compiles);
  }

  // Consumer threads.
  Result<dag::JobRequest> load_request(JobId id) {
    auto spec = specs.find(id);
    if (!spec) return fail(spec.error());
    return sched::to_plan_request(**spec);
  }
  void deliver(std::vector<sched::PlanReady> plans) {
    loop.post([this, plans = std::move(plans)]() mutable {
      for (sched::PlanReady& plan : plans) turn.push(std::move(plan));
    });
  }

  [[noreturn]] static void on_broken(const Error& error) {
    spdlog::critical("the store has failed, stopping at once: {}", error.message);
    spdlog::default_logger()->flush();
    _exit(kExitCommitFailed);
  }

  Result<void> listen() {
    const std::string socket = options.run + "/drover.sock";
    if (auto listening = agents.listen(options.run + "/agent.sock"); !listening) return listening;
    if (auto listening = http->listen_unix(socket, config.shared_socket ? 0666 : 0600); !listening)
      return listening;
    if (config.port < 0) return {};
    auto bound = http->listen_tcp("127.0.0.1", std::uint16_t(config.port));
    if (!bound) return fail(bound.error());
    port = *bound;
    linkis.set_port(port);
    return write_file(options.run + "/http.port", std::to_string(port) + "\n");
  }

  // At start what is wrong ends it; later the old tokens stay.
  Result<void> load_linkis() { return linkis.configure(config, options.data); }

  void reload_licences(const Config& fresh) {
    if (fresh.licences == config.licences) return;
    const auto words = rm::licence_words(fresh.licences, {});
    const auto named = controller.resources().names().with(words);
    if (!named) {
      spdlog::error("[licences] not loaded, the old ones stay: {}", named.error().message);
      return;
    }
    config.licences = fresh.licences;
    turn.push(sched::SetLicences{fresh.licences});
  }

  void reload() {
    auto fresh = effective_config(options);
    if (!fresh) {
      spdlog::error("configuration not loaded, the old one stays: {}", fresh.error().message);
      return metrics.set(FamilyId::ConfigReloadOk, {}, 0);
    }
    for (const ConfigKey& key : config_keys()) {
      if (!key.live) continue;
      std::visit([&](auto member) { config.*member = (*fresh).*member; }, key.member);
      const std::string name(key.name);
      config.origin.erase(name);
      if (const auto origin = fresh->origin.find(name); origin != fresh->origin.end())
        config.origin[name] = origin->second;
    }
    reload_licences(*fresh);
    configure();
    if (auto loaded = load_linkis(); !loaded)
      spdlog::error("linkis tokens not loaded, the old ones stay: {}", loaded.error().message);
    spdlog::info("configuration loaded again; keys that are not live need a restart");
  }

  // Stops taking requests, lets the last commits and answers out, then ends the loop.
  void stop() {
    if (std::exchange(stopping, true)) return;
    spdlog::info("stopping; running jobs go on");
    stop_timer.emplace(loop, [this] { loop.stop(); });
    stop_timer->start(kStopLimit);
    http->shutdown(kStopGrace, [this] { turn.when_quiet([this] { loop.stop(); }); });
  }
};

Daemon::Daemon(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Daemon::~Daemon() = default;

Result<std::unique_ptr<Daemon>> Daemon::start(const DaemonOptions& options) {
  auto config = effective_config(options);
  if (!config) return fail(config.error());
  for (const std::string& dir : {options.data, options.run})
    if (auto made = make_private_directory(dir); !made) return fail(made.error());
  if (config->shared_socket) {
    std::error_code ignored;
    std::filesystem::permissions(options.run, std::filesystem::perms(0711), ignored);
  }
  auto token = load_token(options.data + "/token");
  if (!token) return fail(token.error());
  auto store = store::Store::open(store_options(*config, options.data));
  if (!store) return fail(store.error());
  auto parts =
      std::make_unique<Parts>(options, std::move(*config), std::move(*store), std::move(*token));
  const Time begun = net::Loop::now().mono;
  auto recovered = recover(parts->store, parts->controller, parts->workflows, parts->engines);
  if (!recovered) return fail(recovered.error(), "recovering");
  parts->events.set_last(recovered->last_event);
  spdlog::info("recovered {} open jobs, {} tasks, {} nodes in {} ms", recovered->jobs,
               recovered->tasks, recovered->nodes, (net::Loop::now().mono - begun).us / 1000);
  if (auto loaded = parts->load_linkis(); !loaded) return fail(loaded.error(), "linkis");
  if (auto seen = parts->linkis.watch.restore(parts->store); !seen) return fail(seen.error());
  if (auto listening = parts->listen(); !listening) return fail(listening.error());
  return std::unique_ptr<Daemon>(new Daemon(std::move(parts)));
}

int Daemon::serve() {
  Parts& p = *parts_;
  p.loop.after_io([&p] { p.turn.run(); });
  p.loop.on_signal(SIGTERM, [&p] { p.stop(); });
  p.loop.on_signal(SIGINT, [&p] { p.stop(); });
  p.loop.on_signal(SIGHUP, [&p] { p.reload(); });
  p.turn.push(sched::Tick{});  // open jobs that recovery brought back go on
  spdlog::info("droverd {}: ready on {}/drover.sock{}", kVersion, p.options.run,
               p.port != 0 ? " and 127.0.0.1:" + std::to_string(p.port) : "");
  if (const char* fd_text = std::getenv("NOTIFY_FD")) {
    if (const auto fd = parse_integer(fd_text, 3, 1 << 20, "NOTIFY_FD")) {
      const ssize_t written = write(int(*fd), "READY=1\n", 8);
      if (written != 8) spdlog::warn("NOTIFY_FD cannot be written");
      close(int(*fd));
    }
    unsetenv("NOTIFY_FD");
  }
  p.loop.run();
  p.consumers.stop();
  spdlog::info("stopped");
  return 0;
}

}  // namespace drover::server
