// tests/unit/server/linkis_api_test.cpp - Linkis routes with every kind of caller, and logins.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <pwd.h>
#include <sys/stat.h>

#include <fstream>

#include "harness.hpp"
#include "linkis/cookie.hpp"
#include "server/api_linkis.hpp"

namespace drover::server::testing {
namespace {

using Json = nlohmann::json;
const std::string kBase = "/api/rest_j/v1";

Config linkis_config() {
  Config config;
  config.linkis_enabled = true;
  config.engine_results = "/tmp/drover-linkis-test";
  return config;
}

std::string body_of(const std::string& user, const std::string& creator = "IDE") {
  return Json{{"executionContent", {{"code", "1"}, {"runType", "python"}}},
              {"labels", {{"engineType", "python-3"}, {"userCreator", user + "-" + creator}}}}
      .dump();
}

Json data_of(const Said& said) {
  EXPECT_EQ(said.status, 200) << said.body;
  return said.json()["data"];
}

TEST(Linkis, what_is_somebody_elses_is_answered_as_what_is_not_there) {
  Harness server(linkis_config());
  const Asker ann{kAnn, {}, {}}, bob{kBob, {}, {}}, boss{kDaemon, {}, {}};
  const Json made =
      data_of(server.ask(ann, "POST", kBase + "/entrance/submit", body_of(std::to_string(kAnn))));
  const std::string task = std::to_string(made["taskID"].get<std::uint64_t>());
  const std::string exec_id = made["execID"];
  const std::string unknown(task.size(), '9');
  for (const std::string path :
       {"/entrance/*/status", "/entrance/*/progress", "/entrance/*/log",
        "/entrance/*/progressWithResource", "/entrance/*/pause", "/entrance/*/kill",
        "/jobhistory/*/get", "/jobhistory/job-extra-info?jobId=*",
        "/jobhistory/diagnosis-query?taskID=*"}) {
    const auto with = [&](std::string id) {
      std::string text = kBase + path;
      return text.replace(text.find('*'), 1, id);
    };
    Said foreign = server.ask(bob, "GET", with(task));
    Said missing = server.ask(bob, "GET", with(unknown));
    EXPECT_EQ(foreign.status, 403) << path << foreign.body;
    EXPECT_EQ(missing.status, foreign.status) << path;
    for (std::size_t at; (at = missing.body.find(unknown)) != std::string::npos;)
      missing.body.replace(at, unknown.size(), task);
    EXPECT_EQ(foreign.body, missing.body) << path;
    EXPECT_EQ(server.ask(bob, "GET", with(exec_id)).status, 403) << path;
    if (path.find("kill") == std::string::npos) {
      EXPECT_EQ(server.ask(ann, "GET", with(exec_id)).status, 200) << path;
      EXPECT_EQ(server.ask(boss, "GET", with(task)).status, 200) << path << ": operators see all";
    }
  }
  EXPECT_EQ(data_of(server.ask(bob, "GET", kBase + "/jobhistory/list?isAdminView=true"))["tasks"],
            Json::array());
  EXPECT_EQ(data_of(server.ask(bob, "GET", kBase + "/jobhistory/list-taskids?taskID=" + task)),
            (Json{{"jobHistoryList", Json::array()}}));
  const std::string kills = Json{{"idList", {exec_id}}, {"taskIDList", {1}}}.dump();
  const Json killed =
      data_of(server.ask(bob, "POST", kBase + "/entrance/" + exec_id + "/killJobs", kills));
  EXPECT_EQ(killed["messages"][0]["status"], 3);
  EXPECT_EQ(
      data_of(server.ask(boss, "GET", kBase + "/jobhistory/list?isAdminView=true"))["totalPage"],
      1);
  EXPECT_EQ(server.ask(ann, "GET", kBase + "/entrance/" + exec_id + "/kill").status, 200);
}

TEST(Linkis, history_finds_what_is_asked_for_however_old_it_is) {
  Config config = linkis_config();
  config.page_scan = 8;  // more than engines that start
  Harness server(std::move(config));
  const Asker ann{kAnn, {}, {}}, bob{kBob, {}, {}};
  const auto submit = [&] {
    const Json made =
        data_of(server.ask(ann, "POST", kBase + "/entrance/submit", body_of(std::to_string(kAnn))));
    return made["taskID"].get<std::uint64_t>();
  };
  const auto total = [&](const Asker& asker, const std::string& rest) {
    return data_of(server.ask(asker, "GET", kBase + "/jobhistory/" + rest))["totalPage"];
  };
  const std::string oldest = std::to_string(submit());
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(
        server.ask(ann, "GET", kBase + "/entrance/" + std::to_string(submit()) + "/kill").status,
        200);
  EXPECT_LE(total(ann, "list"), 8) << "the newest";
  EXPECT_EQ(total(ann, "list?taskID=" + oldest), 1);
  EXPECT_EQ(total(ann, "list?status=Failed&taskID=" + oldest), 0);
  EXPECT_EQ(total(ann, "list?taskID=99999"), 0);
  EXPECT_EQ(total(bob, "list?taskID=" + oldest), 0);
  EXPECT_EQ(
      data_of(server.ask(
          ann, "GET", kBase + "/jobhistory/jobstatistics/taskCount?taskID=" + oldest))["sumCount"],
      1);
  EXPECT_GE(total(ann, "list?status=Cancelled"), 1);
  EXPECT_EQ(total(ann, "list?status=WaitForRetry"), 0);
  EXPECT_EQ(total(ann, "list?status=Cancelled,WaitForRetry"), total(ann, "list?status=Cancelled"));
  EXPECT_EQ(total(ann, "listundone"), 1) << "those that have ended are not looked at";
  EXPECT_EQ(total(ann, "listundonetasks"), 1);
  const Json load = data_of(server.ask(ann, "GET", kBase + "/entrance/operation/metrics/taskinfo"));
  EXPECT_EQ(load["taskNumber"], 1);
}

TEST(Linkis, pages_of_the_console_find_what_they_read) {
  Harness server(linkis_config());
  const Asker ann{kAnn, {}, {}}, bob{kBob, {}, {}};
  EXPECT_EQ(
      server.ask(ann, "POST", kBase + "/entrance/submit", body_of(std::to_string(kAnn))).status,
      200);
  const auto get = [&](const std::string& path) {
    return data_of(server.ask(ann, "GET", kBase + path));
  };
  EXPECT_EQ(get("/configuration/engineType"), get("/linkisManager/rm/engineType"));
  EXPECT_EQ(get("/microservice/modifiableLabelKey"), (Json{{"keyList", Json::array()}}));
  const std::string history = "/linkisManager/ecinfo/ecrHistoryList";
  const Json records = get(history)["engineList"];
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0]["requestResource"]["instance"], 1);
  EXPECT_GE(records[0]["requestResource"]["cores"], 1);
  EXPECT_EQ(records[0]["releasedResource"],
            (Json{{"instance", 0}, {"instances", 0}, {"memory", 0}, {"cores", 0}, {"cpu", 0}}));
  EXPECT_TRUE(records[0]["engineType"].is_string());
  const auto total = [&](const std::string& query) {
    return get(history + "?" + query)["totalPage"];
  };
  EXPECT_EQ(total("startDate=2001-02-03 04:05:06&endDate=2999-01-01 00:00:00"), 1);
  EXPECT_EQ(total("startDate=2999-01-01 00:00:00"), 0);
  EXPECT_EQ(total("endDate=2001-02-03 04:05:06"), 0);
  EXPECT_EQ(total("startDate=&endDate=2001-02-03T04"), 1) << "no dates";
  const auto log_of = [&](const Asker& asker, const std::string& ticket) {
    const Json body{{"instance", "engine-9"}, {"parameters", {{"ticketId", ticket}}}};
    return server.ask(asker, "POST", kBase + "/linkisManager/openEngineLog", body.dump());
  };
  const std::string ticket = records[0]["ticketId"];
  EXPECT_EQ(log_of(bob, ticket).body, log_of(bob, "99999").body);
  EXPECT_NE(log_of(ann, ticket).body, log_of(ann, "99999").body) << "the ticket decides";
}

