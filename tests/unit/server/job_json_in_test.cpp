// tests/unit/server/job_json_in_test.cpp - what a job's JSON may say; how mistakes are answered.
// SPDX-License-Identifier: Apache-2.0
#include "server/job_json_in.hpp"

#include <gtest/gtest.h>

namespace drover::server {
namespace {

constexpr Time kNow{1'790'000'000'000'000};

Result<sched::JobSpec> read(std::string json) { return JobReader().read(std::move(json), kNow); }

TEST(JobJsonIn, reads_every_kind_of_field) {
  auto spec = read(
      R"({"name":"sim","argv":["prog","-x"],"env":{"B":"2","A":"1"},"cwd":"/tmp",
    "out":"o-%j",
    "ntasks":2,"cpus_per_task":3,"mem":"4G","gpus":1,"exclusive":true,
    "licences":{"matlab":2},"resources":{"fpga":1},
    "constraints":{"k":"v"},"time":"1:00:00",
    "signal":{"signal":10,"before_s":30},"array":"0-9%2","hold":true,"begin_us":5,
    "priority":-3,
    "comment":"c","labels":{"p":"q"},"requeue":false,
    "dependency":"afterok:12:13,afterany:14","singleton":true,
    "account":"physics","qos":"low","partition":"gpu","nice":7,"deadline_us":9,
    "max_failures":3,"kill_on_invalid_dependency":false,"reservation":"r1"})");
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_EQ(spec->name, "sim");
  EXPECT_EQ(spec->request.resources, (rm::Counts{{"fpga", 1}}));
  EXPECT_EQ(spec->request.licences, (rm::Counts{{"matlab", 2}}));
  EXPECT_EQ(spec->argv, (std::vector<std::string>{"prog", "-x"}));
  EXPECT_EQ(spec->env, (std::vector<std::string>{"A=1", "B=2"}));
  EXPECT_EQ(spec->request.cpus, 6);
  EXPECT_EQ(spec->request.mem_mib, 4096);
  EXPECT_EQ(spec->time_limit, seconds(3600));
  EXPECT_EQ(spec->warn.signal, 10);
  EXPECT_EQ(spec->array.count(), 10u);
  EXPECT_EQ(spec->array_throttle, 2u);
  EXPECT_TRUE(spec->is_array);
  EXPECT_EQ(spec->begin.us, 5);
  EXPECT_EQ(spec->priority, -3);
  EXPECT_FALSE(spec->requeue);
  ASSERT_EQ(spec->dependencies.size(), 3u);
  EXPECT_EQ(spec->dependencies[2].kind, sched::DependencyKind::AfterAny);
  EXPECT_TRUE(spec->singleton);
  EXPECT_EQ(spec->labels,
            (rm::Labels{{"account", "physics"}, {"p", "q"}, {"partition", "gpu"}, {"qos", "low"}}));
  EXPECT_EQ(spec->nice, 7);
  EXPECT_EQ(spec->deadline.us, 9);
  EXPECT_EQ(spec->max_failures, 3u);
  EXPECT_TRUE(spec->keep_invalid);
  EXPECT_EQ(spec->reservation, "r1");
}

TEST(JobJsonIn, retries) {
  const auto spec = read(
      R"({"argv":["a"],"retry":{"max":3,"delay_s":30,"backoff_percent":150,"delay_max_s":600,
    "on":["exit:75","oom","exit:3"]}})");
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_EQ(
      spec->retry,
      (sched::RetryRule{
          3, 150, seconds(30), seconds(600), sched::kRetryExit | sched::kRetryMemory, {3, 75}}));
  const auto in_words = read(
      R"({"argv":["a"],"retry":{"max":3,"delay":"30s","backoff":1.5,"delay_max":"10m",
    "on":["exit:75","oom","exit:3"]}})");
  ASSERT_TRUE(in_words) << in_words.error().message;
  EXPECT_EQ(in_words->retry, spec->retry);
  sched::RetryRule twice;
  twice.max = 2;
  EXPECT_EQ(read(R"({"argv":["a"],"retry":2})")->retry, twice);
  for (const char* wrong : {R"("x")", R"(1001)", R"({"max":1,"times":2})", R"({"on":["often"]})",
                            R"({"max":1,"backoff_percent":99})", R"({"on":["exit:256"]})",
                            R"({"delay":"soon"})", R"({"backoff":0.5})", R"({"backoff":"2"})"})
    EXPECT_FALSE(read(std::string(R"({"argv":["a"],"retry":)") + wrong + "}")) << wrong;
}

