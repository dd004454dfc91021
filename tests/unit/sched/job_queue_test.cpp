// tests/unit/sched/job_queue_test.cpp - who is asked next, against a model that looks at everybody.
// SPDX-License-Identifier: Apache-2.0
#include "sched/job_queue.hpp"

#include <gtest/gtest.h>

#include <iterator>
#include <map>
#include <set>

#include "base/prng.hpp"

namespace drover::sched {
namespace {

constexpr std::uint32_t kShapes = 40, kGroups = 3;

rm::Room room(std::int64_t cpus, std::int64_t mem) { return {cpus * 1000, mem, 0, 1}; }
rm::Room random_room(Prng& random) {
  return room(std::int64_t(random.below(10)) - 1, std::int64_t(random.below(13)));
}

// What the queue is to find out: not where the hold of others begins before it ends.
bool may_run_in(const rm::LastingRoom& free, const Shape& shape) {
  const bool ends_before = !free.then || shape.length <= free.lasts;
  return free.now.covers(shape.room) && (ends_before || free.then->covers(shape.room));
}

struct Model {
  struct Waiting {
    LaneId lane{};
    std::uint32_t shape = 0;
  };
  struct State {
    bool blocked = false;
    int tried = 0;
  };
  std::map<Place, Waiting> jobs;
  std::vector<State> shapes = std::vector<State>(kShapes);
  std::map<std::uint32_t, rm::LastingRoom> fresh;
  int pass = 0;

  std::size_t lanes_of(std::uint32_t shape) const {
    std::set<LaneId> lanes;
    for (const auto& [place, waiting] : jobs)
      if (waiting.shape == shape) lanes.insert(waiting.lane);
    return lanes.size();
  }
};

class QueueModel : public testing::Test {
 protected:
  QueueModel() {
    for (std::uint32_t i = 0; i < kShapes; ++i) {
      Shape& shape = shapes.emplace_back();
      shape.room = room(1 + i % 8, 1 + i * 7 % 11);
      shape.length = seconds(60 + i * 13 % 17);
    }
  }
  // The first of those that could start now; the shorter first where the rules say so.
  std::optional<Place> first() const {
    std::optional<std::pair<std::int64_t, Place>> best;
    for (const auto& [place, waiting] : model.jobs) {
      const Model::State& state = model.shapes[waiting.shape];
      bool may = !state.blocked;
      for (const auto& [node, free] : model.fresh)
        may |= state.tried != model.pass && may_run_in(free, shapes[waiting.shape]);
      if (!may) continue;
      const std::pair key{shortest_first ? shapes[waiting.shape].length.us : 0, place};
      if (!best || key < *best) best = key;
    }
    if (!best) return std::nullopt;
    return best->second;
  }
  void put(Prng& random) {
    const Place place{random.chance(10) ? 1 : 0, JobId{next++}};
    const auto shape = std::uint32_t(random.below(kShapes));
    const GroupId group{std::uint32_t(random.below(kGroups))};
    const LaneId lane = queue.put({group, ShapeId{shape}, {}, {}}, shapes[shape], place);
    if (queue.jobs_of(lane).front() == place && queue.jobs_of(lane).size() > 1 &&
        model.lanes_of(shape) == 1)
      model.shapes[shape] = {};
    model.jobs[place] = {lane, shape};
  }
  void remove(const Place& place) {
    const Model::Waiting gone = model.jobs.at(place);
    // Who comes after the first of a shape's only lane is tried as if it were new.
    if (queue.jobs_of(gone.lane).front() == place && model.lanes_of(gone.shape) == 1)
      model.shapes[gone.shape] = {};
    model.jobs.erase(place);
    queue.remove(gone.lane, place);
  }
  std::vector<JobId> expected_list() const;  // of all whose shape is not hopeless
  void change_who_is_listed(Prng& random);
  void pass(Prng& random);
  void play(std::uint64_t seed);