TEST(Linkis, lists_have_the_beginning_of_long_code) {
  Harness server(linkis_config());
  const Asker ann{kAnn, {}, {}};
  std::string code = "#";
  while (code.size() < 100'000) code += "\u00e9";
  Json body = Json::parse(body_of(std::to_string(kAnn)));
  body["executionContent"]["code"] = code;
  const Json made = data_of(server.ask(ann, "POST", kBase + "/entrance/submit", body.dump()));
  const Json listed =
      data_of(server.ask(ann, "GET", kBase + "/jobhistory/list"))["tasks"][0]["executionCode"];
  EXPECT_EQ(listed, code.substr(0, 4095)) << "no half of a character";
  const std::string task = std::to_string(made["taskID"].get<std::uint64_t>());
  EXPECT_EQ(data_of(server.ask(ann, "GET",
                               kBase + "/jobhistory/" + task + "/get"))["task"]["executionCode"],
            code);
}

TEST(Linkis, lists_leave_out_texts_rather_than_rows) {
  Harness server(linkis_config());
  const Asker ann{kAnn, {}, {}};
  Json body = Json::parse(body_of(std::to_string(kAnn)));
  body["params"]["long"] = std::string(200'000, 'x');
  constexpr std::size_t kTasks = 60;
  for (std::size_t i = 0; i < kTasks; ++i)
    data_of(server.ask(ann, "POST", kBase + "/entrance/submit", body.dump()));
  const Said said = server.ask(ann, "GET", kBase + "/jobhistory/list?pageSize=1000");
  EXPECT_LT(said.body.size(), std::size_t{9} << 20);
  const Json tasks = data_of(said)["tasks"];
  ASSERT_EQ(tasks.size(), kTasks);
  EXPECT_GT(tasks.front()["paramsJson"].get<std::string>().size(), 200'000u);
  EXPECT_EQ(tasks.back()["paramsJson"], "{}");
  EXPECT_EQ(tasks.back()["engineType"], "python");
  EXPECT_EQ(tasks.back()["requestApplicationName"], "IDE");
}

TEST(Linkis, an_execid_of_another_shape_names_nothing) {
  Harness server(linkis_config());
  const Asker ann{kAnn, {}, {}};
  const Json made =
      data_of(server.ask(ann, "POST", kBase + "/entrance/submit", body_of(std::to_string(kAnn))));
  const std::string task = std::to_string(made["taskID"].get<std::uint64_t>());
  const std::string user = std::to_string(kAnn);
  for (const std::string& name :
       {"IDE_" + user + "_python_" + task, task,
        "exec_id018003linkis-cg-entranceh:1IDE_" + user + "_python_" + task})
    EXPECT_EQ(server.ask(ann, "GET", kBase + "/entrance/" + name + "/status").status, 200) << name;
  for (const std::string& name : {"dss_" + user + "_python_" + task, "IDE_root_python_" + task,
                                  "IDE_" + user + "_sql_" + task})
    EXPECT_EQ(server.ask(ann, "GET", kBase + "/entrance/" + name + "/status").status, 403) << name;
  // A batch job is no task.
  const std::string batch = std::to_string(server.submit(kAnn));
  EXPECT_EQ(server.ask(ann, "GET", kBase + "/entrance/" + batch + "/status").status, 403);
}

TEST(Linkis, every_route_wants_a_login_and_says_so_only_then) {
  Harness server(linkis_config());
  for (const Route& route : linkis_routes()) {
    std::string path(route.path);
    if (const std::size_t at = path.find("{name}"); at != std::string::npos)
      path.replace(at, 6, "12");
    const Said stranger = server.ask({std::nullopt, "", ""}, std::string(route.method), path);
    const bool is_open = route.rule.access == Access::Anyone;
    if (!is_open) {
      EXPECT_EQ(stranger.status, 401) << path << stranger.body;
      EXPECT_EQ(stranger.json()["status"], -1) << path;
    }
    const Said known = server.ask({kAnn, "", ""}, std::string(route.method), path);
    if (!path.ends_with("/login")) {
      EXPECT_NE(known.status, 401) << path << known.body;
      if (known.body.starts_with("error("))  // downloads say it so
        EXPECT_EQ(known.status, 400) << path << known.body;
      else if (path.ends_with("/download-job-list"))
        EXPECT_TRUE(known.body.starts_with("PK")) << "a workbook";
      else
        EXPECT_NE(known.json()["status"], -1) << path;
    }
  }
}

TEST(Linkis, is_not_there_unless_it_is_switched_on) {
  Harness server;
  EXPECT_EQ(server.ask({kAnn, "", ""}, "GET", kBase + "/gateway/heartbeat").status, 404);
  EXPECT_EQ(server.ask({std::nullopt, "", ""}, "GET", kBase + "/user/login").status, 401);
}

// A browser asks before a page of another origin may send more than a plain form.
TEST(Linkis, only_listed_pages_of_other_origins_are_let_in) {
  Config config = linkis_config();
  config.linkis_origins = {"https://portal.example"};
  Harness server(config);
  const Asker ann{kAnn, {}, {}}, nobody{{}, {}, {}};
  const std::string submit = kBase + "/entrance/submit";
  const auto header = [](const Said& said, std::string_view name) {
    std::string all;
    for (const auto& [known, value] : said.headers)
      if (known == name) all += (all.empty() ? "" : "|") + value;
    return all;
  };
  struct Case {
    const char *origin, *path, *asks, *names;
    int status;
    const char *allowed, *may_send;
  };
  const char* const usual = "Content-Type, Token-User, Token-Code, Token-Alive, webLogin";
  for (const Case& c : {
           Case{"https://portal.example", "/entrance/submit", "POST", "", 200,
                "https://portal.example", usual},
           Case{"https://portal.example", "/filesystem/openFile", "GET", "content-type, weblogin",
                200, "https://portal.example", "content-type, weblogin"},
           Case{"https://portal.example", "/entrance/submit", "POST", "x\r\nSet-Cookie: a", 200,
                "https://portal.example", usual},
           Case{"https://portal.example.evil", "/entrance/submit", "POST", "", 403, "", ""},
           Case{"https://portal.example", "/entrance/submit", "", "", 401, "https://portal.example",
                ""},
           Case{"null", "/entrance/submit", "POST", "", 403, "", ""},
           Case{"*", "/entrance/submit", "POST", "", 403, "", ""},
       }) {
    const Said said = server.ask(nobody, "OPTIONS", kBase + c.path, {},
                                 {{"origin", c.origin},
                                  {"access-control-request-method", c.asks},
                                  {"access-control-request-headers", c.names}});
    EXPECT_EQ(said.status, c.status) << c.origin << said.body;
    EXPECT_EQ(header(said, "Access-Control-Allow-Origin"), c.allowed) << c.origin;
    EXPECT_EQ(header(said, "Access-Control-Allow-Headers"), c.may_send) << c.origin;
  }
  const Said made = server.ask(ann, "POST", submit, body_of(std::to_string(kAnn)),
                               {{"origin", "https://portal.example"}});
  EXPECT_EQ(made.status, 200) << made.body;
  EXPECT_EQ(header(made, "Access-Control-Allow-Credentials"), "true");
  EXPECT_EQ(header(made, "Vary"), "Origin");
  const Said refused = server.ask(nobody, "GET", kBase + "/jobhistory/list", {},
                                  {{"origin", "https://portal.example"}});
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(header(refused, "Access-Control-Allow-Origin"), "https://portal.example")
      << "a page may read why it was refused";
  // Drover's own API is not for pages, whatever is listed; nor are other Hosts.
  const Said native =
      server.ask(ann, "OPTIONS", "/api/v1/jobs", {},
                 {{"origin", "https://portal.example"}, {"access-control-request-method", "POST"}});
  EXPECT_EQ(native.status, 403);
  EXPECT_EQ(header(native, "Access-Control-Allow-Origin"), "");
  const Said rebound = server.ask(nobody, "OPTIONS", submit, {},
                                  {{"host", "evil.example"},
                                   {"origin", "https://portal.example"},
                                   {"access-control-request-method", "POST"}});
  EXPECT_EQ(rebound.status, 403);
}

// A page shows a picture whose address is one of ours, or has a link to it: no Origin comes along.
TEST(Linkis, foreign_pages_end_nothing_by_get_either) {
  Config config = linkis_config();
  config.linkis_origins = {"https://portal.example"};
  Harness server(config);
  const Asker ann{kAnn, {}, {}};
  struct Case {
    const char *site, *origin;
    int status;
  };
  for (const char* path : {"/entrance/*/kill", "/user/logout", "/user/login"})
    for (const Case& c : {
             Case{"cross-site", "", 403},
             Case{"same-site", "", 403},  // another port, a sibling name: the cookie comes along
             Case{"cross-site", "https://evil.example", 403},
             Case{"", "https://evil.example", 403},
             Case{"", "null", 403},
             Case{"cross-site", "https://portal.example", 200},
             Case{"same-origin", "", 200},
             Case{"none", "", 200},
             Case{"", "", 200},
         }) {
      const Json made = data_of(
          server.ask(ann, "POST", kBase + "/entrance/submit", body_of(std::to_string(kAnn))));
      const std::string task = std::to_string(made["taskID"].get<std::uint64_t>());
      std::string whole = kBase + path;
      if (const auto at = whole.find('*'); at != whole.npos) whole.replace(at, 1, task);
      const Said said =
          server.ask(ann, "GET", whole, {}, {{"origin", c.origin}, {"sec-fetch-site", c.site}});
      EXPECT_EQ(said.status == 403, c.status == 403) << path << c.site << c.origin << said.body;
      if (std::string_view(path) != "/entrance/*/kill") continue;
      const Said shown = server.ask(ann, "GET", kBase + "/entrance/" + task + "/status", {},
                                    {{"sec-fetch-site", "same-site"}});
      EXPECT_EQ(data_of(shown)["status"] == "Cancelled", c.status == 200) << c.site << c.origin;
    }
}

class Logins : public ::testing::Test {
 protected:
  void SetUp() override {
    char dir[] = "/tmp/drover-logins-XXXXXX";
    ASSERT_NE(mkdtemp(dir), nullptr);
    path_ = std::string(dir) + "/linkis.tokens";
    ASSERT_TRUE(logins_.load(path_));
    std::ifstream file(path_);
    for (std::string line; std::getline(file, line);)
      if (!line.starts_with('#')) token_ = line.substr(0, line.find(' '));
  }
  void TearDown() override {
    std::filesystem::remove_all(std::filesystem::path(path_).parent_path());
  }
  Result<Caller> log_in(const std::string& user, const std::string& password) {
    return logins_.check_password(user, password, "10.0.0.7:4711", Time{1});
  }
  static constexpr Time at(std::int64_t s) { return Time{} + seconds(s); }

  Users users_;
  Auth auth_{kToken, geteuid(), getegid(), users_};
  LinkisLogins logins_{auth_, users_};
  std::string path_, token_;
  const std::string me_ = users_.of(geteuid()).name;
};

TEST_F(Logins, the_first_token_is_random_private_and_kept) {
  EXPECT_EQ(token_.size(), 64u);
  struct stat info {};
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0600u);
  LinkisLogins again(auth_, users_);
  ASSERT_TRUE(again.load(path_));
  EXPECT_TRUE(again.check_password(me_, token_, "10.0.0.7:1", Time{1}));
  ASSERT_EQ(chmod(path_.c_str(), 0640), 0);
  EXPECT_EQ(again.load(path_).error().code, Errc::Denied);
  EXPECT_TRUE(again.check_password(me_, token_, "10.0.0.7:1", Time{1})) << "the old one stays";
}

TEST_F(Logins, every_refusal_is_the_same) {
  const auto right = log_in(me_, token_);
  ASSERT_TRUE(right);
  EXPECT_EQ(right->uid, geteuid());
  EXPECT_TRUE(right->is_operator);
  EXPECT_TRUE(log_in(me_, kToken)) << "the daemon's token, for the daemon's user";
  const std::string wrong = log_in(me_, "x").error().message;
  struct Row {
    const char* what;
    std::string user, password;
  };
  for (const Row& row : {Row{"no user", "", token_}, Row{"no such user", "no-such-user", token_},
                         Row{"no password", me_, ""}, Row{"a part", me_, token_.substr(1)},
                         Row{"the daemon's token for another", "nobody", kToken},
                         Row{"long", std::string(1000, 'u'), token_}}) {
    const auto refused = log_in(row.user, row.password);
    ASSERT_FALSE(refused) << row.what;
    EXPECT_EQ(refused.error().message, wrong) << row.what;
    EXPECT_EQ(refused.error().field, "token") << row.what << ": it is answered slowly";
  }
  if (me_ != "nobody") {
    const auto nobody = log_in("nobody", token_);
    ASSERT_TRUE(nobody) << "'*' is everybody but operators";
    EXPECT_FALSE(nobody->is_operator);
  }
}

TEST_F(Logins, a_ticket_lives_while_it_is_used) {
  const Caller ann{kAnn, kAnn, "ann", false};
  const std::string ticket = logins_.open(ann, at(0));
  EXPECT_EQ(ticket.size(), 64u);
  for (int hour = 1; hour < 10; ++hour)
    EXPECT_EQ(logins_.holder(ticket, at(hour * 3600))->uid, kAnn) << hour;
  EXPECT_FALSE(logins_.holder(ticket, at(9 * 3600 + 7201)));
  EXPECT_EQ(logins_.sessions(), 0u);
  EXPECT_FALSE(logins_.holder("", at(0)));
  EXPECT_FALSE(logins_.holder(std::string(64, '0'), at(0)));
}

TEST_F(Logins, a_ticket_does_not_outlive_its_token_for_long) {
  const Caller ann{kAnn, kAnn, "ann", false};
  const std::string busy = logins_.open(ann, at(0));
  for (int hour = 1; hour <= 24; ++hour) EXPECT_TRUE(logins_.holder(busy, at(hour * 3600))) << hour;
  EXPECT_FALSE(logins_.holder(busy, at(25 * 3600))) << "a day is all";
  const std::string ticket = logins_.open(ann, at(0));
  ASSERT_TRUE(logins_.load(path_));
  EXPECT_TRUE(logins_.holder(ticket, at(1))) << "nothing has changed";
  std::ofstream(path_, std::ios::app) << "# another line\n";
  ASSERT_TRUE(logins_.load(path_));
  EXPECT_FALSE(logins_.holder(ticket, at(1)));
}

TEST_F(Logins, whoever_is_no_operator_any_more_has_no_rights_left) {
  const std::string ticket = logins_.open({kAnn, kAnn, "ann", true}, at(0));
  EXPECT_FALSE(logins_.holder(ticket, at(1))->is_operator);
}

TEST_F(Logins, tickets_are_bounded_and_who_has_many_loses_his_own) {
  const Caller ann{kAnn, kAnn, "ann", false}, bob{kBob, kBob, "bob", false};
  const std::string bobs = logins_.open(bob, at(0)), first = logins_.open(ann, at(1));
  for (std::size_t i = 0; i < LinkisLogins::kSessionsOfUser; ++i) logins_.open(ann, at(3));
  EXPECT_EQ(logins_.sessions(), LinkisLogins::kSessionsOfUser + 1);
  EXPECT_FALSE(logins_.holder(first, at(4)));
  EXPECT_TRUE(logins_.holder(bobs, at(4)));
}

TEST_F(Logins, requests_are_known_by_header_cookie_ticket_or_kernel) {
  const auto who = [&](std::vector<std::pair<std::string, std::string>> headers,
                       std::string proxy_user = {}) {
    net::HttpRequest request;
    request.headers = std::move(headers);
    request.peer.address = "10.0.0.7:1";
    if (!proxy_user.empty()) request.query.emplace_back("proxyUser", proxy_user);
    const auto caller = logins_.identify(request, {Time{1}, Time{1}});
    return caller ? caller->user : "-" + caller.error().field;
  };
  const std::string ticket = logins_.open({kAnn, kAnn, "ann", false}, Time{1});
  const std::string cookie = std::string(linkis::kTicketCookie) + "=" + ticket;
  EXPECT_EQ(who({{"token-user", me_}, {"token-code", token_}}), me_);
  EXPECT_EQ(who({{"cookie", "Token-User=" + me_ + "; Token-Code=" + token_}}), me_);
  EXPECT_EQ(who({{"cookie", cookie}}), "ann");
  EXPECT_EQ(who({{"cookie", cookie}, {"token-user", me_}, {"token-code", token_}}), me_);
  EXPECT_EQ(who({{"token-user", "null"}, {"token-code", token_}}, me_), me_);
  EXPECT_EQ(who({{"token-code", token_}}, me_), me_);
  EXPECT_EQ(who({{"token-user", me_}}), "-");
  EXPECT_EQ(who({}), "-");
  EXPECT_EQ(who({{"cookie", cookie + "x"}}), "-");
  EXPECT_EQ(who({{"token-user", me_}, {"token-code", "x"}}), "-token");
  EXPECT_EQ(who({{"cookie", cookie}, {"token-user", me_}, {"token-code", "x"}}), "-token");
}

}  // namespace
}  // namespace drover::server::testing
