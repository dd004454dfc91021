// tests/unit/sched/group_test.cpp - limits of single groups.
// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/sched/desk.hpp"

namespace drover::sched {
namespace {

struct Limits {
  std::optional<std::uint32_t> running{};
  std::optional<std::uint64_t> queued{};
  bool reset = false;
};
Result<Done> edit(Desk& desk, const std::string& name, Limits limits, bool is_operator = true) {
  EditGroup in;
  in.name = name;
  in.running = limits.running;
  in.queued = limits.queued;
  in.reset = limits.reset;
  in.reply = ReplyToken{1};
  in.actor = {is_operator ? 0u : 1000u, is_operator};
  desk.put(std::move(in));
  desk.turn();
  return desk.last_reply();
}
const std::string kAnn = "user=ann,creator=cli";

TEST(GroupLimits, OfOneGroupHoldAtOnceAndAfterARestart) {
  Desk desk;
  desk.node_up("n1", 8);
  EXPECT_EQ(edit(desk, kAnn, {.running = 1, .queued = 3})->touched, 1u);
  EXPECT_EQ(edit(desk, kAnn, {.running = 1})->touched, 0u);
  for (int i = 0; i < 3; ++i) desk.accept(Desk::spec());
  EXPECT_EQ(desk.submit(Desk::spec()).error().code, Errc::Limit);
  EXPECT_TRUE(desk.submit(Desk::spec("bob"))) << "others have the limits of all";
  EXPECT_EQ(desk.launches.size(), 2u);
  desk.restart();
  desk.node_up("n1", 8, "b1", {{desk.launches[0].id, true}, {desk.launches[1].id, true}});
  EXPECT_EQ(desk.launches.size(), 2u);
  EXPECT_EQ(desk.controller.groups(0, 9)[0].limits.running_jobs, 1u);
  EXPECT_TRUE(desk.controller.groups(0, 9)[0].has_own_limits);
  EXPECT_EQ(edit(desk, kAnn, {.running = 2})->touched, 1u);
  EXPECT_EQ(desk.launches.size(), 3u) << "raised, it takes the next at once";
  EXPECT_EQ(edit(desk, kAnn, {.reset = true})->touched, 1u);
  EXPECT_EQ(desk.launches.size(), 4u);
  EXPECT_TRUE(desk.table.groups.empty());
}

TEST(GroupLimits, AreForOperatorsAndForNamesOfGroups) {
  Desk desk;
  EXPECT_EQ(edit(desk, kAnn, {.running = 1}, false).error().code, Errc::Denied);
  for (const char* wrong : {"", "ann", "user=ann", "creator=cli,user=ann",
                            "user=ann,creator=cli,x=y", "user=ann;creator=cli"})
    EXPECT_EQ(edit(desk, wrong, {.running = 1}).error().field, "name") << wrong;
  EXPECT_TRUE(edit(desk, "user=,creator=", {.running = 1}));
}

}  // namespace
}  // namespace drover::sched
