// tests/unit/server/harness.hpp - a controller's parts in one process, asked as anybody.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <gtest/gtest.h>
#include <stdlib.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "sched/plan_request.hpp"
#include "server/collect_metrics.hpp"
#include "server/linkis_desk.hpp"
#include "server/recovery.hpp"
#include "server/router.hpp"
#include "server/statement_reuse.hpp"
#include "server/workflow_ports.hpp"

namespace drover::server::testing {

struct Said {  // an answer as the caller saw it
  int status = 0;
  std::string content_type, body;
  std::vector<std::pair<std::string, std::string>> headers;
  nlohmann::json json() const { return nlohmann::json::parse(body, nullptr, false); }
};

class Recorder : public Answer {
 public:
  std::promise<Said> done;
  // Streams are over for the test once the first of `until` was written.
  std::string until;

  void send(net::HttpResponse response) override {
    said_ = {response.status, response.content_type, response.body, response.headers};
    finish();
  }
  void begin_stream(int status, std::string content_type,
                    std::vector<std::pair<std::string, std::string>> headers) override {
    said_ = {status, std::move(content_type), {}, std::move(headers)};
  }
  bool write(std::string_view data) override {
    if (finished_) return false;
    said_.body += data;
    if (!until.empty() && said_.body.find(until) != std::string::npos) finish();
    return !finished_;
  }
  void end() override { finish(); }
  std::size_t buffered() const override { return 0; }
  bool is_gone() const override { return finished_; }
  void on_gone(std::function<void()>) override {}

 private:
  void finish() {
    if (std::exchange(finished_, true)) return;
    done.set_value(said_);
  }
  Said said_;
  bool finished_ = false;
};

inline constexpr std::uint32_t kDaemon = 900, kAnn = 2001, kBob = 2002;
inline const std::string kToken = std::string(64, 't');

struct Asker {
  std::optional<std::uint32_t> uid;  // nothing = over TCP
  std::string token;
  std::string address;  // of a TCP peer; nothing = one that nobody else has
};

class Harness {
 public:
  explicit Harness(Config config = {})
      : dir_(make_dir()),
        config_(std::move(config)),
        store_(open()),
        controller_(sched::ControllerConfig{}),
        workflows_(controller_, workflow_ports(admission_, store_, {})),
        engines_(
            controller_,
            [this](sched::JobSpec spec) { return admission_.prepare_engine(std::move(spec)); }),
        auth_(kToken, kDaemon, kDaemon, users_),
        specs_(store_),
        turn_(loop_, controller_, workflows_, engines_, store_, metrics_, config_,
              {[this](const sched::Changes& changes) {
                 for (const auto& job : changes.new_jobs) specs_.put(job.id, job.spec);
                 observe_changes(metrics_, changes);
                 events_.publish(changes.events);
               },
               [this](std::vector<sched::Action> actions) { perform(actions); }, [] {},
               [](const Error& error) { ADD_FAILURE() << error.message; }}),
        admission_(turn_, store_, users_, metrics_, kDaemon),
        linkis_(loop_, turn_, auth_, users_),
        agents_(loop_, turn_, specs_, users_, metrics_, kDaemon, 1),
        consumers_(
            1,
            [this](JobId id) -> Result<dag::JobRequest> {
              auto spec = specs_.find(id);
              if (!spec) return fail(spec.error());
              return sched::to_plan_request(**spec);
            },
            [this](std::vector<sched::PlanReady> plans) {
              loop_.post([this, plans = std::move(plans)]() mutable {
                for (auto& plan : plans) turn_.push(std::move(plan));
              });
            }),
        services_(new Services{config_, loop_, store_, controller_, workflows_, engines_,
                               consumers_, turn_, admission_, agents_, events_, specs_, users_,
                               metrics_, kDaemon, net::Loop::now().wall,
                               [] { return net::HttpCounters{}; }}),
        router_(*services_, auth_) {
    admission_.set_find_earlier(
        [this](std::shared_ptr<const sched::JobSpec> spec, Admission::OnEarlier done) {
          find_earlier(*services_, std::move(spec), std::move(done));
        });
    admission_.configure(config_);
    auto catalogue = std::make_shared<pool::Catalogue>();
    pool::Plugin python;
    python.type = "python";
    python.languages = {"python"};
    python.command = {"{plugin}/engine"};
    EXPECT_TRUE(catalogue->add(std::move(python)));
    admission_.set_catalogue(catalogue);
    engines_.set_catalogue(catalogue);
    auth_.configure(config_);
    if (config_.linkis_enabled) {
      EXPECT_TRUE(linkis_.configure(config_, dir_));
      services_->linkis = &linkis_;
    }
    loop_.after_io([this] { turn_.run(); });
    thread_ = std::thread([this] { loop_.run(); });
  }
  ~Harness() {
    consumers_.stop();
    loop_.stop();
    thread_.join();
    std::filesystem::remove_all(dir_);
  }

