// tests/unit/cli/spec_builder_test.cpp - from options to the spec that is sent.
// SPDX-License-Identifier: Apache-2.0
#include "cli/spec_builder.hpp"

#include <gtest/gtest.h>

#include "cli/arguments.hpp"
#include "cli/dependency_text.hpp"
#include "cli/submit_options.hpp"

namespace drover::cli {
namespace {

std::vector<Given> given(const std::vector<std::string>& words,
                         Origin origin = Origin::CommandLine) {
  const auto parsed = parse_arguments(words, {job_options()}, {false, origin, ""});
  EXPECT_TRUE(parsed);
  return parsed ? parsed->options : std::vector<Given>{};
}

std::string built(const std::vector<Given>& options) {
  Json spec = Json::object();
  SpecSource source;
  source.cwd = "/home/ann";
  source.now_us = 1'800'000'000'000'000;
  const auto laid = overlay_options(spec, options, source);
  return laid ? to_text(spec) : "error: " + laid.error().message;
}

TEST(Specs, HoldWhatTheOptionsSay) {
  struct {
    std::vector<std::string> words;
    const char* expected;
  } const rows[] = {
      {{"-J", "a b"}, R"({"name":"a b"})"},
      {{"-n4", "-c2"}, R"({"ntasks":4,"cpus_per_task":2})"},
      {{"--ntasks-per-node=3", "-N1"}, R"({"ntasks_per_node":3,"nodes":1})"},
      {{"-N2-4", "-n8"}, R"({"nodes_max":4,"nodes":2,"ntasks":8})"},
      {{"-N2-4", "--use-min-nodes"}, R"({"nodes":2})"},
      {{"-N2-4", "-N3"}, R"({"nodes":3})"},
      {{"--hint=nomultithread"}, R"({"hint":"nomultithread"})"},
      {{"--threads-per-core=1", "--ntasks-per-core=2"},
       R"({"threads_per_core":1,"ntasks_per_core":2})"},
      {{"-B", "2:8:1"}, R"({"sockets_per_node":2,"cores_per_socket":8,"threads_per_core":1})"},
      {{"-B", "*:8"}, R"({"cores_per_socket":8})"},
      {{"-m", "cyclic:block", "--cpu-bind=verbose,cores"},
       R"({"distribution":"cyclic:block","cpu_bind":"verbose,cores"})"},
      {{"--contiguous", "--spread-job"}, R"({"contiguous":true,"spread":true})"},
      {{"--gpus-per-node=a100:2"}, R"({"gpus":2,"gpu_model":"a100"})"},
      {{"-G2", "--gres=gpu:1"}, R"({"gpus":1})"},
      {{"--mem=4G"}, R"({"mem_mib":4096})"},
      {{"--mem-per-cpu=512"}, R"({"mem_per_cpu_mib":512})"},
      {{"-G2"}, R"({"gpus_total":2})"},
      {{"--gpus=a100:2"}, R"({"gpus_total":2,"gpu_model":"a100"})"},
      {{"--gres=gpu"}, R"({"gpus":1})"},
      {{"--gres=gpu:3"}, R"({"gpus":3})"},
      {{"--gres=gpu:a100"}, R"({"gpus":1,"gpu_model":"a100"})"},
      {{"--gres=gpu:a100:4"}, R"({"gpus":4,"gpu_model":"a100"})"},
      {{"--gres=none"}, R"({"gpus":0})"},
      {{"--gres=fpga:2,gpu:1"}, R"({"resources":{"fpga":2},"gpus":1})"},
      {{"--resource", "fpga=2", "--resource=nvme"}, R"({"resources":{"fpga":2,"nvme":1}})"},
      {{"-G", "0.5"}, R"({"gpu_share":500})"},
      {{"-G2", "--gres=gpu:a100:0.25"}, R"({"gpu_share":250,"gpu_model":"a100"})"},
      {{"-G.125", "-G1"}, R"({"gpus_total":1})"},
      {{"-L", "matlab:2,ansys"}, R"({"licences":{"matlab":2,"ansys":1}})"},
      {{"--licences=matlab@site"}, R"({"licences":{"matlab@site":1}})"},
      {{"-t", "5"}, R"({"time_limit_s":300})"},
      {{"-t", "90s"}, R"({"time_limit_s":90})"},
      {{"-t", "1-00:00:00"}, R"({"time_limit_s":86400})"},
      {{"-o", "o", "-e", "e", "-i", "i"}, R"({"out":"o","err":"e","in":"i"})"},
      {{"--open-mode=append"}, R"({"append_output":true})"},
      {{"-D", "/x"}, R"({"cwd":"/x"})"},
      {{"-D", "x"}, R"({"cwd":"/home/ann/x"})"},
      {{"-a", "0-9%2"}, R"({"array":"0-9%2"})"},
      {{"--begin=now+60"}, R"({"begin_us":1800000060000000})"},
      {{"-H"}, R"({"hold":true})"},
      {{"--nice"}, R"({"nice":100})"},
      {{"--nice=-7"}, R"({"nice":-7})"},
      {{"--priority=5"}, R"({"priority":5})"},
      {{"--label", "a=1,b=2", "--label=c=3"}, R"({"labels":{"a":"1","b":"2","c":"3"}})"},
      {{"-C", "disk=ssd&rack=3"}, R"({"constraints":"disk=ssd&rack=3"})"},
      {{"--no-requeue"}, R"({"requeue":false})"},
      {{"--signal=B:USR1@90"}, R"({"signal":{"signal":10,"before_s":90}})"},
      {{"--signal=SIGTERM"}, R"({"signal":{"signal":15,"before_s":60}})"},
      {{"-d", "afterok:1:2,after:3"}, R"({"dependency":"afterok:1:2,after:3"})"},
      {{"-d", "after:3+30:4"}, R"({"dependency":"after:3+30:4"})"},
      {{"-p", "gpu", "-A", "physics", "-q", "low"},
       R"({"partition":"gpu","account":"physics","qos":"low"})"},
      {{"--deadline=now+60"}, R"({"deadline_us":1800000060000000})"},
      {{"--max-failures=3", "--reservation=r1"}, R"({"max_failures":3,"reservation":"r1"})"},
      {{"--kill-on-invalid-dep=no"}, R"({"kill_on_invalid_dependency":false})"},
      {{"-d", "12"}, R"({"dependency":"afterany:12"})"},
      {{"-d", "afterok:1?afterany:2"}, R"({"dependency":"afterok:1?afterany:2"})"},
      {{"-d", "singleton,afterok:4"}, R"({"dependency":"afterok:4","singleton":true})"},
      {{"--exclusive=user"}, R"({"exclusive":"user"})"},
      {{"--mem=1G", "--mem=2G"}, R"({"mem_mib":2048})"},
  };
  for (const auto& row : rows) EXPECT_EQ(built(given(row.words)), row.expected);
}

TEST(Specs, RefuseBadValuesByName) {
  struct {
    std::vector<std::string> words;
    const char* part;
  } const rows[] = {
      {{"-n0"}, "option --ntasks"},
      {{"-nfour"}, "option --ntasks"},
      {{"--mem=lots"}, "option --mem"},
      {{"-B", "2:x"}, "option --extra-node-info"},
      {{"-B", "1:2:3:4"}, "is not SOCKETS"},
      {{"--ntasks-per-socket=0"}, "option --ntasks-per-socket"},
      {{"--time=soon"}, "option --time"},
      {{"--array=1-"}, "option --array"},
      {{"--array=1-5%x"}, "option --array"},
      {{"--begin=someday"}, "option --begin"},
      {{"--nodes=4-2"}, "option --nodes"},
      {{"--mem=1G", "--mem-per-cpu=1G"}, "exclude each other"},
      {{"--gres=fpga:0"}, "gres"},
      {{"--gres=fpga:1,fpga:2"}, "given twice"},
      {{"--gres=:1"}, "names no resource"},
      {{"-G", "1.5"}, "no share of a GPU"},
      {{"-G", "0.0001"}, "no share of a GPU"},
      {{"-G", "0.000"}, "no share of a GPU"},
      {{"-L", "a|b"}, "not one or another"},
      {{"-L", "a:1,a:2"}, "given twice"},
      {{"-L", "a:0"}, "licenses"},
      {{"-L", "a,,b"}, "names no licence"},
      {{"--label=x"}, "\"x\" is not KEY=VALUE"},
      {{"--constraint="}, "an empty constraint"},
      {{"--signal=USR9"}, "\"USR9\" is no signal"},
      {{"-d", "afterko:1"}, "\"afterko\" is no kind"},
      {{"-d", "afterok"}, "names no job"},
      {{"-d", "afterok:x"}, "option --dependency"},
      {{"-d", "afterok:last~"}, "option --dependency"},
      {{"-d", "afterok:lasting"}, "option --dependency"},
      {{"-d", "afterok:1,afterok:2?afterok:3"}, "cannot be mixed"},
      {{"-d", "aftercorr"}, "names no job"},
      {{"--exclusive=mcs"}, "is not offered"},
      {{"-d", "afterburstbuffer:1"}, "not supported"},
      {{"-d", "afterok:1+3"}, "option --dependency"},
      {{"-p", "a,b"}, "a job goes to one partition"},
      {{"--kill-on-invalid-dep=maybe"}, "neither yes nor no"},
      {{"--open-mode=both"}, "is no open mode"},
      {{"--comment=\xff"}, "not UTF-8"},
  };
  for (const auto& row : rows) {
    const std::string text = built(given(row.words));
    EXPECT_TRUE(text.starts_with("error: ")) << row.part << ": " << text;
    EXPECT_NE(text.find(row.part), std::string::npos) << text;
  }
}

TEST(Specs, NameTheNewestJobsInDependencies) {
  EXPECT_EQ(parse_dependency("afterok:last,after:last~2+5")->jobs, "afterok:last,after:last~2+5");
  EXPECT_EQ(parse_dependency("last:3")->jobs, "afterany:last:3");
  const auto find = [](const std::string& word) -> Result<std::uint64_t> {
    if (word == "last") return 40;
    if (word == "last~2") return 38;
    return fail(Errc::NotFound, word + " is not there");
  };
  EXPECT_EQ(replace_last("afterok:last:3,after:last~2+5", find).value(), "afterok:40:3,after:38+5");
  EXPECT_EQ(replace_last("afterok:1?afterany:last", find).value(), "afterok:1?afterany:40");
  EXPECT_EQ(replace_last("aftercorr:12", find).value(), "aftercorr:12");
  EXPECT_EQ(replace_last("", find).value(), "");
  EXPECT_FALSE(replace_last("afterok:last~9", find));
}

TEST(Specs, LetTheCommandLineWin) {
  std::vector<Given> options = given({"-n2", "--mem-per-cpu=1G", "--label=a=1"}, Origin::Directive);
  for (Given& one : given({"-n3", "--mem=4G", "--label=a=2"})) options.push_back(std::move(one));
  EXPECT_EQ(built(options), R"({"ntasks":3,"labels":{"a":"2"},"mem_mib":4096})");
}

TEST(Specs, NameTheLineAtFault) {
  const auto parsed =
      parse_arguments({"--mem=x"}, {job_options()}, {false, Origin::Directive, "x.sh line 4"});
  ASSERT_TRUE(parsed);
  EXPECT_TRUE(built(parsed->options).starts_with("error: x.sh line 4, option --mem"));
}

TEST(Specs, CarryScriptArgumentsAndEnvironment) {
  SpecSource source;
  source.script = "#!/bin/sh\n";
  source.argv = {"one", "two"};
  source.name = "x.sh";
  source.cwd = "/w";
  source.environment = {"PATH=/bin", "SLURM_JOB_ID=9"};
  std::vector<std::string> warnings;
  const auto spec = build_spec({}, source, warnings);
  ASSERT_TRUE(spec);
  EXPECT_EQ(to_text(*spec),
            R"({"name":"x.sh","script":"#!/bin/sh\n","argv":["one","two"],"cwd":"/w",)"
            R"("env":{"PATH":"/bin"}})");
}

}  // namespace
}  // namespace drover::cli
