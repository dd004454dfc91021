// tests/unit/sched/job_table_test.cpp - jobs by id, and where labels lead, against std::map.
// SPDX-License-Identifier: Apache-2.0
#include "sched/job_table.hpp"

#include <gtest/gtest.h>

#include <map>

#include "base/prng.hpp"
#include "sched/dependency.hpp"
#include "sched/origins.hpp"

namespace drover::sched {
namespace {

// Ids in a row, far apart, and at distances that a power of two would put on one place.
TEST(JobTable, IsAMapThatMovesNobody) {
  for (const std::uint64_t stride : {1u, 3u, 4096u, 65'536u}) {
    SCOPED_TRACE("stride " + std::to_string(stride));
    Prng random(stride);
    JobTable table;
    std::map<std::uint64_t, const Job*> model;
    std::uint64_t next = 1;
    for (int step = 0; step < 20'000; ++step) {
      const bool grows = step % 8'000 < 5'000;
      if (model.empty() || random.chance(grows ? 70 : 30)) {
        const std::uint64_t id = next += stride;
        Job& job = table.add(JobId{id});
        EXPECT_EQ(raw(job.id), id);
        EXPECT_EQ(job.total, 1u) << "a job that was used before is as new";
        job.total = 7;
        model[id] = &job;
      } else {
        const auto some = model.lower_bound(random.below(next));
        const auto gone = some == model.end() ? model.begin() : some;
        table.remove(table.at(JobId{gone->first}));
        EXPECT_EQ(table.find(JobId{gone->first}), nullptr);
        model.erase(gone);
      }
      ASSERT_EQ(table.size(), model.size());
      if (step % 1'000 != 0) continue;
      for (const auto& [id, job] : model) ASSERT_EQ(table.find(JobId{id}), job);
      std::size_t seen = 0;
      for (const Job& job : table) seen += model.at(raw(job.id)) == &job ? 1 : 0;
      ASSERT_EQ(seen, model.size());
    }
  }
}

TEST(JobTable, AsksForAStrangerInVain) {
  JobTable table;
  EXPECT_EQ(table.find(JobId{1}), nullptr);
  table.add(JobId{1});
  EXPECT_EQ(table.find(JobId{2}), nullptr);
  EXPECT_DEATH(table.at(JobId{2}), "not open");
}

// Longer than it keeps: the oldest are forgotten, the others are found.
TEST(RecentEnds, KeepsTheLast) {
  RecentEnds recent;
  const std::uint64_t last = 3 * RecentEnds::kKept;
  for (std::uint64_t id = 1; id <= last; ++id)
    recent.add(JobId{id}, id % 2 == 0 ? JobState::Succeeded : JobState::Failed);
  EXPECT_FALSE(recent.find(JobId{last - RecentEnds::kKept}));
  for (std::uint64_t id = last - RecentEnds::kKept + 1; id <= last; ++id)
    ASSERT_EQ(recent.find(JobId{id}), id % 2 == 0 ? JobState::Succeeded : JobState::Failed);
}

TEST(Origins, TellLabelsApart) {
  JobSpec ann, bob, tagged;
  ann.user = "ann";
  ann.labels = {{"user", "ann"}};
  bob.user = "bob";
  bob.labels = {{"user", "ann"}};
  tagged = ann;
  tagged.labels["team"] = "x";
  Origins origins;
  origins.put(ann, {GroupId{3}, rm::PathId{4}, StandingId{5}, 6, 7});
  EXPECT_EQ(origins.find(bob), nullptr);
  EXPECT_EQ(origins.find(tagged), nullptr);
  ASSERT_NE(origins.find(ann), nullptr);
  EXPECT_EQ(origins.find(ann)->group, GroupId{3});
  EXPECT_EQ(origins.find(ann)->path_made, 7u);
  origins.clear();
  EXPECT_EQ(origins.find(ann), nullptr);
}

}  // namespace
}  // namespace drover::sched
