// tests/unit/server/reservation_api_test.cpp - reservations over HTTP: made, shown, refused.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "harness.hpp"

namespace drover::server::testing {
namespace {

const Asker kAnnAsks{kAnn, {}, {}};
const Asker kOperator{kDaemon, {}, {}};
const std::string kAll = "/api/v1/reservations";

void add_node(Harness& server, const std::string& name) {
  server.on_loop([&] {
    sched::NodeUp up;
    up.spec.name = name;
    up.spec.topology = rm::make_topology(1, 1, 4, 1, 1000);
    up.boot_id = "b";
    up.session = SessionId{1};
    server.services().turn.push(std::move(up));
  });
}

TEST(ReservationApi, One_is_made_shown_changed_and_removed) {
  Harness server;
  add_node(server, "n1");
  add_node(server, "n2");
  const auto made = server.ask(kOperator, "PUT", kAll + "/course",
                               R"({"start":"now+1hour","time":"2h","nodes":"n[1-2]","cpus":2,
        "users":["ann"],"accounts":["physics"],"repeat":"daily","comment":"week 3"})");
  ASSERT_EQ(made.status, 200) << made.body;
  const auto row = made.json()["reservations"][0];
  EXPECT_EQ(row["name"], "course");
  EXPECT_EQ(row["state"], "planned");
  EXPECT_EQ(row["nodes"], "n[1-2]");
  EXPECT_EQ(row["node_count"], 2);
  EXPECT_EQ(row["whole_nodes"], false);
  EXPECT_EQ(row["cpus"], 2);
  EXPECT_EQ(row["time_s"], 7200);
  EXPECT_TRUE(row["licences"].empty());
  EXPECT_EQ(row["repeat"], "daily");
  EXPECT_EQ(row["users"][0], "ann");
  EXPECT_EQ(server.ask(kAnnAsks, "GET", kAll).json()["reservations"], made.json()["reservations"]);
  const auto node = server.ask(kAnnAsks, "GET", "/api/v1/nodes/n1").json()["nodes"][0];
  EXPECT_EQ(node["reservation"], "");
  EXPECT_EQ(node["next_reservation"]["name"], "course");

  EXPECT_EQ(server
                .ask(kOperator, "PUT", kAll + "/course",
                     R"({"time_s":60,"nodes":["n1"],"users":["ann"],"only_new":true})")
                .status,
            409);
  const auto changed = server.ask(kOperator, "PUT", kAll + "/course",
                                  R"({"time_s":60,"nodes":["n1"],"maintenance":true})");
  ASSERT_EQ(changed.status, 200) << changed.body;
  EXPECT_EQ(changed.json()["reservations"][0]["state"], "active");
  const auto held = server.ask(kAnnAsks, "GET", "/api/v1/nodes/n1").json()["nodes"][0];
  EXPECT_EQ(held["state"], "maintenance");
  EXPECT_EQ(held["reservation"], "course");

  EXPECT_EQ(server.ask(kOperator, "DELETE", kAll + "/course").json()["jobs"], 0);
  EXPECT_EQ(server.ask(kAnnAsks, "GET", kAll + "/course").status, 404);
}

TEST(ReservationApi, What_is_wrong_is_said_by_field) {
  Harness server;
  add_node(server, "n1");
  struct Row {
    const char* body;
    int status;
    const char* field;
  };
  for (const Row& row : {
           Row{R"({"time":"2h","nodes":"n1"})", 400, "users"},
           Row{R"({"time":"2h","nodes":"n2","users":["ann"]})", 404, "nodes"},
           Row{R"({"nodes":"n1","users":["ann"]})", 400, "time"},
           Row{R"({"time":"2h","users":["ann"]})", 400, "nodes"},
           Row{R"({"time":"2h","nodes":"n1","node_count":1,"users":["ann"]})", 400, "nodes"},
           Row{R"({"time":"2h","node_count":2,"users":["ann"]})", 409, "nodes"},
           Row{R"({"time":"2h","end":"now+1hour","nodes":"n1","users":["ann"]})", 400, "end"},
           Row{R"({"start":"2020-01-01","time":"2h","nodes":"n1","users":["ann"]})", 400, "start"},
           Row{R"({"time":"2h","nodes":"n1","users":["ann"],"cpus":5})", 400, "nodes"},
           Row{R"({"time":"2h","nodes":"n1","users":["ann"],"mem_mib":5})", 400, "cpus"},
           Row{R"({"time":"2h","nodes":"n1","users":["ann"],"repeat":"hourly"})", 400, "repeat"},
           Row{R"({"time":"2h","nodes":"n1","users":["ann"],"licences":{"a":1}})", 404, "licences"},
           Row{R"({"time":"2h","nodes":"n1","users":["ann"],"licences":{"a":0}})", 400,
               "licences.a"},
           Row{R"({"time":"2h","nodes":"n1","users":["ann"],"magnetik":true})", 400, "magnetik"},
           Row{R"({"time":"2h","nodes":"n1","maintenance":true,"magnetic":true})", 400, "magnetic"},
           Row{R"({"time":"2h","nodes":"n[1-","users":["ann"]})", 400, ""},
           Row{"[]", 400, ""},
       }) {
    const auto said = server.ask(kOperator, "PUT", kAll + "/r", row.body);
    EXPECT_EQ(said.status, row.status) << row.body << said.body;
    if (*row.field != 0) {
      EXPECT_EQ(said.json()["error"]["field"], row.field) << said.body;
    }
  }
  const std::string good = R"({"time":"2h","nodes":"n1","users":["ann"]})";
  EXPECT_EQ(server.ask(kAnnAsks, "PUT", kAll + "/r", good).status, 403);
  EXPECT_EQ(server.ask(kOperator, "DELETE", kAll + "/r").status, 404);
  EXPECT_EQ(server.ask(kOperator, "PUT", kAll + "/r", good).status, 200);
  const std::string job = R"({"argv":["true"],"cwd":"/tmp","name":"j","time":"10m","reservation":)";
  EXPECT_EQ(server.ask(kAnnAsks, "POST", "/api/v1/jobs", job + "\"q\"}").status, 404);
  EXPECT_EQ(server.ask(kAnnAsks, "POST", "/api/v1/jobs", job + "\"r\"}").status, 403)
      << "the uid has another name here";
}

}  // namespace
}  // namespace drover::server::testing
