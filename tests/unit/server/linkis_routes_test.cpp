// tests/unit/server/linkis_routes_test.cpp - the page about Linkis names every route served.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "linkis/envelope.hpp"
#include "server/api_linkis.hpp"

namespace drover::server {
namespace {

TEST(LinkisRoutes, are_all_in_the_page_and_none_twice) {
  std::ifstream file(std::string(DROVER_SOURCE_DIR) + "/docs/linkis.md");
  std::stringstream page;
  page << file.rdbuf();
  std::set<std::string> seen;
  for (const Route& route : linkis_routes()) {
    ASSERT_TRUE(route.path.starts_with(linkis::kBase)) << route.path;
    std::string path(route.path.substr(linkis::kBase.size() - 1));
    if (const std::size_t at = path.find("{name}"); at != std::string::npos)
      path.replace(at, 6, "{id}");
    const std::string row = "`" + std::string(route.method) + " " + path + "`";
    EXPECT_NE(page.str().find(row), std::string::npos) << "docs/linkis.md lacks " << row;
    EXPECT_TRUE(seen.insert(row).second) << row;
  }
}

// Whoever is not logged in gets no further than these.
TEST(LinkisRoutes, few_are_open_to_everybody) {
  const std::set<std::string_view> open{"/api/rest_j/v1/user/login", "/api/rest_j/v1/user/logout",
                                        "/api/rest_j/v1/user/publicKey",
                                        "/api/rest_j/v1/gateway/heartbeat"};
  for (const Route& route : linkis_routes())
    EXPECT_EQ(route.rule.access == Access::Anyone, open.contains(route.path)) << route.path;
}

}  // namespace
}  // namespace drover::server