TEST(JobJsonIn, items) {
  const auto spec =
      read(R"({"argv":["a","${item}"],"items":["x","","\u00e9"],"array_throttle":2})");
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_TRUE(spec->is_array);
  EXPECT_EQ(spec->array.to_string(), "0-2");
  ASSERT_EQ(spec->items.size(), 3u);
  EXPECT_EQ(spec->items[0], "x");
  EXPECT_EQ(spec->items[1], "");
  EXPECT_EQ(spec->items[2], "\u00e9");
  EXPECT_TRUE(read(R"({"argv":["a"],"array":"0-1","items":["x","y"]})"));
  EXPECT_EQ(read(R"({"argv":["a"],"array":"1-2","items":["x","y"]})").error().field, "items");
  EXPECT_EQ(read(R"({"argv":["a"],"array":"1","items":["x","y"]})")->array.count(), 1u);
  EXPECT_EQ(read(R"({"argv":["a"],"items":["x",7]})").error().field, "items[1]");
  EXPECT_EQ(read(R"({"argv":["a"],"items":[]})").error().field, "items");
  EXPECT_EQ(read(R"({"argv":["a"],"items":[")" + std::string(65'537, 'x') + "\"]}").error().field,
            "items[0]");
  std::string large = R"({"argv":["a"],"items":[)";
  for (int i = 0; i < 257; ++i) large += (i > 0 ? ",\"" : "\"") + std::string(65'536, 'x') + "\"";
  const auto refused = read(large + "]}");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::Limit);
  EXPECT_EQ(refused.error().field, "items");
}

TEST(JobJsonIn, commands_as_items) {
  const auto spec = read(
      R"({"items_run":true,"items":["{\"argv\":[\"x\"],\"env\":{\"A\":\"b\"}}","{\"script\":\"#!/bin/sh\"}"]})");
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_TRUE(spec->items_run);
  EXPECT_EQ(spec->array.to_string(), "0-1");
  for (const char* wrong :
       {R"({"items_run":true,"argv":["x"]})",
        R"({"items_run":true,"argv":["x"],"items":["{\"argv\":[\"x\"]}"]})",
        R"({"items_run":true,"items":["x"]})", R"({"items_run":true,"items":["{}"]})",
        R"({"items_run":true,"items":["{\"argv\":[\"\"]}"]})",
        R"({"items_run":true,"items":["{\"script\":\"echo\"}"]})",
        R"({"items_run":true,"items":["{\"argv\":[\"x\"],\"evn\":{}}"]})",
        R"({"items_run":true,"items":["{\"argv\":[\"x\"],\"env\":{\"A=\":\"b\"}}"]})",
        R"({"items_run":true,"items":["{\"argv\":[\"x\"]} {"]})"})
    EXPECT_FALSE(read(wrong)) << wrong;
}

