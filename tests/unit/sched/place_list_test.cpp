// tests/unit/sched/place_list_test.cpp - ordered lists and heaps against std::set.
// SPDX-License-Identifier: Apache-2.0
#include "sched/place_list.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "base/prng.hpp"
#include "sched/keyed_heap.hpp"

namespace drover::sched {
namespace {

// Mostly in order, as jobs come; and the same ones again, as jobs that are requeued.
TEST(PlaceList, IsASortedSet) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Prng random(seed);
    PlaceList list;
    std::set<Place> model;
    std::uint64_t next = 1;
    for (int step = 0; step < 2'000; ++step) {
      const auto some = [&] {
        const auto at =
            model.lower_bound({std::int32_t(random.below(3)) - 1, JobId{random.below(next)}});
        return at == model.end() ? Place{0, JobId{random.below(next)}} : *at;
      };
      const bool grows = step % 600 < 300;
      switch (random.below(grows ? 4 : 8)) {
        case 0:
        case 1:
        case 2: {
          const std::int32_t priority = random.chance(5) ? std::int32_t(random.below(3)) - 1 : 0;
          const Place place = random.chance(10) ? some() : Place{priority, JobId{next++}};
          list.insert(place);
          model.insert(place);
          break;
        }
        case 3: {
          const Place place = some();
          list.erase(place);
          model.erase(place);
          break;
        }
        default:
          if (model.empty()) break;
          list.erase(*model.begin());
          model.erase(model.begin());
      }
      ASSERT_EQ(list.size(), model.size());
      ASSERT_EQ(list.empty(), model.empty());
      if (!model.empty()) {
        ASSERT_EQ(list.front(), *model.begin());
      }
      const Place asked{0, JobId{random.below(next)}};
      ASSERT_EQ(list.contains(asked), model.contains(asked));
      if (step % 50 == 0) {
        ASSERT_TRUE(std::equal(list.begin(), list.end(), model.begin(), model.end()));
      }
    }
    list.clear();
    EXPECT_TRUE(list.empty() && list.begin() == list.end());
  }
}

// A long queue whose jobs start as fast as others come takes no more memory as it moves on.
TEST(PlaceList, UsesTheRoomOfThoseWhoHaveLeftAgain) {
  PlaceList list;
  std::uint64_t next = 1;
  for (; next <= 1'000; ++next) list.insert({0, JobId{next}});
  const std::size_t slots = list.slots();
  ASSERT_GE(slots, 1'024u);
  for (; next <= 100'000; ++next) {
    list.erase({0, JobId{next - 1'000}});
    list.insert({0, JobId{next}});
    ASSERT_EQ(list.size(), 1'000u);
  }
  EXPECT_EQ(list.slots(), slots);
  EXPECT_EQ(list.front(), (Place{0, JobId{next - 1'000}}));
}

TEST(KeyedHeap, AlwaysKnowsTheFirst) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Prng random(seed);
    using Heap = KeyedHeap<std::uint64_t, JobId>;
    Heap heap;
    std::vector<Heap::Seat> seats(64, Heap::kOut);
    std::vector<std::uint64_t> keys(64);
    std::set<std::pair<std::uint64_t, JobId>> model;
    const auto seat = [&](JobId id) -> Heap::Seat& { return seats[raw(id)]; };
    for (int step = 0; step < 2'000; ++step) {
      const JobId id{random.below(seats.size())};
      model.erase({keys[raw(id)], id});
      if (random.chance(60)) {
        keys[raw(id)] = random.below(40);
        heap.put(keys[raw(id)], id, seat);
        model.insert({keys[raw(id)], id});
      } else {
        heap.erase(id, seat);
      }
      ASSERT_EQ(heap.size(), model.size());
      if (model.empty()) continue;
      ASSERT_EQ(std::pair(heap.top().key, heap.top().id), *model.begin());
    }
  }
}

}  // namespace
}  // namespace drover::sched
