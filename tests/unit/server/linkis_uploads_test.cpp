// tests/unit/server/linkis_uploads_test.cpp - uploads are their user's, few, and not for long.
// SPDX-License-Identifier: Apache-2.0
#include "server/linkis_uploads.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace drover::server {
namespace {

TEST(LinkisUploads, AreTheirUsersAndNotForLong) {
  LinkisUploads uploads;
  Now now{{5'000'000}, {1'000'000}};
  const std::string first = uploads.put(1000, "one", now).value();
  const std::string second = uploads.put(1000, "two", now).value();
  EXPECT_NE(first, second) << "at the same time";
  EXPECT_EQ(uploads.find(1000, first, now).value(), "one");
  EXPECT_EQ(uploads.find(1000, first, now).value(), "one") << "a repeated request finds it again";
  EXPECT_FALSE(uploads.find(1001, first, now));
  EXPECT_FALSE(uploads.find(1000, "", now));
  now.mono = now.mono + LinkisUploads::kKept;
  EXPECT_FALSE(uploads.find(1000, first, now));
}

TEST(LinkisUploads, HaveLimits) {
  LinkisUploads uploads;
  const Now now{{5'000'000}, {1'000'000}};
  EXPECT_EQ(uploads.put(1, std::string(LinkisUploads::kOneMax + 1, 'x'), now).error().code,
            Errc::Limit);
  std::vector<std::string> ids;
  for (std::size_t i = 0; i <= LinkisUploads::kOfUserMax; ++i)
    ids.push_back(uploads.put(1, "x", now).value());
  EXPECT_FALSE(uploads.find(1, ids.front(), now)) << "the oldest made room";
  EXPECT_TRUE(uploads.find(1, ids[1], now));
  const std::string large(LinkisUploads::kOneMax, 'x');
  for (std::uint32_t uid = 10; uid < 25; ++uid) ASSERT_TRUE(uploads.put(uid, large, now));
  EXPECT_EQ(uploads.put(30, large, now).error().code, Errc::Unavailable);
  EXPECT_TRUE(uploads.put(30, "small", now));
}

TEST(LinkisUploads, OfOneUserLeaveRoomForOthers) {
  LinkisUploads uploads;
  const Now now{{5'000'000}, {1'000'000}};
  const std::string large(LinkisUploads::kOneMax, 'x');
  std::vector<std::string> ids;
  for (int i = 0; i < 40; ++i) ids.push_back(uploads.put(1, large, now).value());
  const std::size_t kept = LinkisUploads::kOfUserBytes / LinkisUploads::kOneMax;
  for (std::size_t i = 0; i < ids.size(); ++i)
    EXPECT_EQ(uploads.find(1, ids[i], now).has_value(), i >= ids.size() - kept) << i;
  for (std::uint32_t uid = 2; uid < 14; ++uid) EXPECT_TRUE(uploads.put(uid, large, now)) << uid;
}

}  // namespace
}  // namespace drover::server