TEST(JobJsonIn, statements) {
  for (const char* empty : {R"({"engine":"sql"})", R"({"engine":"sql","script":""})"})
    EXPECT_EQ(read(empty).error().message, "the statement has no code") << empty;
  auto spec =
      read(R"({"engine":"sql","script":"select ${a}","reuse":{"ttl_s":90},"variables":{"a":"1"}})");
  ASSERT_TRUE(spec) << spec.error().message;
  ASSERT_TRUE(spec->statement && spec->statement->variables);
  EXPECT_EQ(spec->statement->reuse, seconds(90));
  EXPECT_EQ(*spec->statement->variables, (std::map<std::string, std::string>{{"a", "1"}}));
  spec = read(R"({"engine":"sql","script":"1","reuse":true,"variables":{}})");
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_EQ(spec->statement->reuse, seconds(30 * 86'400));
  EXPECT_TRUE(spec->statement->variables && spec->statement->variables->empty());
  spec = read(R"({"engine":"sql","script":"1","reuse":false})");
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_EQ(spec->statement->reuse.us, 0);
  EXPECT_FALSE(spec->statement->variables);
  for (const char* wrong :
       {R"({"reuse":1})", R"({"reuse":{"ttl_s":0}})", R"({"reuse":{"x":1}})", R"({"reuse":null})",
        R"({"variables":[]})", R"({"variables":{"a":1}})", R"({"variables":{"a":"1","a":"2"}})"})
    EXPECT_FALSE(read(wrong)) << wrong;
}

TEST(JobJsonIn, layout_of_tasks) {
  auto spec = read(
      R"({"argv":["a"],"ntasks":8,"distribution":"plane=2:fcyclic","cpu_bind":"verbose,cores",
    "mem_bind":"local","hint":"nomultithread","ntasks_per_socket":2,"ntasks_per_core":1,
    "sockets_per_node":2,"cores_per_socket":4,"contiguous":true})");
  ASSERT_TRUE(spec) << spec.error().message;
  const rm::TaskRules& rules = spec->layout;
  EXPECT_EQ(rules.over_nodes, rm::NodeDealing::Plane);
  EXPECT_EQ(rules.plane, 2);
  EXPECT_EQ(rules.over_sockets, rm::SocketDealing::FullCyclic);
  EXPECT_EQ(rules.cpu_bind, rm::CpuBind::Cores);
  EXPECT_EQ(rules.mem_bind, rm::MemBind::Local);
  EXPECT_TRUE(rules.verbose);
  EXPECT_EQ(rules.threads_per_core, 1);
  EXPECT_EQ(rules.ntasks_per_core, 1);
  EXPECT_EQ(rules.ntasks_per_socket, 2);
  EXPECT_TRUE(spec->request.contiguous);
}

TEST(JobJsonIn, components) {
  auto spec = read(
      R"({"argv":["a"],"time":"1h","components":[{"ntasks":1,"mem":"8G"},
    {"nodes":2,"gpus":1,"cpus_per_task":4,"licences":{"matlab":2},"hint":"nomultithread"},
    {"mem_per_cpu":"1G","ntasks":3,"constraints":"ssd"}]})");
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_EQ(spec->request.mem_mib, 8'192);
  ASSERT_EQ(spec->request.more.size(), 2u);
  ASSERT_EQ(spec->more_tasks.size(), 2u);
  EXPECT_EQ(spec->request.more[0].nodes, 2);
  EXPECT_EQ(spec->request.more[0].cpus, 4);
  EXPECT_EQ(spec->request.more[0].gpus, 1);
  EXPECT_EQ(spec->request.more[0].licences.at("matlab"), 2);
  EXPECT_EQ(spec->more_tasks[0].ntasks, 2);
  EXPECT_EQ(spec->more_tasks[0].layout.threads_per_core, 1);
  EXPECT_EQ(spec->request.more[1].mem_mib, 3'072);
  EXPECT_EQ(spec->request.more[1].constraint, "ssd");
  EXPECT_TRUE(read(R"({"argv":["a"],"components":[{"nodes":2}]})")->request.more.empty());

  struct {
    const char *json, *message;
  } const rows[] = {
      {R"("nodes":2,"components":[{},{}])", "nodes stands beside components"},
      {R"("components":[{},{"time":"5"}])", "component 2: unknown field time"},
      {R"("components":[{},{"nodes":1,"nodes":2}])", "component 2: field nodes is given twice"},
      {R"("components":[{},{"mem":"1G","mem_per_cpu":"1G"}])",
       "component 2: mem and mem_per_cpu exclude each other"},
      {R"("components":[3])", "component 1: components"},
      {R"("components":{})", "components"},
  };
  for (const auto& row : rows) {
    const auto refused = read(std::string(R"({"argv":["a"],)") + row.json + "}");
    ASSERT_FALSE(refused) << row.json;
    EXPECT_TRUE(refused.error().message.starts_with(row.message)) << refused.error().message;
  }
}

TEST(JobJsonIn, ranges_of_nodes) {
  struct {
    const char* json;
    std::int64_t nodes, nodes_max, tasks, ntasks;
  } const rows[] = {
      {R"("nodes":2,"nodes_max":4)", 2, 4, 0, 2},
      {R"("nodes":2,"nodes_max":4,"ntasks":8)", 2, 4, 8, 8},
      {R"("nodes":2,"nodes_max":4,"ntasks":3)", 2, 3, 3, 3},
      {R"("nodes":1,"nodes_max":4,"ntasks":8,"ntasks_per_node":3)", 3, 4, 8, 8},
      {R"("nodes_max":3,"ntasks_per_node":2)", 1, 3, 0, 2},
      {R"("spread":true,"ntasks":5)", 1, 5, 5, 5},
      {R"("spread":true)", 1, 0, 0, 1},
      {R"("nodes":4,"nodes_max":4)", 4, 0, 0, 4},
  };
  for (const auto& row : rows) {
    auto spec = read(std::string(R"({"argv":["a"],)") + row.json + "}");
    ASSERT_TRUE(spec) << row.json << spec.error().message;
    EXPECT_EQ(spec->request.nodes, row.nodes) << row.json;
    EXPECT_EQ(spec->request.nodes_max, row.nodes_max) << row.json;
    EXPECT_EQ(spec->request.tasks, row.tasks) << row.json;
    EXPECT_EQ(spec->ntasks, row.ntasks) << row.json;
  }
}

TEST(JobJsonIn, refuses_layouts_by_name) {
  struct {
    const char *json, *message, *hint;
  } const rows[] = {
      {R"("distribution":"arbitrary")", "arbitrary is not offered", "block, cyclic or plane=N"},
      {R"("distribution":"block:block:block")", "more than nodes and sockets", "block"},
      {R"("distribution":"block,Pack")", "Pack", "block"},
      {R"("distribution":"plane=x")", "a plane of \"x\" tasks", "plane=4"},
      {R"("distribution":"round")", "\"round\" is no distribution over nodes", "block"},
      {R"("cpu_bind":"map_cpu:0,1")", "binding by map_cpu is not offered", "threads, cores"},
      {R"("cpu_bind":"cors")", "\"cors\" is no way to bind", "threads, cores"},
      {R"("mem_bind":"prefer")", "binding by prefer is not offered", "local, none"},
      {R"("hint":"memory_bound")", "memory_bound is not offered", "--ntasks-per-socket=1"},
      {R"("hint":"nomultithread","threads_per_core":2)", "threads_per_core 2", "one of them"},
      {R"("nodes":4,"nodes_max":2)", "at least 4 nodes are more than at most 2", "nodes_max"},
      {R"("nodes":1,"nodes_max":2,"gpus_total":2)", "1 to 2 nodes", "--gpus-per-node"},
  };
  for (const auto& row : rows) {
    const auto spec = read(std::string(R"({"argv":["a"],)") + row.json + "}");
    ASSERT_FALSE(spec) << row.json;
    EXPECT_NE(spec.error().message.find(row.message), std::string::npos) << spec.error().message;
    EXPECT_NE(spec.error().hint.find(row.hint), std::string::npos) << spec.error().hint;
  }
}

TEST(JobJsonIn, memory_per_cpu_is_summed) {
  auto spec = read(R"({"argv":["a"],"ntasks":4,"mem_per_cpu":"1G"})");
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_EQ(spec->request.mem_mib, 4096);
}

TEST(JobJsonIn, dependencies_as_objects_and_any) {
  auto spec = read(
      R"({"argv":["a"],"dependencies":[{"kind":"afternotok","job":4}],"dependency_any":true})");
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_EQ(spec->dependencies[0],
            (sched::Dependency{sched::DependencyKind::AfterNotOk, JobId{4}, 0}));
  auto any = read(R"({"argv":["a"],"dependency":"afterok:1?afterok:2"})");
  ASSERT_TRUE(any);
  EXPECT_TRUE(any->dependency_any);
  auto later = read(R"({"argv":["a"],"dependency":"after:1+30"})");
  ASSERT_TRUE(later);
  EXPECT_EQ(later->dependencies[0],
            (sched::Dependency{sched::DependencyKind::After, JobId{1}, 30}));
}

struct BadCase {
  const char* name;
  std::string json;
  const char* field;
  const char* says;
};

TEST(JobJsonIn, mistakes_name_the_field) {
  const BadCase cases[] = {
      {"empty", "", "", "empty"},
      {"not json", "{\"argv\":[\"a\"", "", "JSON"},
      {"not an object", "[1]", "", "must be a JSON object"},
      {"text after the end", R"({"argv":["a"]} x)", "", ""},
      {"unknown field", R"({"argv":["a"],"cpus_per_tasks":1})", "cpus_per_tasks",
       "did you mean cpus_per_task?"},
      {"doubled field", R"({"argv":["a"],"name":"x","name":"y"})", "name", "twice"},
      {"nothing to run", R"({"name":"x"})", "script", "script or argv"},
      {"script without #!", R"({"script":"echo hi"})", "script", "#!"},
      {"uid is not the client's to say", R"({"argv":["a"],"uid":0})", "uid", "unknown field"},
      {"wrong type", R"({"argv":["a"],"gpus":"2"})", "gpus", "whole number"},
      {"fraction", R"({"argv":["a"],"gpus":1.5})", "gpus", "whole number"},
      {"negative", R"({"argv":["a"],"ntasks":-1})", "ntasks", "from 1"},
      {"beyond 64 bits", R"({"argv":["a"],"mem_mib":9223372036854775808})", "mem_mib",
       "whole number"},
      {"memory overflow",
       R"({"argv":["a"],"ntasks":1000000,"cpus_per_task":1000000,"mem_per_cpu":"8T"})",
       "mem_per_cpu", "more than any machine"},
      {"both memories", R"({"argv":["a"],"mem":"1G","mem_per_cpu":"1G"})", "mem_per_cpu",
       "exclude"},
      {"bad memory", R"({"argv":["a"],"mem":"lots"})", "mem", ""},
      {"bad time", R"({"argv":["a"],"time":"soon"})", "time", ""},
      {"bad array", R"({"argv":["a"],"array":"5-1"})", "array", ""},
      {"array of 2^32", R"({"argv":["a"],"array":"0-4294967295"})", "array", ""},
      {"bad throttle", R"({"argv":["a"],"array":"0-9%0"})", "array", ""},
      {"bad dependency kind", R"({"argv":["a"],"dependency":"afterokk:1"})", "dependency",
       "did you mean afterok?"},
      {"dependency without a job", R"({"argv":["a"],"dependency":"afterok"})", "dependency",
       "names no job"},
      {"mixed separators", R"({"argv":["a"],"dependency":"afterok:1?afterok:2,afterok:3"})",
       "dependency", "mixes"},
      {"control character in a name", R"({"argv":["a"],"name":"a\u001b[31m"})", "name", "control"},
      {"NUL in argv", R"({"argv":["a\u0000b"]})", "argv", "NUL"},
      {"label given twice", R"({"argv":["a"],"labels":{"k":"1","k":"2"}})", "labels", "twice"},
      {"long name", R"({"argv":["a"],"name":")" + std::string(257, 'x') + "\"}", "name", "longer"},
      {"deep nesting", R"({"argv":)" + std::string(5000, '[') + std::string(5000, ']') + "}",
       "argv", ""},
      {"broken UTF-8", "{\"argv\":[\"a\"],\"name\":\"\xff\"}", "", "JSON"},
  };
  for (const BadCase& c : cases) {
    auto spec = read(c.json);
    ASSERT_FALSE(spec) << c.name;
    const Error& error = spec.error();
    EXPECT_TRUE(error.code == Errc::BadInput || error.code == Errc::Limit) << c.name;
    EXPECT_EQ(error.field, c.field) << c.name << ": " << error.message;
    EXPECT_NE((error.message + " " + error.hint).find(c.says), std::string::npos)
        << c.name << ": " << error.message << " / " << error.hint;
  }
}

TEST(JobJsonIn, a_reader_is_good_for_the_next_text_after_an_error) {
  JobReader reader;
  EXPECT_FALSE(reader.read("{", kNow));
  EXPECT_TRUE(reader.read(R"({"argv":["a"]})", kNow));
}

TEST(JobJson, NodesAndTasksFollowFromEachOther) {
  const struct {
    const char* fields;
    std::int64_t nodes, ntasks, cpus, gpus;
  } rows[] = {
      {R"("nodes":3)", 3, 3, 1, 0},
      {R"("nodes":2,"ntasks":8,"cpus_per_task":2)", 2, 8, 8, 0},
      {R"("nodes":2,"ntasks":5)", 2, 5, 3, 0},
      {R"("nodes":2,"ntasks_per_node":4)", 2, 8, 4, 0},
      {R"("ntasks":10,"ntasks_per_node":4)", 3, 10, 4, 0},
      {R"("ntasks_per_node":4)", 1, 4, 4, 0},
      {R"("ntasks":4)", 1, 4, 4, 0},
      {R"("nodes":2,"gpus":4)", 2, 2, 1, 4},
      {R"("nodes":2,"gpus_total":4)", 2, 2, 1, 2},
  };
  for (const auto& row : rows) {
    const auto spec = read(std::string(R"({"argv":["a"],)") + row.fields + "}");
    ASSERT_TRUE(spec) << row.fields;
    EXPECT_EQ(spec->request.nodes, row.nodes) << row.fields;
    EXPECT_EQ(spec->ntasks, row.ntasks) << row.fields;
    EXPECT_EQ(spec->request.cpus, row.cpus) << row.fields;
    EXPECT_EQ(spec->request.gpus, row.gpus) << row.fields;
  }
  const auto uneven = read(R"({"argv":["a"],"nodes":2,"gpus_total":3})");
  ASSERT_FALSE(uneven);
  EXPECT_EQ(uneven.error().field, "gpus_total");
}

sched::JobSpec accepted() {
  return read(
             R"({"argv":["a"],"cpus_per_task":2,"ntasks":3,"mem":"1G","qos":"low","time":"1:00:00",
    "labels":{"x":"1","z":"3"},"constraints":{"rack":"1"},"dependency":"afterok:12"})")
      .value();
}

