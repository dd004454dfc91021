// tests/unit/server/linkis_files_api_test.cpp - paths of the Linkis contract, with every caller.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "harness.hpp"
#include "server/api_linkis.hpp"

namespace drover::server::testing {
namespace {

using Json = nlohmann::json;
const std::string kFiles = "/api/rest_j/v1/filesystem/";

class LinkisFiles : public ::testing::Test {
 protected:
  static Config config() {
    Config config;
    config.linkis_enabled = true;
    config.engine_results = "/tmp/drover-linkis-test";
    return config;
  }
  void SetUp() override {
    const std::string body =
        Json{{"executionContent", {{"code", "1"}, {"runType", "python"}}},
             {"labels", {{"engineType", "python-3"}, {"userCreator", user_ + "-IDE"}}}}
            .dump();
    const Said made = server_.ask(ann_, "POST", "/api/rest_j/v1/entrance/submit", body);
    ASSERT_EQ(made.status, 200) << made.body;
    task_ = std::to_string(made.json()["data"]["taskID"].get<std::uint64_t>());
  }
  Said get(const Asker& who, const std::string& call, const std::string& path) {
    return server_.ask(who, "GET", kFiles + call + "?path=" + path);
  }

  Harness server_{config()};
  const Asker ann_{kAnn, {}, {}}, bob_{kBob, {}, {}}, boss_{kDaemon, {}, {}};
  const std::string user_ = std::to_string(kAnn), other_ = std::to_string(kBob);
  std::string task_;
};

TEST_F(LinkisFiles, belong_to_the_owner_of_their_task) {
  for (const std::string& path :
       {"/drover/" + user_ + "/result/" + task_, "/drover/" + user_ + "/log/" + task_ + ".log"}) {
    EXPECT_EQ(get(ann_, "getDirFileTrees", path).status, 200) << path;
    EXPECT_EQ(get(boss_, "getDirFileTrees", path).status, 200) << path << ": operators see all";
    EXPECT_EQ(get(ann_, "isExist", path).json()["data"]["isExist"], true) << path;
    EXPECT_EQ(get(bob_, "isExist", path).json()["data"]["isExist"], false) << path;
  }
  EXPECT_EQ(get(ann_, "openLog", "/drover/" + user_ + "/log/" + task_ + ".log").status, 200);
}

TEST_F(LinkisFiles, of_somebody_else_are_answered_as_what_is_not_there) {
  const std::string mine = "/drover/" + user_;
  for (const std::string call : {"getDirFileTrees", "openFile", "openLog", "fileInfo",
                                 "resultsetToExcel", "resultsetsToExcel"}) {
    const Said missing = get(bob_, call, "/drover/" + other_ + "/result/999999");
    EXPECT_EQ(missing.status, 403) << call;
    EXPECT_NE(missing.body.find("80010"), std::string::npos) << missing.body;
    for (const std::string& path :
         {mine, mine + "/result/" + task_, mine + "/result/" + task_ + "/_0.dolphin",
          mine + "/log/" + task_ + ".log", "/drover/" + other_ + "/result/" + task_,
          mine + "/result/" + task_ + "/../../../etc/passwd", std::string("/etc/passwd")})
      EXPECT_EQ(get(bob_, call, path).body, missing.body) << call << " " << path;
  }
  const Said missing =
      server_.ask(bob_, "POST", kFiles + "download", R"({"path":"/drover/x/result/1"})");
  const Said foreign = server_.ask(bob_, "POST", kFiles + "download",
                                   R"({"path":")" + mine + "/log/" + task_ + R"(.log"})");
  EXPECT_EQ(missing.status, 403);
  EXPECT_EQ(foreign.body, missing.body);
}

TEST_F(LinkisFiles, of_a_task_without_results_are_none) {
  const Said empty = get(ann_, "getDirFileTrees", "");
  EXPECT_EQ(empty.body, R"({"method":"/api/filesystem/getDirFileTrees","status":0,"message":"OK",)"
                        R"("data":{"dirFileTrees":null}})")
      << "an empty resultLocation";
  EXPECT_EQ(empty.status, 200);
  const std::string folder = "/drover/" + user_ + "/result/" + task_;
  EXPECT_EQ(get(ann_, "getDirFileTrees", folder).body, empty.body) << "a folder of nothing yet";
  EXPECT_NE(get(bob_, "getDirFileTrees", folder).body, empty.body) << "and nobody else's business";
  const Said none = server_.ask(ann_, "GET", kFiles + "getDirFileTrees");
  EXPECT_EQ(none.status, 400) << "no path is none";
  EXPECT_NE(none.body.find("80004"), std::string::npos) << none.body;
  for (const std::string call : {"openFile", "openLog", "fileInfo", "isExist"}) {
    const Said said = get(ann_, call, "");
    EXPECT_EQ(said.status, 400) << call;
    EXPECT_NE(said.body.find("80004"), std::string::npos) << said.body;
  }
}

TEST_F(LinkisFiles, workbooks_are_counted_by_user) {
  LinkisDesk& desk = *server_.services().linkis;
  std::vector<std::shared_ptr<void>> held;
  for (long i = 0; i < LinkisDesk::kWorkbooksMax; ++i) {
    held.push_back(desk.workbook(kAnn));
    ASSERT_NE(held.back(), nullptr) << i;
  }
  EXPECT_EQ(desk.workbook(kAnn), nullptr);
  EXPECT_NE(desk.workbook(kBob), nullptr) << "nobody is in somebody else's way";
  held.pop_back();
  EXPECT_NE(desk.workbook(kAnn), nullptr);
}

TEST_F(LinkisFiles, texts_are_read_on_from_a_mark_that_is_not_behind_the_row) {
  LinkisDesk& desk = *server_.services().linkis;
  const TextKey text{JobId{7}, 1, Time{5}};
  desk.set_mark(text, {100, 4'000});
  const auto mark = desk.mark_before(text, 100);
  ASSERT_TRUE(mark);
  EXPECT_EQ(mark->offset, 4'000);
  EXPECT_TRUE(desk.mark_before(text, 150));
  EXPECT_FALSE(desk.mark_before(text, 99));
  EXPECT_FALSE(desk.mark_before({JobId{7}, 0, Time{5}}, 150)) << "another text";
  EXPECT_FALSE(desk.mark_before({JobId{7}, 1, Time{6}}, 150)) << "of a later attempt";
}

}  // namespace
}  // namespace drover::server::testing
