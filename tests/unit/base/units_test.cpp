// tests/unit/base/units_test.cpp - durations, sizes, dates: each accepted form, and each refusal
// with a hint.
// SPDX-License-Identifier: Apache-2.0
#include "base/units.hpp"

#include <gtest/gtest.h>

#include <array>

namespace drover {
namespace {

TEST(Units, TimeLimits) {
  struct Row {
    const char* text;
    std::int64_t seconds;
  };
  for (const Row row : {Row{"90", 5400},
                        {"5:30", 330},
                        {"1:00:00", 3600},
                        {"2-12", 216000},
                        {"2-12:30", 217800},
                        {"2-12:30:05", 217805},
                        {"90s", 90},
                        {"15m", 900},
                        {"1h30m", 5400},
                        {"2d", 172800},
                        {"infinite", 0},
                        {"UNLIMITED", 0},
                        {"0", 0},
                        {"1hour", 3600},
                        {"2Days", 172800},
                        {"36500-0", 3153600000}}) {
    const auto limit = parse_time_limit(row.text);
    ASSERT_TRUE(limit) << row.text;
    EXPECT_EQ(limit->us, row.seconds * 1'000'000) << row.text;
  }
  for (const char* text :
       {"", "-5", "abc", "1:2:3:4", "1-", "-", "1h30", "5ms", "1.5h", "1 h", "h", "36501-0",
        "99999999999999", "999999999999", "1--2", "1:", ":1", "1h-2"}) {
    const auto limit = parse_time_limit(text);
    ASSERT_FALSE(limit) << text;
    EXPECT_EQ(limit.error().code, Errc::BadInput);
    EXPECT_EQ(limit.error().field, "time");
    EXPECT_FALSE(limit.error().hint.empty());
  }
}

TEST(Units, Memory) {
  struct Row {
    const char* text;
    std::int64_t mib;
  };
  for (const Row row : {Row{"512", 512},
                        {"512M", 512},
                        {"512mb", 512},
                        {"4G", 4096},
                        {"4GiB", 4096},
                        {"1k", 1},
                        {"1024K", 1},
                        {"1025K", 2},
                        {"2T", 2097152},
                        {"1.5G", 1536},
                        {"0.5m", 1},
                        {"0", 0},
                        {"0.001T", 1049},
                        {"1.25g", 1280}}) {
    const auto mib = parse_memory_mib(row.text);
    ASSERT_TRUE(mib) << row.text;
    EXPECT_EQ(*mib, row.mib) << row.text;
  }
  for (const char* text : {"", "G", "-1", "4X", "4 G", "1.2345G", "1.G", ".5G", "b", "ib", "4GiBs",
                           "999999999999T", "9999999999999999999"})
    EXPECT_FALSE(parse_memory_mib(text)) << text;
}

TEST(Units, MemoryIsShownShortAndReadsBack) {
  struct Row {
    std::int64_t mib;
    const char* text;
  };
  for (const Row row : {Row{0, "0M"},
                        {512, "512M"},
                        {1024, "1G"},
                        {1500, "1500M"},
                        {1536, "1.5G"},
                        {64213, "62.7G"},
                        {131072, "128G"},
                        {2097152, "2T"},
                        {10485760, "10T"}})
    EXPECT_EQ(format_memory_mib(row.mib), row.text) << row.mib;
  for (std::int64_t mib = 0; mib < 10L * 1024; ++mib)
    ASSERT_EQ(*parse_memory_mib(format_memory_mib(mib)), mib);
}

TEST(Units, BeginTimes) {
  const Time now{1'798'113'600'000'000};  // 2026-12-24T12:00:00Z
  ASSERT_EQ(format_utc(now), "2026-12-24T12:00:00Z");
  struct Row {
    const char* text;
    std::int64_t offset_s;
    const char* utc;
  };
  for (const Row row : {Row{"now", 0, "2026-12-24T12:00:00Z"},
                        {"now+1hour", 0, "2026-12-24T13:00:00Z"},
                        {"now+90", 0, "2026-12-24T12:01:30Z"},
                        {"now+2days", 0, "2026-12-26T12:00:00Z"},
                        {"16:00", 0, "2026-12-24T16:00:00Z"},
                        {"16:00:30", 3600, "2026-12-24T15:00:30Z"},
                        {"08:00", 0, "2026-12-25T08:00:00Z"},
                        {"12:00", 0, "2026-12-25T12:00:00Z"},
                        {"noon", 3600, "2026-12-25T11:00:00Z"},
                        {"midnight", 0, "2026-12-25T00:00:00Z"},
                        {"today", 0, "2026-12-24T00:00:00Z"},
                        {"today", 13L * 3600, "2026-12-24T11:00:00Z"},
                        {"tomorrow", -5L * 3600, "2026-12-25T05:00:00Z"},
                        {"2028-02-29", 0, "2028-02-29T00:00:00Z"},
                        {"2026-12-24T08:00", 7200, "2026-12-24T06:00:00Z"},
                        {"2026-12-24T08:00:59", 0, "2026-12-24T08:00:59Z"}}) {
    const auto begin = parse_begin(row.text, now, row.offset_s);
    ASSERT_TRUE(begin) << row.text << ": " << begin.error().message;
    EXPECT_EQ(format_utc(*begin), row.utc) << row.text;
  }
  for (const char* text : {"", "soon", "now+", "now-1", "now+1parsec", "24:00", "16", "16:60",
                           "2026-13-01", "2027-02-29", "2026-12-24T", "2026-12-24T25:00",
                           "2026-1-1", "1900-01-01", "now+999999999999", "2026-12-24T08:00Z"}) {
    const auto begin = parse_begin(text, now, 0);
    ASSERT_FALSE(begin) << text;
    EXPECT_EQ(begin.error().field, "begin");
  }
}

TEST(Units, Integers) {
  EXPECT_EQ(*parse_integer("42", 1, 100, "cpus"), 42);
  EXPECT_EQ(*parse_integer("-5", -10, 10, "nice"), -5);
  for (const char* text : {"", "0", "101", "4x", " 4", "+4", "99999999999999999999"}) {
    const auto value = parse_integer(text, 1, 100, "cpus");
    ASSERT_FALSE(value) << text;
    EXPECT_EQ(value.error().field, "cpus");
    EXPECT_EQ(value.error().hint, "write a whole number from 1 to 100");
  }
}

TEST(Units, Durations) {
  EXPECT_EQ(format_duration(seconds(93784)), "1-02:03:04");
  EXPECT_EQ(format_duration(seconds(7384)), "02:03:04");
  EXPECT_EQ(format_duration(seconds(-1)), "00:00:00");
  EXPECT_EQ(format_utc(Time{}), "");
  EXPECT_EQ(format_utc(Time{-500'000}), "1969-12-31T23:59:59Z");
}

TEST(Units, NearestMatch) {
  constexpr std::array<std::string_view, 3> kNames = {"cpus-per-task", "output", "time"};
  EXPECT_EQ(nearest_match("cpu-per-task", kNames), "cpus-per-task");
  EXPECT_EQ(nearest_match("ouptut", kNames), "output");
  EXPECT_EQ(nearest_match("tim", kNames), "time");
  EXPECT_EQ(nearest_match("banana", kNames), "");
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
}

}  // namespace
}  // namespace drover
