// tests/unit/metrics/metrics_test.cpp - the families pass promtool and stay bounded.
// SPDX-License-Identifier: Apache-2.0
#include "metrics/metrics.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <vector>

namespace drover::metrics {
namespace {

// Touches every family once, so that all of them show in a scrape.
void fill(Metrics& metrics) {
  for (const FamilyRow& row : families()) {
    std::vector<std::string_view> parts(
        row.labels.empty() ? 0
                           : 1 + std::size_t(std::count(row.labels.begin(), row.labels.end(), ',')),
        "x");
    const auto touch = [&](Metrics::LabelValues labels) {
      if (row.kind == FamilyKind::Gauge) metrics.set(row.id, labels, 1);
      if (row.kind == FamilyKind::Counter) metrics.add(row.id, labels);
      if (row.kind == FamilyKind::Histogram) metrics.observe(row.id, labels, 0.002);
    };
    if (parts.empty()) touch({});
    if (parts.size() == 1) touch({"x"});
    if (parts.size() == 2) touch({"x", "y"});
    if (parts.size() == 3) touch({"x", "y", "z"});
  }
}

TEST(Metrics, every_family_shows_once_with_help_and_type) {
  Metrics metrics;
  fill(metrics);
  const std::string text = metrics.scrape();
  for (const FamilyRow& row : families()) {
    const std::string help = "# HELP " + std::string(row.name) + " ";
    const std::size_t at = text.find(help);
    ASSERT_NE(at, std::string::npos) << row.name;
    EXPECT_EQ(text.find(help, at + 1), std::string::npos) << row.name;
  }
}

TEST(Metrics, promtool_finds_nothing_to_say) {
  if (std::system("command -v promtool >/dev/null 2>&1") != 0) {
    ASSERT_EQ(std::getenv("CI"), nullptr) << "CI must have promtool: apt-get install prometheus";
    GTEST_SKIP() << "promtool is not installed (package prometheus)";
  }
  Metrics metrics;
  fill(metrics);
  char path[] = "/tmp/drover-metrics-XXXXXX";
  const int fd = mkstemp(path);
  ASSERT_GE(fd, 0);
  close(fd);
  std::ofstream(path) << metrics.scrape();
  const std::string command = "promtool check metrics < " + std::string(path) + " 2>&1";
  FILE* out = popen(command.c_str(), "r");
  ASSERT_NE(out, nullptr);
  std::string said;
  char buffer[512];
  while (std::fgets(buffer, sizeof buffer, out) != nullptr) said += buffer;
  EXPECT_EQ(pclose(out), 0) << said;
  EXPECT_EQ(said, "");
  std::remove(path);
}

TEST(Metrics, a_family_stays_bounded_and_counts_what_it_drops) {
  Metrics metrics;
  for (std::size_t i = 0; i < kSeriesMax + 10; ++i)
    metrics.add(FamilyId::JobsRejected, {std::to_string(i)});
  EXPECT_NE(metrics.scrape().find("drover_metric_series_dropped_total 10"), std::string::npos);
}

TEST(Metrics, raise_to_never_goes_down) {
  Metrics metrics;
  metrics.raise_to(FamilyId::StoreCommits, {}, 7);
  metrics.raise_to(FamilyId::StoreCommits, {}, 3);
  EXPECT_NE(metrics.scrape().find("drover_store_commits_total 7\n"), std::string::npos);
}

TEST(Metrics, process_numbers_are_read) {
  Metrics metrics;
  const std::string text = metrics.scrape();
  EXPECT_EQ(text.find("process_resident_memory_bytes 0\n"), std::string::npos);
  EXPECT_EQ(text.find("process_start_time_seconds 0\n"), std::string::npos);
}

TEST(Metrics, the_page_matches_the_table) {
  if (std::getenv("BLESS") != nullptr) std::ofstream("docs/metrics.md") << markdown();
  std::stringstream page;
  page << std::ifstream("docs/metrics.md").rdbuf();
  EXPECT_EQ(page.str(), markdown())
      << "BLESS=1 build/dev/bin/metrics_test rewrites docs/metrics.md";
}

}  // namespace
}  // namespace drover::metrics