  Said ask(const Asker& who, std::string method, std::string path, std::string body = {},
           std::vector<std::pair<std::string, std::string>> headers = {}, std::string until = {}) {
    net::HttpRequest request;
    request.method = std::move(method);
    const std::size_t mark = path.find('?');
    request.path = path.substr(0, mark);
    if (mark != std::string::npos) add_query(request, path.substr(mark + 1));
    request.body = std::move(body);
    request.headers = std::move(headers);
    if (who.uid)
      request.peer.credentials = net::Credentials{*who.uid, *who.uid, 1};
    else
      request.headers.emplace_back("host", "127.0.0.1:80");
    request.peer.address =
        who.address.empty() ? "peer-" + std::to_string(next_peer_++) + ":1" : who.address;
    if (!who.token.empty()) request.headers.emplace_back("authorization", "Bearer " + who.token);
    auto recorder = std::make_shared<Recorder>();
    recorder->until = std::move(until);
    auto said = recorder->done.get_future();
    loop_.post([this, request = std::move(request), recorder]() mutable {
      router_.answer(std::move(request), recorder);
    });
    if (said.wait_for(std::chrono::seconds(10)) != std::future_status::ready) {
      ADD_FAILURE() << "no answer in 10 s";
      return {};
    }
    return said.get();
  }
  // Runs `work` on the loop thread and waits for it.
  void on_loop(const std::function<void()>& work) {
    std::promise<void> done;
    loop_.post([&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }
  std::uint64_t submit(std::uint32_t uid,
                       const std::string& spec = R"({"argv":["true"],"cwd":"/tmp","hold":true})") {
    const Said said = ask({uid, {}, {}}, "POST", "/api/v1/jobs", spec);
    EXPECT_EQ(said.status, 201) << said.body;
    return said.status == 201 ? said.json()["id"].get<std::uint64_t>() : 0;
  }
  std::uint64_t submit_workflow(std::uint32_t uid, const std::string& document =
                                                       "name = \"w\"\n[[step]]\nname = \"a\"\n"
                                                       "command = [\"true\"]\n") {
    const nlohmann::json body{
        {"document", document}, {"origin", "w.toml"}, {"defaults", {{"cwd", "/tmp"}}}};
    const Said said = ask({uid, {}, {}}, "POST", "/api/v1/workflows", body.dump());
    EXPECT_EQ(said.status, 201) << said.body;
    return said.status == 201 ? said.json()["id"].get<std::uint64_t>() : 0;
  }
  Services& services() { return *services_; }

 private:
  static std::string make_dir() {
    char path[] = "/tmp/drover-server-XXXXXX";
    return mkdtemp(path);
  }
  store::Store open() {
    store::StoreOptions options;
    options.dir = dir_ + "/store";
    auto store = store::Store::open(options);
    if (!store) throw std::runtime_error(store.error().message);
    return std::move(*store);
  }
  static void add_query(net::HttpRequest& request, std::string text) {
    while (!text.empty()) {
      const std::size_t end = text.find('&');
      const std::string pair = text.substr(0, end);
      request.query.emplace_back(pair.substr(0, pair.find('=')), pair.substr(pair.find('=') + 1));
      text = end == std::string::npos ? "" : text.substr(end + 1);
    }
  }
  void perform(const std::vector<sched::Action>& actions) {
    std::vector<sched::CompileJob> compiles;
    for (const auto& action : actions)
      if (const auto* compile = std::get_if<sched::CompileJob>(&action))
        compiles.push_back(*compile);
    if (!compiles.empty()) consumers_.submit(compiles);
  }

  std::string dir_;
  std::atomic<std::uint64_t> next_peer_{1};  // several threads may ask
  Config config_;
  metrics::Metrics metrics_;
  net::Loop loop_;
  store::Store store_;
  sched::Controller controller_;
  flow::Conductor workflows_;
  pool::EnginePool engines_;
  Users users_;
  Auth auth_;
  EventHub events_;
  SpecCache specs_;
  Turn turn_;
  Admission admission_;
  LinkisDesk linkis_;
  Agents agents_;
  sched::Consumers consumers_;
  std::unique_ptr<Services> services_;
  Router router_;
  std::thread thread_;
};

}  // namespace drover::server::testing
