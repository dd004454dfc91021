// tests/unit/sched/entrance_test.cpp - what the chain completes, and what it refuses, by table.
// SPDX-License-Identifier: Apache-2.0
#include "sched/entrance.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <ostream>

#include "dag/compile.hpp"
#include "sched/components.hpp"
#include "sched/plan_request.hpp"
#include "sched/policy_book.hpp"

namespace drover::sched {
namespace {

JobSpec good_script() {
  JobSpec spec;
  spec.owner = {.uid = 1000, .gid = 1000};
  spec.user = "ann";
  spec.script = "#!/bin/sh\ntrue\n";
  spec.cwd = "/home/ann";
  return spec;
}

TEST(Entrance, TheOrderOfTheChain) {
  std::string names;
  for (const Interceptor& link : interceptors()) names += std::string(link.name) + " ";
  EXPECT_EQ(names, "policy defaults labels limits statement code authorisation ");
}

TEST(Entrance, CompletesAScript) {
  JobSpec spec = good_script();
  spec.ntasks = 3;
  spec.cpus_per_task = 4;
  const auto admitted = admit(spec, {.time_limit_default = seconds(60)});
  ASSERT_TRUE(admitted) << admitted.error().message;
  EXPECT_EQ(admitted->name, "batch");
  EXPECT_EQ(admitted->out, "drover-%j.out");
  EXPECT_EQ(admitted->err, "") << "the same file as out";
  EXPECT_EQ(admitted->time_limit, seconds(60));
  EXPECT_EQ(admitted->request.cpus, 12);
  EXPECT_EQ(admitted->array, IndexSet::single(0));
  EXPECT_EQ(admitted->labels, (rm::Labels{{"creator", "cli"}, {"user", "ann"}}));
  EXPECT_EQ(*admit(*admitted, {.time_limit_default = seconds(60)}), *admitted)
      << "nothing is left to do";
}

TEST(Entrance, MakesARuleOfTheLayout) {
  JobSpec spec = good_script();
  spec.ntasks = 4;
  spec.cpus_per_task = 2;
  EXPECT_EQ(admit(spec, {})->request.cores, rm::CoreRule{}) << "nothing said is no class apart";
  spec.layout.threads_per_core = 1;
  spec.layout.ntasks_per_socket = 2;
  spec.layout.over_sockets = rm::SocketDealing::Cyclic;
  const auto admitted = admit(spec, {});
  ASSERT_TRUE(admitted) << admitted.error().message;
  EXPECT_EQ(admitted->request.cores, (rm::CoreRule{1, false, 2, true, 2, 0, 0}));
  EXPECT_EQ(*admit(*admitted, {}), *admitted);
}

TEST(Entrance, NamesNumbersThatContradict) {
  struct Row {
    void (*change)(JobSpec&);
    const char *message, *field;
  };
  const Row rows[] = {
      {[](JobSpec& s) { s.layout.ntasks_per_core = 2, s.cpus_per_task = 3; },
       "2 tasks on a core cannot have 3 CPUs each", "ntasks_per_core"},
      {[](JobSpec& s) { s.layout.ntasks_per_core = 2, s.layout.threads_per_core = 1; },
       "2 tasks on a core of which 1 thread is used", "ntasks_per_core"},
      {[](JobSpec& s) {
         s.ntasks = 5, s.layout.ntasks_per_socket = 2, s.layout.sockets_per_node = 2;
       },
       "2 sockets with 2 tasks each have no place for 5 tasks", "ntasks_per_socket"},
      {[](JobSpec& s) { s.ntasks = 2, s.ntasks_per_node = 2, s.layout.ntasks_per_socket = 3; },
       "3 tasks on a socket are more than 2 on the whole node", "ntasks_per_socket"},
      {[](JobSpec& s) {
         s.layout.over_sockets = rm::SocketDealing::FullCyclic, s.layout.ntasks_per_socket = 1;
       },
       "does not go with --ntasks-per-socket", "distribution"},
      {[](JobSpec& s) { s.layout.over_nodes = rm::NodeDealing::Plane; }, "a plane needs its size",
       "distribution"},
      {[](JobSpec& s) { s.layout.threads_per_core = -1; }, "threads_per_core is -1",
       "threads_per_core"},
      {[](JobSpec& s) { s.request.nodes = s.ntasks = 3, s.request.nodes_max = 2; },
       "at most 2 nodes are fewer than at least 3", "nodes"},
      {[](JobSpec& s) {
         s.request.nodes = s.ntasks = 2, s.request.contiguous = true, s.request.constraint = "a*1";
       },
       "cannot be counted by constraints as well", "contiguous"},
      {[](JobSpec& s) { s.array_throttle = 4; }, "array_throttle is for arrays", "array_throttle"},
      {[](JobSpec& s) { s.max_failures = 4; }, "max_failures is for arrays", "max_failures"},
      {[](JobSpec& s) { s.request.nodes = 2; }, "1 task cannot use 2 nodes", "nodes"},
  };
  for (const Row& row : rows) {
    JobSpec spec = good_script();
    row.change(spec);
    const auto admitted = admit(spec, {});
    ASSERT_FALSE(admitted) << row.message;
    EXPECT_NE(admitted.error().message.find(row.message), std::string::npos)
        << admitted.error().message;
    EXPECT_EQ(admitted.error().field, row.field);
    EXPECT_FALSE(admitted.error().hint.empty());
  }
}

TEST(Entrance, CompletesACommandAndAnArray) {
  JobSpec spec = good_script();
  spec.script.clear();
  spec.argv = {"/usr/bin/python3", "x.py"};
  spec.cwd.clear();
  spec.is_array = true;
  spec.array = *IndexSet::parse("1-1000000");
  spec.labels = {{"creator", "portal"}, {"user", "ann"}};
  const auto admitted = admit(spec, {});
  ASSERT_TRUE(admitted) << admitted.error().message;
  EXPECT_EQ(admitted->name, "python3");
  EXPECT_EQ(admitted->cwd, "/tmp");
  EXPECT_EQ(admitted->out, "drover-%A_%a.out");
  EXPECT_EQ(admitted->labels.at("creator"), "portal");
  EXPECT_EQ(admitted->array.count(), 1'000'000u);
}

TEST(Entrance, AMaximumWithoutADefaultIsTheDefault) {
  EXPECT_EQ(admit(good_script(), {.time_limit_max = seconds(5)})->time_limit, seconds(5));
}

TEST(Entrance, AUserWithoutANameIsANumber) {
  JobSpec spec = good_script();
  spec.user.clear();
  EXPECT_EQ(admit(spec, {})->labels.at("user"), "1000");
}

TEST(Entrance, WhoWantsNodesForItsUserIsKnownByItsOwner) {
  JobSpec spec = good_script();
  spec.request.sole_user = 1;  // whatever was sent
  EXPECT_EQ(admit(spec, {})->request.sole_user, 1001);
  EXPECT_EQ(*admit(*admit(spec, {}), {}), *admit(spec, {}));
  spec.request.exclusive = true;
  EXPECT_EQ(admit(spec, {})->request.sole_user, 0) << "alone is alone";
  PartitionSpec own;
  own.name = "own";
  own.is_default = own.exclusive_user = true;
  PolicyBook book;
  book.partitions = *PartitionTable::make({own});
  EntranceConfig config;
  config.policy = std::make_shared<const PolicyBook>(std::move(book));
  EXPECT_EQ(admit(good_script(), config)->request.sole_user, 1001);
}

TEST(Entrance, AllowedSystemAccountsPass) {
  JobSpec spec = good_script();
  spec.owner.uid = 0;
  EXPECT_EQ(admit(spec, {}).error().code, Errc::Denied);
  EXPECT_TRUE(admit(spec, {.uids_allowed = {0}}));
}

TEST(Entrance, ForbiddenCodeIsOffUntilASiteAsksForIt) {
  JobSpec spec = good_script();
  spec.script = "#!/usr/bin/env python3\nimport os; os.fork()\n";
  EntranceConfig config{.forbidden = {{.language = "python3", .text = "os.fork"}}};
  EXPECT_TRUE(admit(spec, config));
  config.check_code = true;
  const auto refused = admit(spec, config);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::Denied);
  EXPECT_EQ(refused.error().field, "script");
  spec.script = "#!/bin/sh\necho os.fork\n";
  EXPECT_TRUE(admit(spec, config)) << "another language";
  config.forbidden = {{.language = "", .text = "rm -rf /"}};
  spec.script.clear();
  spec.argv = {"sh", "-c", "rm -rf /"};
  EXPECT_EQ(admit(spec, config).error().field, "argv");
}

TEST(Entrance, WhatIsAdmittedCompiles) {
  JobSpec spec = good_script();
  spec.name = "a name: with anything, \xC3\xA9\xE2\x82\xAC even $";
  spec.labels = {{"team", "a@b:c"}, {"x/y.z", ""}};
  auto admitted = admit(spec, {});
  ASSERT_TRUE(admitted) << admitted.error().message;
  const auto plan = dag::compile(to_plan_request(*admitted));
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ((*plan)->exec_nodes().size(), 1u);
}

struct Refusal {
  const char* name;
  Errc code;
  const char* field;
  std::function<void(JobSpec&)> spoil;
  friend std::ostream& operator<<(std::ostream& out, const Refusal& r) { return out << r.name; }
};
class EntranceRefuses : public testing::TestWithParam<Refusal> {};

TEST_P(EntranceRefuses, WithFieldAndHint) {
  JobSpec spec = good_script();
  GetParam().spoil(spec);
  const auto admitted = admit(spec, {.time_limit_max = seconds(3600)});
  ASSERT_FALSE(admitted);
  EXPECT_EQ(admitted.error().code, GetParam().code) << admitted.error().message;
  EXPECT_EQ(admitted.error().field, GetParam().field) << admitted.error().message;
  EXPECT_FALSE(admitted.error().message.empty());
  EXPECT_FALSE(admitted.error().hint.empty());
}

using S = JobSpec;
using enum Errc;
INSTANTIATE_TEST_SUITE_P(
    All, EntranceRefuses,
    testing::Values(
        Refusal{"empty", BadInput, "script", [](S& s) { s.script.clear(); }},
        Refusal{"empty_command", BadInput, "script",
                [](S& s) {
                  s.script.clear();
                  s.argv = {""};
                }},
        Refusal{"long_script", Limit, "script", [](S& s) { s.script.append(5u << 20, 'x'); }},
        Refusal{"binary", BadInput, "script", [](S& s) { s.script = std::string("#!\0", 3); }},
        Refusal{"no_shebang", BadInput, "script", [](S& s) { s.script = "true\n"; }},
        Refusal{"crlf", BadInput, "script", [](S& s) { s.script = "#!/bin/sh\r\ntrue\r\n"; }},
        Refusal{"long_argument", Limit, "argv", [](S& s) { s.argv = {std::string(131'072, 'x')}; }},
        Refusal{"many_arguments", Limit, "argv", [](S& s) { s.argv.assign(16'385, "x"); }},
        Refusal{"large_env", Limit, "env",
                [](S& s) { s.env.assign(17, "A=" + std::string(131'000, 'x')); }},
        Refusal{"nul_in_argument", BadInput, "argv",
                [](S& s) { s.argv = {std::string("a\0b", 3)}; }},
        Refusal{"no_variable", BadInput, "env", [](S& s) { s.env = {"PATH"}; }},
        Refusal{"no_variable_name", BadInput, "env", [](S& s) { s.env = {"=x"}; }},
        Refusal{"long_name", Limit, "name", [](S& s) { s.name.assign(257, 'x'); }},
        Refusal{"name_with_escape", BadInput, "name", [](S& s) { s.name = "a\033[2J"; }},
        Refusal{"name_with_c1_control", BadInput, "name", [](S& s) { s.name = "\xC2\x9B"; }},
        Refusal{"name_not_utf8", BadInput, "name", [](S& s) { s.name = "\xff"; }},
        Refusal{"name_cut_utf8", BadInput, "name", [](S& s) { s.name = "\xE2\x82"; }},
        Refusal{"name_overlong_utf8", BadInput, "name", [](S& s) { s.name = "\xE0\x80\xAF"; }},
        Refusal{"name_surrogate", BadInput, "name", [](S& s) { s.name = "\xED\xA0\x80"; }},
        Refusal{"name_beyond_unicode", BadInput, "name",
                [](S& s) { s.name = "\xF4\x90\x80\x80"; }},
        Refusal{"comment", BadInput, "comment", [](S& s) { s.comment = "a\nb"; }},
        Refusal{"relative_cwd", BadInput, "cwd", [](S& s) { s.cwd = "data"; }},
        Refusal{"output", BadInput, "out", [](S& s) { s.out = "a\nb"; }},
        Refusal{"long_error", Limit, "err", [](S& s) { s.err.assign(4096, 'x'); }},
        Refusal{"label_key", BadInput, "labels", [](S& s) { s.labels["a b"] = "x"; }},
        Refusal{"label_key_start", BadInput, "labels", [](S& s) { s.labels["-a"] = "x"; }},
        Refusal{"label_that_names_two_groups", BadInput, "labels",
                [](S& s) { s.labels["creator"] = "cli,user=bob"; }},
        Refusal{"many_labels", Limit, "labels",
                [](S& s) {
                  for (int i = 0; i < 65; ++i) s.labels["k" + std::to_string(i)] = "v";
                }},
        Refusal{"another_user", Denied, "labels", [](S& s) { s.labels["user"] = "bob"; }},
        Refusal{"constraint", BadInput, "constraints",
                [](S& s) { s.request.node_labels["a"] = "b c"; }},
        Refusal{"ntasks", BadInput, "ntasks", [](S& s) { s.ntasks = 0; }},
        Refusal{"cpus_per_task", BadInput, "cpus_per_task", [](S& s) { s.cpus_per_task = -1; }},
        Refusal{"cpus_overflow", Limit, "ntasks",
                [](S& s) { s.ntasks = s.cpus_per_task = 1'000'000; }},
        Refusal{"mem", BadInput, "mem", [](S& s) { s.request.mem_mib = -1; }},
        Refusal{"gpus", BadInput, "gpus", [](S& s) { s.request.gpus = 1 << 20; }},
        Refusal{"empty_array", BadInput, "array", [](S& s) { s.is_array = true; }},
        Refusal{"large_array", Limit, "array",
                [](S& s) {
                  s.is_array = true;
                  s.array = IndexSet::from_runs({{0, 10'000'000, 1}});
                }},
        Refusal{"long_time", Limit, "time", [](S& s) { s.time_limit = seconds(3601); }},
        Refusal{"negative_time", BadInput, "time", [](S& s) { s.time_limit.us = -1; }},
        Refusal{"signal", BadInput, "signal", [](S& s) { s.warn.signal = 65; }},
        Refusal{"dependencies", Limit, "dependency",
                [](S& s) { s.dependencies.assign(1001, {DependencyKind::AfterOk, JobId{1}}); }},
        Refusal{"dependency", BadInput, "dependency",
                [](S& s) { s.dependencies = {{DependencyKind::AfterOk, JobId{0}}}; }},
        Refusal{"elements_of_no_array", BadInput, "dependency",
                [](S& s) { s.dependencies = {{DependencyKind::AfterCorr, JobId{1}}}; }},
        Refusal{"elements_or", Unsupported, "dependency",
                [](S& s) {
                  s.is_array = s.dependency_any = true;
                  s.array = IndexSet::single(0);
                  s.dependencies = {{DependencyKind::AfterCorr, JobId{1}}};
                }},
        Refusal{"elements_twice", BadInput, "dependency",
                [](S& s) {
                  s.is_array = true;
                  s.array = IndexSet::single(0);
                  s.dependencies.assign(2, {DependencyKind::AfterCorr, JobId{1}});
                }},
        Refusal{"retry_of_none", BadInput, "retry", [](S& s) { s.retry.delay = seconds(1); }},
        Refusal{"retries", BadInput, "retry", [](S& s) { s.retry.max = 1001; }},
        Refusal{"retry_on_nothing", BadInput, "retry",
                [](S& s) {
                  s.retry.max = 1;
                  s.retry.on = 0;
                }},
        Refusal{"long_item", Limit, "items",
                [](S& s) {
                  s.is_array = true;
                  s.array = IndexSet::single(0);
                  s.items.add(std::string(65'537, 'x'));
                }},
        Refusal{"binary_item", BadInput, "items",
                [](S& s) {
                  s.is_array = true;
                  s.array = IndexSet::single(0);
                  s.items.add(std::string_view("a\0", 2));
                }},
        Refusal{"items_without_elements", BadInput, "items",
                [](S& s) {
                  s.items.add("a");
                  s.items.add("b");
                }},
        Refusal{"priority", BadInput, "priority", [](S& s) { s.priority = 1'000'001; }},
        Refusal{"system_account", Denied, "user", [](S& s) { s.owner.uid = 33; }}),
    [](const auto& each) { return std::string(each.param.name); });

TEST(Entrance, ChecksEachComponent) {
  JobSpec part;
  part.request.nodes = 2;
  part.ntasks = 2;
  part.cpus_per_task = 3;
  JobSpec spec = good_script();
  add_component(spec, part);
  const auto good = admit(spec, {});
  ASSERT_TRUE(good) << good.error().message;
  EXPECT_EQ(good->request.more[0].cpus, 3);
  EXPECT_EQ(cpus_of(*good), 1 + 6);

  const auto refused = [&](auto change) {
    JobSpec other = part;
    change(other);
    JobSpec whole = good_script();
    add_component(whole, other);
    const auto answer = admit(whole, {});
    return answer ? std::string("taken") : answer.error().message;
  };
  EXPECT_EQ(refused([](JobSpec& of) { of.ntasks = 1; }), "component 2: 1 task cannot use 2 nodes");
  EXPECT_EQ(refused([](JobSpec& of) { of.request.nodes_max = 3; }),
            "component 2: a range of nodes is not offered for jobs of several components");
  EXPECT_EQ(refused([](JobSpec& of) { of.request.contiguous = true; }),
            "component 2: --contiguous is not offered for jobs of several components");
  EXPECT_EQ(refused([](JobSpec& of) { of.request.constraint = "[a|b]"; }),
            "component 2: a constraint with brackets or counts is not offered for jobs of several "
            "components");
  EXPECT_EQ(refused([](JobSpec& of) { of.request.gpu_model = "a\nb"; }),
            "component 2: gpu_model is not plain text");
  spec = good_script();
  for (int i = 0; i < 32; ++i) add_component(spec, part);
  EXPECT_EQ(admit(spec, {}).error().message, "33 components; at most 32 are allowed");
  spec.request.more.clear();
  EXPECT_FALSE(admit(spec, {}));
}

}  // namespace
}  // namespace drover::sched
