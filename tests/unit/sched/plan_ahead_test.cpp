// tests/unit/sched/plan_ahead_test.cpp - places for everybody: who takes what comes free.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

#include "day.hpp"

namespace drover::sched {
namespace {

// Whose place cannot be better is not searched for: see rm/room_gains.hpp. To cancel somebody is a
// round in which everybody is.
void cancel(Day& day, JobId job) { (void)day.desk().command(Verb::Cancel, job, {0, true}); }

TEST(PlanAhead, AGangThatStaysLeavesOthersWhatCameFree) {
  Day day("conservative", {});
  day.desk().node_up("n1", 8);
  day.desk().node_up("n2", 8);
  const auto gang = [](std::int64_t cpus) {
    JobSpec spec = sized(cpus, 100, "bob");
    spec.request.nodes = 2;
    return spec;
  };
  day.submit(gang(8));
  const JobId second = day.submit(gang(4));
  const JobId beside = day.submit(sized(4, 100, "bob")), goes = day.submit(sized(4, 100, "bob"));
  const JobId behind = day.submit(sized(4, 100, "bob")), last = day.submit(sized(4, 100, "bob"));
  cancel(day, last);
  day.pass_until(10);
  cancel(day, goes);  // 4 CPUs from 100 to 200
  day.pass_until(400);
  EXPECT_EQ(day.started(second), 100);
  EXPECT_EQ(day.started(beside), 100);
  EXPECT_EQ(day.started(behind), 100);
}

// On many nodes, of which one becomes ann's own when her first job starts there.
TEST(PlanAhead, AStartMakesRoomForTheSameUser) {
  Day day("conservative", {});
  for (int i = 0; i < 130; ++i) {
    day.desk().node_up("n" + std::to_string(i), 8);
    day.submit(sized(8, i == 0 ? 100 : i == 1 ? 250 : 1'000, "bob"));
  }
  const auto own = [](std::int64_t length) {
    JobSpec spec = sized(4, length, "ann");
    spec.request.sole_user = 1001;
    return spec;
  };
  day.submit(own(2'000));
  const JobId second = day.submit(own(100));
  const JobId third = day.submit(sized(8, 500, "bob")), last = day.submit(sized(8, 500, "bob"));
  cancel(day, third);
  day.pass_until(150);
  cancel(day, last);
  day.pass_until(160);
  EXPECT_TRUE(day.started(second).has_value());
}

}  // namespace
}  // namespace drover::sched