  bool shortest_first = false;
  JobQueue queue{JobQueue::Rules{}};
  std::vector<Shape> shapes;
  Model model;
  std::uint64_t next = 1;
};

void QueueModel::pass(Prng& random) {
  queue.begin_pass();
  ++model.pass;
  model.fresh.clear();
  for (std::uint32_t node = 0; node < random.below(4); ++node) {
    rm::LastingRoom free{random_room(random), {}, {}};
    if (random.chance(50)) {
      free.lasts = seconds(std::int64_t(random.below(100)));
      free.then = random_room(random);
    }
    model.fresh.insert_or_assign(node, free);
    queue.put_room(NodeId{node}, [&] { return free; });
  }
  while (true) {
    const auto candidate = queue.candidate();
    const auto expected = first();
    ASSERT_EQ(candidate.has_value(), expected.has_value());
    if (!candidate) break;
    ASSERT_EQ(candidate->place, *expected);
    const std::uint32_t shape = model.jobs.at(*expected).shape;
    model.shapes[shape].blocked = false;
    for (auto& [node, free] : model.fresh) {  // it starts where it fits
      if (!may_run_in(free, shapes[shape]) || random.chance(30)) continue;
      free.now += -shapes[shape].room;
      if (free.then && random.chance(20)) free.then.reset();  // the hold goes
      const rm::LastingRoom& left = free;  // clang 14 captures no structured binding
      queue.update_room(NodeId{node}, [&] { return left; });
      remove(*expected);
      queue.unblock(ShapeId{shape});
      for (std::uint32_t other = 0; other < kShapes && !free.then; ++other)
        if (queue.block_of(ShapeId{other}) == JobQueue::Block::Held &&
            free.now.covers(shapes[other].room))
          model.shapes[other].blocked = false;
      if (!free.then) queue.wake_held(free.now);
      break;
    }
    if (model.jobs.contains(*expected)) {
      queue.block(ShapeId{shape},
                  random.chance(50) ? JobQueue::Block::NoRoom : JobQueue::Block::Held);
      model.shapes[shape] = {true, model.pass};
    }
    if (random.chance(20)) put(random);
  }
}

void QueueModel::play(std::uint64_t seed) {
  Prng random(seed);
  for (int step = 0; step < 300; ++step) {
    if (random.chance(50) || model.jobs.empty()) put(random);
    if (random.chance(30)) {
      auto gone = model.jobs.begin();
      std::advance(gone, std::ptrdiff_t(random.below(model.jobs.size())));
      remove(Place(gone->first));
    }
    pass(random);
    if (HasFatalFailure()) return;
    std::vector<std::string> problems;
    queue.check(problems);
    ASSERT_TRUE(problems.empty()) << problems.front();
  }
}

TEST_F(QueueModel, TheFirstThatCouldStartIsAskedNext) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    shortest_first = seed % 2 == 0;
    queue = JobQueue({.shortest_first = shortest_first});
    queue.set_key_of([](const JobQueue::Lane&, const Place& place, OrderKey& key) {
      key = {-std::int64_t(place.priority), 0, place.job};
    });
    model = {};
    next = 1;
    play(seed);
    if (HasFatalFailure()) return;
  }
}

std::vector<JobId> QueueModel::expected_list() const {
  std::vector<JobId> ids;
  for (const auto& [place, waiting] : model.jobs)  // in the order of their keys
    if (queue.block_of(ShapeId{waiting.shape}) != JobQueue::Block::Hopeless)
      ids.push_back(place.job);
  return ids;
}

std::vector<JobId> ids_of(const std::vector<JobQueue::Candidate>& listed) {
  std::vector<JobId> ids;
  for (const JobQueue::Candidate& job : listed) ids.push_back(job.place.job);
  return ids;
}

void QueueModel::change_who_is_listed(Prng& random) {
  for (std::uint64_t n = random.below(6); n > 0; --n) put(random);
  for (std::uint64_t n = random.below(6); n > 0 && !model.jobs.empty(); --n) {
    auto gone = model.jobs.begin();
    std::advance(gone, std::ptrdiff_t(random.below(model.jobs.size())));
    remove(Place(gone->first));
  }
  if (!model.jobs.empty() && random.chance(10))
    queue.block(ShapeId{model.jobs.begin()->second.shape}, JobQueue::Block::Hopeless);
  if (random.chance(5)) queue.wake_all();
}

// Whoever goes through the list lets jobs start, which leave the queue: the list stays as it was.
TEST_F(QueueModel, TheListIsKeptUpToDate) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Prng random(seed);
    queue = JobQueue({.keys_stay = true});
    queue.set_key_of([](const JobQueue::Lane&, const Place& place, OrderKey& key) {
      key = {-std::int64_t(place.priority), 0, place.job};
    });
    model = {};
    next = 1;
    for (int step = 0; step < 300; ++step) {
      const std::size_t limit = random.chance(80) ? 1'000 : 1 + random.below(12);
      const auto expected = expected_list();
      const auto& listed = queue.in_order(limit);
      const auto first = ids_of(listed);
      ASSERT_EQ(first,
                std::vector(expected.begin(), expected.begin() + std::min(limit, expected.size())));
      for (const JobQueue::Candidate& job : listed)
        ASSERT_EQ(job.lane, model.jobs.at(job.place).lane);
      change_who_is_listed(random);
      ASSERT_EQ(ids_of(listed), first);
    }
  }
}

}  // namespace
}  // namespace drover::sched