TEST(AlterJson, keeps_what_is_not_named) {
  auto base = accepted();
  base.labels["user"] = "ann";
  const auto same = JobReader().alter("{}", base, kNow);
  ASSERT_TRUE(same) << same.error().message;
  EXPECT_EQ(*same, base);
  const auto altered = JobReader().alter(
      R"({"time_limit_s":60,"qos":"high","labels":{"x":"","y":"2"},"ntasks":1,
    "dependencies":[],"constraints":{"gpu":"yes"},"array_throttle":4})",
      base, kNow);
  ASSERT_TRUE(altered) << altered.error().message;
  EXPECT_EQ(altered->time_limit, seconds(60));
  EXPECT_EQ(altered->labels,
            (rm::Labels{{"qos", "high"}, {"user", "ann"}, {"y", "2"}, {"z", "3"}}));
  EXPECT_EQ(altered->request.cpus, 2);
  EXPECT_EQ(altered->request.mem_mib, 1024);
  EXPECT_EQ(altered->request.node_labels, (rm::Labels{{"gpu", "yes"}}));
  EXPECT_TRUE(altered->dependencies.empty());
  EXPECT_EQ(altered->array_throttle, 4u);
  EXPECT_EQ(altered->argv, base.argv);
}

TEST(AlterJson, refuses_by_name_what_stays) {
  auto base = accepted();
  base.labels["user"] = "ann";
  for (const char* field : {R"("script":"#!/bin/sh\n")", R"("argv":["b"])", R"("env":{})",
                            R"("array":"0-3")", R"("hold":true)", R"("out":"x")"}) {
    const auto refused = JobReader().alter("{" + std::string(field) + "}", base, kNow);
    ASSERT_FALSE(refused) << field;
    EXPECT_EQ(refused.error().code, Errc::Unsupported) << field;
  }
  const auto stranger = JobReader().alter(R"({"labels":{"user":"eve"}})", base, kNow);
  ASSERT_FALSE(stranger);
  EXPECT_EQ(stranger.error().code, Errc::Denied);
  EXPECT_FALSE(JobReader().alter(R"({"no_such":1})", base, kNow));
  EXPECT_FALSE(JobReader().alter("[]", base, kNow));
}

}  // namespace
}  // namespace drover::server
