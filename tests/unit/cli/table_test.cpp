// tests/unit/cli/table_test.cpp - rows in every output format.
// SPDX-License-Identifier: Apache-2.0
#include "cli/table.hpp"

#include <gtest/gtest.h>

#include "cli/job_view.hpp"

namespace drover::cli {
namespace {

std::vector<Json> rows() {
  return {Json{{"id", 12}, {"name", "long name of a job"}, {"state", "running"}, {"note", ""}},
          Json{{"id", 3}, {"name", "=cmd\"x"}, {"state", nullptr}, {"note", ""}}};
}

std::vector<Column> columns() {
  Column id{"ID", "id"}, name{"NAME", "name"}, state{"STATE", "state"}, note{"NOTE", "note"};
  id.right = true;
  name.stretch = true;
  state.wide = true;
  return {id, name, state, note};
}

std::string render(TableChoice choice, Style style = {}) {
  const auto text = render_rows(rows(), columns(), choice, style, "jobs", "id");
  return text ? *text : "error: " + text.error().message + " (" + text.error().hint + ")";
}

TEST(Tables, AreAlignedAndDropEmptyColumns) {
  EXPECT_EQ(render({}),
            "ID  NAME\n"
            "12  long name of a job\n"
            " 3  =cmd\"x\n");
  EXPECT_EQ(render({Format::Wide, {}, ""}),
            "ID  NAME                STATE\n"
            "12  long name of a job  running\n"
            " 3  =cmd\"x\n");
}

TEST(Tables, FitTheTerminal) {
  Style style;
  style.is_terminal = true;
  style.width = 14;
  EXPECT_EQ(render({}, style),
            "ID  NAME\n"
            "12  long name\u2026\n"
            " 3  =cmd\"x\n");
}

TEST(Tables, SortChooseAndCountColumns) {
  EXPECT_EQ(render({Format::Table, {"state", "id"}, "id"}),
            "STATE    ID\n"
            "          3\n"
            "running  12\n");
  EXPECT_EQ(render({Format::Name, {}, "-id"}), "12\n3\n");
  EXPECT_EQ(render({Format::Table, {"nme"}, ""}),
            "error: there is no column \"nme\" (did you mean name?)");
  Style style;
  style.header = false;
  EXPECT_EQ(render({Format::Table, {"id"}, ""}, style), "12\n 3\n");
}

TEST(Tables, PrintJson) {
  EXPECT_EQ(render({Format::JsonLines, {"id"}, ""}), "{\"id\":12}\n{\"id\":3}\n");
  EXPECT_EQ(
      render({Format::JsonObject, {"id"}, "id"}),
      "{\n  \"v\": 1,\n  \"jobs\": [\n    {\n      \"id\": 3\n    },\n    {\n      \"id\": 12\n"
      "    }\n  ]\n}\n");
}

TEST(Csv, IsQuotedAndDefused) {
  EXPECT_EQ(render({Format::Csv, {"id", "name"}, ""}),
            "id,name\n12,long name of a job\n3,\"'=cmd\"\"x\"\n");
  struct {
    Json value;
    const char* expected;
  } const fields[] = {
      {Json("plain"), "plain"},   {Json("a,b"), "\"a,b\""},
      {Json("+1"), "'+1"},        {Json("-x"), "'-x"},
      {Json("@f"), "'@f"},        {Json("\tx"), "'\tx"},
      {Json(-5), "-5"},           {Json(), ""},
      {Json("a\nb"), "\"a\nb\""}, {Json("q\"q"), "\"q\"\"q\""},
  };
  for (const auto& field : fields) EXPECT_EQ(csv_field(field.value), field.expected);
}

TEST(Tables, CannotBeForgedByNames) {
  const auto text =
      render_rows({Json{{"id", 1}, {"name", "a\x1b[2Jb\nc"}}}, columns(), {}, {}, "jobs", "id");
  ASSERT_TRUE(text);
  EXPECT_EQ(*text, "ID  NAME\n 1  a?[2Jb c\n");
}

TEST(Jobs, HaveTheExitStatusOfTheirTasks) {
  struct {
    Json job;
    int expected;
  } const cases[] = {
      {Json{{"state", "succeeded"}, {"exit_code", 0}}, 0},
      {Json{{"state", "failed"}, {"exit_code", 3}}, 3},
      {Json{{"state", "failed"}, {"exit_code", 137}}, 137},
      {Json{{"state", "failed"}, {"exit_code", 0}, {"task", {{"signal", 9}}}}, 137},
      {Json{{"state", "failed"}, {"exit_code", 0}}, 125},
      {Json{{"state", "timed_out"}, {"exit_code", 0}}, 143},
      {Json{{"state", "cancelled"}, {"exit_code", nullptr}}, 143},
  };
  for (const auto& one : cases) EXPECT_EQ(exit_status(one.job), one.expected) << to_text(one.job);
}

// The members are of each node; the list shows what the whole job asks for, and csv and --sort too.
TEST(Jobs, AreListedWithWhatAllTheirNodesHave) {
  const Json one{{"id", 1}, {"nodes", 1}, {"cpus", 6}, {"mem_mib", 1024}, {"gpus", 1}};
  const Json gang{{"id", 2}, {"nodes", 3}, {"cpus", 4}, {"mem_mib", 2048}, {"gpus", 0}};
  Json parts = gang;
  parts["id"] = 3;
  parts["components"] = Json::array({gang, Json{{"nodes", 2}, {"cpus", 1}, {"gpu_share", 500}}});
  const auto shown = [&](TableChoice choice) {
    choice.columns = {"id", "nodes", "cpus", "mem", "gpus"};
    return *render_rows({gang, one, parts}, job_columns(), choice, {}, "jobs", "id");
  };
  EXPECT_EQ(shown({Format::Table, {}, "cpus"}),
            "ID  NODES  CPUS  MEM  GPUS\n"
            " 1            6   1G     1\n"
            " 2      3    12   6G\n"
            " 3      5    14   6G     1\n");
  EXPECT_EQ(shown({Format::Csv, {}, "-cpus"}),
            "id,nodes,cpus,mem,gpus\n3,5,14,6144,1\n2,3,12,6144,0\n1,1,6,1024,1\n");
  EXPECT_NE(shown({Format::JsonLines, {}, ""}).find("\"cpus\":4"), std::string::npos)
      << "json has the members as they are";
}

TEST(Jobs, ShowTimesAndCores) {
  EXPECT_EQ(cpu_list(Json{0, 1, 2, 5, 7, 8}), "0-2,5,7-8");
  EXPECT_EQ(cpu_list(Json()), "");
  EXPECT_EQ(parse_iso_us("1970-01-01T00:00:01.500000Z"), 1'500'000);
  EXPECT_FALSE(parse_iso_us("soon"));
  Style style;
  EXPECT_EQ(show_time(Json("1970-01-01T00:00:01.5Z"), style), "1970-01-01T00:00:01.5Z");
  style.is_terminal = true;
  style.now_us = 400'000'000;
  EXPECT_EQ(show_time(Json("1970-01-01T00:00:01.5Z"), style), "6m ago");
  EXPECT_EQ(show_short_seconds(0.94), "940 ms");
  EXPECT_EQ(show_short_seconds(61), "1:01");
}

}  // namespace
}  // namespace drover::cli
